"""What a new host reads at its first boot: who it is, which keys it has, who may log in."""

from collections.abc import Sequence

import yaml

from blocks.stored.host_keys import LOGIN_USER


def cloud_config(hostname: str, login_keys: Sequence[str], host_key_private: str, host_key_public: str) -> str:
    """Return the user data of one host, in cloud-init's "#cloud-config" form. It holds the host key: never log it.

    The host gets exactly one ssh host key, ours, so that its first ssh connection can be verified; and one user,
    ``dockerdriver``, who logs in with our keys alone and may use sudo without a password.

    Args:
        hostname: what the host calls itself.
        login_keys: each "ssh-ed25519 AAAA…", of the keys that we log in with: two of them while the key is rotated.
        host_key_private: OpenSSH PEM of the host's own key.
        host_key_public: "ssh-ed25519 AAAA…" of the host's own key.
    """
    login = {
        "name": LOGIN_USER,
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "lock_passwd": True,
        "ssh_authorized_keys": [*login_keys],
    }
    config = {
        "hostname": hostname,
        "manage_etc_hosts": "localhost",  # or sudo warns that it cannot resolve the host's name
        "ssh_deletekeys": True,  # keys that came with the image would be shared by all its hosts
        "ssh_keys": {"ed25519_private": host_key_private, "ed25519_public": host_key_public},
        "ssh_pwauth": False,
        "disable_root": True,
        "ssh": {"emit_keys_to_console": False},
        "users": [login],
    }
    return "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False)
