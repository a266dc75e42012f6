"""Pipelines for backups of sessions."""
