"""A running Swift that answers S3, from the package registry; in a folder, and on ports, of its own."""

import hmac
import os
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from tests.rigs.openstack.installing import install_locked
from tests.rigs.ports import free_ports
from tests.rigs.s3.configuration import ACCESS_KEY, HOST, REGION, SECRET_KEY, SERVERS, write_all
from tests.rigs.waiting import until

HERE = Path(__file__).parent
VENV = Path(__file__).parents[3] / "build" / "swift" / "venv"
READY_SECONDS = 60
FOLDER = "sessions"  # of each bucket


class S3Store:
    """Four servers of Swift, each one process; what they keep is in the folder, and outlives them."""

    def __init__(self, folder: Path) -> None:
        names = (*SERVERS, "proxy", "cache")
        self._folder, self._ports = folder, dict(zip(names, free_ports(len(names)), strict=True))
        self._running: list[subprocess.Popen] = []
        (folder / "devices" / "disk").mkdir(parents=True)

    def make(self) -> None:
        """Write what the servers read."""
        write_all(self._folder, self._ports)
        where = [f"{name}={self._ports[name]}" for name in SERVERS]
        subprocess.run([VENV / "bin/python", HERE / "make_rings.py", self._folder, *where], check=True)

    def start(self) -> None:
        """Start the servers, and wait until the store answers."""
        for name in (*SERVERS, "proxy"):
            command = [VENV / f"bin/swift-{name}-server", self._folder / f"{name}.conf"]
            with (self._folder / f"{name}.log").open("ab") as log:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            self._running.append(process)
        until(self._answers, "the S3 store answers", READY_SECONDS)

    def kill(self) -> None:
        """End every server as a power cut does; it does not answer any more."""
        for process in self._running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()
        assert not self._answers()

    def freeze(self) -> None:
        """Have it take connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._running:
            os.killpg(process.pid, number)

    def place(self, bucket: str) -> dict[str, str]:
        """Fields of the block `backup-store/main` for a folder in a bucket, which restic makes if it is not there."""
        location = f"s3:{self._url}/{bucket}/{FOLDER}"
        return {"location": location, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": REGION}

    def with_files(self, bucket: str, files: Mapping[str, bytes]) -> dict[str, str]:
        """The same of a bucket that is made now, with these files in the folder."""
        self._put(bucket)
        for name, content in files.items():
            self._put(f"{bucket}/{FOLDER}/{name}", content)
        return self.place(bucket)

    def _put(self, path: str, content: bytes = b"") -> None:
        """Make a bucket, or an object in one; signed as the second version of S3's signatures has it."""
        date = formatdate(usegmt=True)
        signature = hmac.digest(SECRET_KEY.encode(), f"PUT\n\n\n{date}\n/{path}".encode(), "sha1")
        signed = {"Date": date, "Authorization": f"AWS {ACCESS_KEY}:{b64encode(signature).decode()}"}
        answer = httpx.put(f"{self._url}/{path}", content=content, headers=signed, timeout=60, trust_env=False)
        answer.raise_for_status()

    def size(self) -> int:
        """Bytes of the objects that it keeps, those that are on their way among them."""
        folders = os.walk(self._folder / "devices")  # which leaves out what goes while it is looked at
        return sum(_bytes_of(Path(folder) / name) for folder, _, names in folders for name in names)

    @property
    def _url(self) -> str:
        return f"http://{HOST}:{self._ports['proxy']}"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._url}/healthcheck", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def s3_store() -> Iterator[S3Store]:
    """Lend a running store; the test is skipped where the package registry does not answer.

    Raises:
        RuntimeError: the registry answers, and Swift cannot be installed.
    """
    try:
        install_locked(VENV, HERE / "requirements.lock")
    except RuntimeError as error:
        if _registry_answers():
            raise
        pytest.skip(f"Swift is not installed, and pip's index has no answer: {str(error)[-200:]}")
    with tempfile.TemporaryDirectory(prefix="dd-swift-", ignore_cleanup_errors=True) as folder:
        store = S3Store(Path(folder))
        try:
            store.make()
            store.start()
            yield store
        finally:
            store.kill()


def _bytes_of(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _registry_answers() -> bool:
    ask = (sys.executable, "-m", "pip", "index", "versions", "pip")
    return not subprocess.run(ask, capture_output=True, check=False).returncode
