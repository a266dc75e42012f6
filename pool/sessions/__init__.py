"""Rules for sessions: who is admitted, who is next, where a session goes, how its container is made."""
