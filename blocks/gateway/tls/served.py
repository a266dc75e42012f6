"""The certificate and key that nginx reads: copies of the last ones that could be used, in a folder of its own.

So what is put in place of the operator's files, right or wrong, changes nothing before it was judged, also where nginx
starts anew meanwhile. Both copies are in one folder that a link names, so nginx never finds one without the other.
"""

import fcntl
import shutil
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from blocks.files.private_files import open_lock, write_private
from blocks.gateway.settings import GatewayConfig
from blocks.gateway.tls.judged import Pair, objection, read_certificate, read_pair
from pool.errors import BadRequest
from pool.moments import minute

_CERTIFICATE, _KEY = "certificate.pem", "key.pem"


def served_files(config: GatewayConfig) -> tuple[Path, Path]:
    """Where nginx reads certificate and key."""
    return config.directory / "tls" / _CERTIFICATE, config.directory / "tls" / _KEY


def set_files(config: GatewayConfig) -> tuple[Path, Path] | None:
    """Where the operator puts them; None: the gateway speaks no TLS."""
    certificate, key = config.settings.certificate, config.settings.certificate_key
    return (certificate, key) if certificate and key else None


def put_in_service(config: GatewayConfig, now: datetime) -> str:
    """Copy certificate and key to where nginx reads them, unless they are refused. Again is harmless.

    Returns:
        Why they are refused, in a sentence; empty: they are in service.

    Raises:
        BadRequest: they cannot be used, and there are none from before.
    """
    files = set_files(config)
    if files is None:
        _drop_all(config)
        return ""
    pair, refused = _judge(config, files, now)
    if pair:
        _copy(config, pair)
    return refused


def refusal_of_files(config: GatewayConfig, now: datetime) -> str:
    """Say why the operator's files would not be put in service, and what is instead; empty: they would, or are none.

    Raises:
        BadRequest: they cannot be used, and there are none from before.
    """
    files = set_files(config)
    return _judge(config, files, now)[1] if files else ""


def _judge(config: GatewayConfig, files: tuple[Path, Path], now: datetime) -> tuple[Pair | None, str]:
    """Read the operator's files; None, and why, where those that nginx has are better.

    A certificate that has run out, or is for another name, is taken where there is none in order: browsers that are
    warned are better than none that are let in.
    """
    before = _served_before(config)
    try:
        pair = read_pair(*files)
    except BadRequest as refusal:
        if before is None:
            raise
        return None, f"{refusal}{_goes_on(before)}"
    names = names_wanted(config)
    wrong = objection(files[0], pair.read, names, now)
    if wrong and before and not objection(files[0], before, names, now):
        return None, f"{wrong}{_goes_on(before)}"
    return pair, ""


def _goes_on(served: x509.Certificate) -> str:
    return f"; the gateway goes on with the one before, until {minute(served.not_valid_after_utc)}"


def _served_before(config: GatewayConfig) -> x509.Certificate | None:
    try:
        return read_pair(*served_files(config)).read
    except BadRequest:
        return None


def trouble_with_files(config: GatewayConfig, now: datetime) -> str:
    """Say what speaks against the operator's files; empty: nothing that this account may see."""
    files = set_files(config)
    if files is None:
        return ""
    try:
        if refused := refusal_of_files(config, now):
            return refused
    except BadRequest as refusal:
        if not isinstance(refusal.__cause__, PermissionError):
            return str(refusal)
    with suppress(BadRequest):  # the key may be root's alone: the certificate is looked at all the same
        return objection(files[0], read_certificate(files[0]), names_wanted(config), now)
    return ""


def copies_in_service(config: GatewayConfig) -> str:
    """Say which copies nginx is to read: another text for each that was ever made; empty: there are none."""
    try:
        return str((config.directory / "tls").readlink())
    except FileNotFoundError:
        return ""


def are_copied(config: GatewayConfig) -> bool:
    """Whether what nginx is to read is what the operator's files hold."""
    files = set_files(config)
    try:
        return files is not None and _holds(served_files(config), read_pair(*files))
    except BadRequest:
        return False


def names_wanted(config: GatewayConfig) -> list[str]:
    """Return the names that browsers must find in the certificate; none behind a proxy, which may ask by another."""
    if config.settings.trusted_proxies:
        return []
    host = (urlsplit(config.public_url).hostname or "").lower()
    below = f"*.{config.session_domain.lower()}" if config.session_domain else ""
    return [name for name in (host, below) if name]


def _copy(config: GatewayConfig, pair: Pair) -> None:
    """Put them in service at once: a folder of their own, then the link to it; one process at a time."""
    config.directory.mkdir(parents=True, exist_ok=True)
    with open_lock(config.directory / "tls.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _holds(served_files(config), pair):
            return
        folder = Path(tempfile.mkdtemp(prefix="tls-", dir=config.directory))  # for its owner alone
        write_private(folder / _CERTIFICATE, pair.certificate)
        write_private(folder / _KEY, pair.key)
        link = config.directory / "tls"
        new = link.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.symlink_to(folder.name)
        new.replace(link)
        _drop_others(config, folder)


def _holds(files: tuple[Path, Path], pair: Pair) -> bool:
    try:
        return (files[0].read_bytes(), files[1].read_bytes()) == (pair.certificate, pair.key)
    except OSError:
        return False


def _drop_others(config: GatewayConfig, kept: Path | None) -> None:
    for folder in config.directory.glob("tls-*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def _drop_all(config: GatewayConfig) -> None:
    """A key that nothing needs is not kept."""
    with suppress(FileNotFoundError):
        (config.directory / "tls").unlink()
    _drop_others(config, None)
