"""A real OpenStack on loopback for the tests: Keystone, Glance, Placement, Neutron and Nova from the Python registry.

A server of this cloud is a system container of the host image on the machine's own engine, at the address of its
Neutron port, booted with the config drive that Nova made: it answers ssh, honours its user data and can run Docker. All
other behaviour (quota, scheduling, faults, binding, tags, tokens) is that of the real services.
"""

from tests.rigs.openstack.rig import OpenStackRig

__all__ = ["OpenStackRig"]
