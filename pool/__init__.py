"""The domain: states, rules, records. No Prefect, no network, no clock."""
