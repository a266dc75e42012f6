"""What makes a machine a notebook host: ssh, the playbook, and taking an image of it."""
