"""The local cloud: hosts are system containers on the machine's own Docker Engine."""
