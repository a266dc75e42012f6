"""Telling: every change of state, from the outbox in SQL to all who must hear of it."""
