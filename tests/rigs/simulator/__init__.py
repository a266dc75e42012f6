"""A whole installation in one thread and virtual time: days of a pool's life in seconds.

What runs is the product's own code: every flow, task and rule, on a real SQLite store. What is replaced are the ports:
the cloud, the hosts' engines, ssh and the playbook, the gateway, and Prefect with its runs, workers and artifacts. The
fakes are slow, fail on demand and lie. docs/simulator.md says how to use it and how to teach it a new port.
"""
