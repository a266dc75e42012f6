"""The TLS port of a host's engine, as its manager or a thief of the manager's keys comes to it."""

import socket
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from blocks.stored.authority import CertificateAuthority

PORT = 2376


def client_context(authority: CertificateAuthority, identified: bool = True) -> ssl.SSLContext:
    """What believes an authority and, if it is to be *identified*, shows a certificate by it."""
    context = ssl.create_default_context(cadata=authority.certificate)
    if identified:
        with TemporaryDirectory() as folder:
            issued, pem = authority.issue_client("manager", days=1), Path(folder, "client.pem")
            pem.write_text(issued.private_key + issued.certificate)
            context.load_cert_chain(pem)
    return context


def ping_engine(address: str, context: ssl.SSLContext) -> bytes:
    """All that an engine answers.

    Raises:
        SSLError: one of the two does not believe the other.
    """
    with (
        socket.create_connection((address, PORT), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=address) as connection,
    ):
        connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(4096), b""))
