"""Blocks that an operator sees in Prefect's UI: settings of pools, blueprints, keys and logins."""
