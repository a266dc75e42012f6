"""The flows of hosts: made, equipped, drained, given back."""
