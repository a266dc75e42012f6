"""Webhooks: what a platform is told without asking."""
