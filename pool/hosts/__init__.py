"""Rules for hosts: how many and which size, how long they serve, what they boot from, what fills their disks."""
