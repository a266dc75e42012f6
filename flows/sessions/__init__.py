"""The flows of sessions: started, ended, extended, asked about."""
