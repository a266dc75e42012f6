"""Housekeeping of the pools, the plan of its next tick, and the rotation of keys."""
