"""Connections to one Docker Engine: opened when needed, kept open, used by one thread at a time."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary, finalize

import docker
from docker.errors import DockerException
from docker.tls import TLSConfig
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from blocks.engine.tls_trouble import innermost, is_alert, is_distrust
from pool.blame import blame_for
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

    def __init__(
        self,
        url: str,
        host: str,
        identity: EngineIdentity | None = None,
        look_again: Callable[[], EngineIdentity] | None = None,
    ) -> None:
        self.host = host
        self.has_quotas = True  # its storage can limit what a container writes; until it says that it cannot
        self._url = url
        self._identity, self._look_again = identity, look_again
        self._tls = _tls(identity) if identity else None
        self._retired = False
        self._idle: deque[docker.APIClient] = deque()
        self._api: str | None = None

    @contextmanager
    def client(self, step: str, timeout: float) -> Iterator[docker.APIClient]:
        """Lend a client for one step.

        Args:
            step: what is being done, for the sentence of an error: "start container dd-alice".
            timeout: seconds without a byte from the engine after which it counts as gone.

        Raises:
            EngineTrouble: the engine refused or failed; its blame says whose fault that is.
            HostUnreachable: nothing answers, it took too long, or what answers is not the host; `HostDistrusted` when
                it is a certificate that is at fault.
        """
        client = None
        try:
            client = self._borrow(timeout)
            yield client
        except DockerException as error:
            if client:  # else the engine refused to say what it is, and there is none yet
                self._give_back(client)
            raise self._refusal(step, error) from error
        except (RequestException, HTTPError, OSError) as error:
            self._drop(client)
            kind = HostDistrusted if self._is_distrusted(error) else HostUnreachable
            raise kind(f"host {self.host}: the engine could not {step}: {_root_cause(error)}") from error
        except BaseException:
            self._drop(client)  # a generator's end or an error of the caller: bytes of it may still be on the wire
            raise
        else:
            self._give_back(client)

    def _is_distrusted(self, error: BaseException) -> bool:
        """Whether one of us does not believe the other, and not for an identity that was replaced meanwhile."""
        return is_distrust(innermost(error)) and not self._takes_another_identity()

    def _takes_another_identity(self) -> bool:
        """Whether there is another identity by now; connections are opened with that from now on."""
        fresh = self._look_again() if self._look_again else self._identity
        if fresh is None or fresh == self._identity:
            return False
        self._identity, self._tls = fresh, _tls(fresh)
        return True

    def _refusal(self, step: str, error: DockerException) -> EngineTrouble:
        words, status = _explanation(error), getattr(error, "status_code", None)
        blame = blame_for(status, words)
        return EngineTrouble(f"host {self.host}: the engine refused to {step}: {words}", blame)

    def retire(self) -> None:
        """Keep no connection open from now on: what is in use is closed when it is given back."""
        self._retired = True
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._api = None
        while self._idle:
            self._idle.pop().close()

    def _give_back(self, client: docker.APIClient) -> None:
        self._idle.append(client)
        if self._retired:  # looked at last: `retire` may have closed the idle ones just before
            self.close()

    def _borrow(self, timeout: float) -> docker.APIClient:
        try:
            client = self._idle.pop()
        except IndexError:
            client = self._open(self._api or self._negotiated(timeout))
        client.timeout = (min(CONNECT_SECONDS, timeout), timeout)  # type: ignore[assignment]  # requests takes a pair
        return client

    def _negotiated(self, timeout: float) -> str:
        """Ask for the engine's dialect; once more where the authority was rotated since the identity was issued."""
        try:
            return self._negotiate(timeout)
        except (RequestException, HTTPError, OSError) as error:
            if is_distrust(innermost(error)) and self._takes_another_identity():
                return self._negotiate(timeout)
            raise

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
        client = docker.APIClient(base_url=self._url, version=api, tls=self._tls.config if self._tls else False)
        client.trust_env = False  # else REQUESTS_CA_BUNDLE replaces our CA, and a proxy may come between
        return client

    def _drop(self, client: docker.APIClient | None) -> None:
        if client:
            client.close()
        self.close()


class _Tls:
    """An identity as files that requests can read; they are gone with the last connections that use them."""

    def __init__(self, identity: EngineIdentity) -> None:
        pems = (identity.client_certificate, identity.client_key, identity.authority_certificate)
        files = [_file_in_memory(pem) for pem in pems]
        finalize(self, _close_all, files)
        certificate, key, authority = (f"/proc/self/fd/{file}" for file in files)
        self.config = TLSConfig(client_cert=(certificate, key), ca_cert=authority, verify=True)


#: One for each identity in use: a thousand hosts share three files.
_in_use: WeakValueDictionary[EngineIdentity, _Tls] = WeakValueDictionary()
_making = threading.Lock()


def _tls(identity: EngineIdentity) -> _Tls:
    with _making:
        found = _in_use.get(identity)
        if found is None:
            found = _in_use[identity] = _Tls(identity)
        return found


def _file_in_memory(pem: str) -> int:
    """Descriptor of a file that reads as *pem*: requests takes paths alone, and a key in memory outlives no crash."""
    file = os.memfd_create("pem")
    os.write(file, pem.encode())
    return file


def _close_all(files: list[int]) -> None:
    for file in files:
        os.close(file)


def _explanation(error: DockerException) -> str:
    return " ".join(str(getattr(error, "explanation", None) or error).split())


def _root_cause(error: BaseException) -> str:
    """Return the innermost reason: "Connection refused", not requests' three layers around it."""
    cause = innermost(error)
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"it does not take our certificate; is its clock right? ({words})" if is_alert(cause) else words
