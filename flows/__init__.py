"""The pipelines: each composes tasks and decides nothing that a rule in pool/ can decide."""
