"""Connections to one Docker Engine: opened when needed, kept open, used by one thread at a time."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import docker
from docker.errors import DockerException
from docker.tls import TLSConfig
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from blocks.engine.tls_trouble import innermost, is_alert, is_distrust
from pool.errors import EngineTrouble, HostDistrusted, HostUnreachable

CONNECT_SECONDS = 5
#: Every engine answers ``/version`` in this dialect; the real one is negotiated from the answer.
OLDEST_API = "1.24"


@dataclass(frozen=True)
class EngineIdentity:
    """What both ends of a connection prove themselves with, as PEM texts."""

    authority_certificate: str
    client_certificate: str
    client_key: str = field(repr=False)


class Connections:
    """A free list of clients of one engine.

    A client is borrowed by one thread at a time, because a requests session is not made for sharing. One that met
    trouble is closed, and the idle ones with it: the engine may have restarted, or be another one by now.
    """

    def __init__(self, url: str, host: str, identity: EngineIdentity | None = None):
        self.host = host
        self._url = url
        self._identity = identity
        self._idle: deque[docker.APIClient] = deque()
        self._api: str | None = None

    @contextmanager
    def client(self, step: str, timeout: float) -> Iterator[docker.APIClient]:
        """Lend a client for one step.

        Args:
            step: what is being done, for the sentence of an error: "start container dd-alice".
            timeout: seconds without a byte from the engine after which it counts as gone.

        Raises:
            EngineTrouble: the engine refused or failed.
            HostUnreachable: nothing answers, it took too long, or what answers is not the host; `HostDistrusted` when
                it is a certificate that is at fault.
        """
        client = None
        try:
            client = self._borrow(timeout)
            yield client
        except DockerException as error:
            if client:  # else the engine refused to say what it is, and there is none yet
                self._idle.append(client)
            raise EngineTrouble(f"host {self.host}: the engine would not {step}: {_explanation(error)}") from error
        except (RequestException, HTTPError, OSError) as error:
            self._drop(client)
            kind = HostDistrusted if is_distrust(innermost(error)) else HostUnreachable
            raise kind(f"host {self.host}: the engine could not {step}: {_root_cause(error)}") from error
        except BaseException:
            self._drop(client)  # a generator's end or an error of the caller: who knows what is still on the wire
            raise
        else:
            self._idle.append(client)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._api = None
        while self._idle:
            self._idle.pop().close()

    def _borrow(self, timeout: float) -> docker.APIClient:
        try:
            client = self._idle.pop()
        except IndexError:
            client = self._open(self._api or self._negotiate(timeout))
        client.timeout = (min(CONNECT_SECONDS, timeout), timeout)  # type: ignore[assignment]  # requests takes a pair
        return client

    def _negotiate(self, timeout: float) -> str:
        probe = self._open(OLDEST_API)
        probe.timeout = (min(CONNECT_SECONDS, timeout), timeout)  # type: ignore[assignment]  # requests takes a pair
        try:
            self._api = probe.version(api_version=False)["ApiVersion"]
        except (KeyError, TypeError) as error:
            raise HostUnreachable(f"host {self.host}: what answers there is no Docker Engine") from error
        finally:
            probe.close()
        return self._api

    def _open(self, api: str) -> docker.APIClient:
        tls = _tls(self._identity) if self._identity else False
        client = docker.APIClient(base_url=self._url, version=api, tls=tls)
        client.trust_env = False  # else REQUESTS_CA_BUNDLE replaces our CA, and a proxy may come between
        return client

    def _drop(self, client: docker.APIClient | None) -> None:
        if client:
            client.close()
        self.close()


@lru_cache(maxsize=8)
def _tls(identity: EngineIdentity) -> TLSConfig:
    pair = (_pem_path(identity.client_certificate), _pem_path(identity.client_key))
    return TLSConfig(client_cert=pair, ca_cert=_pem_path(identity.authority_certificate), verify=True)


@lru_cache(maxsize=32)
def _pem_path(pem: str) -> str:
    """A path that reads as *pem*: requests takes nothing but paths, and a key in memory is on no disk after a crash."""
    handle = os.memfd_create("pem")
    os.write(handle, pem.encode())
    return f"/proc/self/fd/{handle}"


def _explanation(error: DockerException) -> str:
    return " ".join(str(getattr(error, "explanation", None) or error).split())


def _root_cause(error: BaseException) -> str:
    """The innermost reason: "Connection refused", not requests' three layers around it."""
    cause = innermost(error)
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"it does not take our certificate; is its clock right? ({words})" if is_alert(cause) else words
