"""Backups in a restic repository: deduplicated, compressed, encrypted; in a directory or an S3 store."""

import json
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from blocks.backups import quick_key
from blocks.backups import restic_messages as messages
from blocks.backups.places import Places
from blocks.backups.repository import BackupRepository, Parts, Written
from blocks.backups.restic_process import (
    Begun,
    awaiting,
    ended,
    in_memory,
    kept_environment,
    last_line,
    launched,
    next_chunk,
    outcome,
    pumped,
    secret_files,
)
from blocks.stored.documents.stored_blocks import StoredBlocks
from pool.backups.snapshots import Snapshot
from pool.backups.states import BackupFault, BackupTrouble

FILE = "work.tar"  # of each snapshot, the one file
STEP_SECONDS, PRUNE_SECONDS, CHECK_SECONDS = 120, 3600, 3600
STALL_SECONDS = 300  # that a stream may stand still; restic itself was seen to ask a dead store again for over 900
FORGET_AT_ONCE = 1000  # snapshots, whose names are arguments of one command
REPACKED = "1G"  # at one time: no backup is written meanwhile. What is left unused then is repacked the next time
BACKEND = re.compile(r"[a-z0-9]+:")  # begins each place that is no directory, as in s3:https://…
#: What Go leaves uncollected, in percent of what it needs: 20 costs a backup a sixth of its work, 100 saves no more.
MEMORY = {"GOGC": "50"}


class ResticRepository(BackupRepository):
    """The repository that the block ``backup-store/main`` names.

    Args:
        stored: where the block is.
        directory: the repository where the block names none.
        identity: of this installation; its snapshots carry it as their host.
        places: which had a repository before.
        stall: seconds that a stream may stand still.
    """

    def __init__(
        self, stored: StoredBlocks, directory: Path, identity: str, places: Places, stall: float = STALL_SECONDS
    ) -> None:
        self._stored, self._directory, self._identity = stored, directory, identity
        self._places, self._stall = places, stall

    def write(self, name: str, stream: Iterable[bytes]) -> Written:
        """Keep a stream. restic takes a broken pipe for the end of the file: it is killed before that.

        What a killed manager leaves is a snapshot that no record names; :meth:`forget` gets it later. restic finds that
        there is no repository, or that it is locked, before it reads: what it was given by then is given again.
        """
        begun = Begun(stream)
        try:
            written = self._written(name, begun)
        except BackupTrouble as error:
            in_its_way = (messages.NOT_THERE, messages.LOCKED)
            if not begun.is_remembered or not any(words in str(error) for words in in_its_way):
                raise
            self._make()
            written = self._written(name, begun.again())
        self._places.note(self._location())
        return written

    def _written(self, name: str, stream: Iterable[bytes]) -> Written:
        command = ["backup", "--stdin", "--stdin-filename", FILE, "--tag", name, "--host", self._identity]
        started = self._started([*command, "--json", "--quiet"], stdin=subprocess.PIPE)
        with started as process, awaiting(process, self._stall) as answer:
            digest, size = pumped(stream, process, answer)
            with answer:
                said = outcome(process, "write a backup")
        return Written(messages.summary_of(said)["snapshot_id"], digest, size)

    def read(self, snapshot: str) -> Iterator[bytes]:
        """Give back a stream; restic checks the digest of each part. It waits for no deletion."""
        started = self._started(["dump", "--no-lock", snapshot, FILE])
        with started as process, awaiting(process, self._stall) as answer:
            while chunk := next_chunk(process, answer):
                yield chunk
            try:
                outcome(process, f"read snapshot {snapshot}")
            except BackupTrouble as error:
                if not (spoiled := self._spoiled(snapshot, str(error))):
                    raise
                raise BackupTrouble(spoiled, BackupFault.SPOILED) from error

    def _spoiled(self, snapshot: str, said: str) -> str:
        """Tell what of the repository is damaged, lost or cut short; empty: it may be readable the next time.

        Raises:
            BackupTrouble: all of the repository is gone meanwhile.
        """
        if messages.says_spoiled(said):
            self.check_there(snapshot)
            return said
        pack = messages.named_pack(said)
        of_size = self._said_of_size(pack) if pack else ""
        return f"restic could not read snapshot {snapshot}: a file was cut short: {of_size}" if of_size else ""

    def _said_of_size(self, pack: str) -> str:
        """Have the sizes of all packs listed, and held to the index; what that says of one. Empty: it is as it was.

        To restic a file that was cut short looks like a connection that broke off. A store that does not answer lists
        nothing, and so is not taken for one that lost a part.
        """
        with self._started(["check", "--no-lock", "--quiet"]) as process:
            try:
                _, said = process.communicate(timeout=STEP_SECONDS)
            except subprocess.TimeoutExpired as error:  # sizes come first; then it reads each snapshot's list of files
                said = error.stderr or b""
        return messages.said_of_size(said.decode(errors="replace"), pack)

    def check_there(self, snapshot: str) -> None:
        """Read the snapshot's own file."""
        self._run(["cat", "--no-lock", "snapshot", snapshot])

    def parts(self, snapshot: str) -> Parts:
        """Tell what a stream consists of: restic's blobs, which it names by their SHA-256."""
        tree = json.loads(self._run(["cat", "--no-lock", "snapshot", snapshot]))["tree"]
        [file] = json.loads(self._run(["cat", "--no-lock", "blob", tree]))["nodes"]
        return Parts(tuple(file["content"] or ()), file["size"])

    def read_part(self, name: str) -> bytes:
        """Give back one blob; restic finds it by its index, and checks it."""
        return self._run(["cat", "--no-lock", "blob", name])

    def snapshots(self) -> dict[str, Snapshot]:
        """All snapshots of this installation; none where no repository was made yet."""
        said = self._unless_absent(["snapshots", "--no-lock", "--json", "--host", self._identity])
        return {one["id"]: messages.snapshot_of(one) for one in json.loads(said or "[]")}

    def forget(self, snapshots: Collection[str]) -> None:
        """Delete snapshots, and the parts that no other one needs."""
        if not snapshots:
            return
        gone = sorted(set(snapshots) & self.snapshots().keys())
        if gone:
            self._run(["unlock"])
            for first in range(0, len(gone), FORGET_AT_ONCE):
                self._run(["forget", *gone[first : first + FORGET_AT_ONCE]])
            self._run(["prune", "--max-repack-size", REPACKED], PRUNE_SECONDS)

    def check_share(self, share: int, shares: int) -> None:
        """Read one of so many shares of all packs, and check the index and the trees. No backup waits for it."""
        self._unless_absent(["check", "--no-lock", "--quiet", f"--read-data-subset={share}/{shares}"], CHECK_SECONDS)

    def accept_keys(self) -> None:
        """Add the next key, or remove the one before; looks first, and does nothing where no repository was made."""
        place = self._stored.backup_place()
        if self._unless_absent(["cat", "config", "--no-lock"]) is None:
            return
        if place.next.get_secret_value():
            if self._id_of(place.next) is None:
                self._add(place.next)
        elif place.previous.get_secret_value():
            while found := self._id_of(place.previous):
                self._run(["key", "remove", found])

    def _add(self, key: SecretStr) -> None:
        with ExitStack() as files:
            file = in_memory(key.get_secret_value(), files)
            self._run(["key", "add", "--new-password-file", f"/proc/self/fd/{file}"], also=(file,))
        self._quicken(key)

    def _quicken(self, key: SecretStr) -> None:
        """Put a file that opens at once in the place of a key's own, where both the key and the place allow for it.

        restic is asked first whether it opens, in a folder beside: a file that it did not read would keep all keys from
        opening. A process that dies leaves the slow one, or both. Where it is trouble, each command takes longer.
        """
        password, folder = key.get_secret_value(), Path(self._location())
        if BACKEND.match(self._location()) or not quick_key.is_random(password):
            return
        with suppress(BackupTrouble, OSError, ValueError), TemporaryDirectory() as beside:
            slow = quick_key.file_of(folder, self._id_of(key) or "")
            master = json.loads(self._run(["cat", "masterkey", "--no-lock"], key=key))
            name, content = quick_key.quick_key(master, password)
            quick_key.copied(folder, Path(beside), name, content)
            self._run(["cat", "config", "--no-lock", "--repo", beside], key=key)
            quick_key.placed(folder, name, content)
            slow.unlink()

    def _id_of(self, key: SecretStr) -> str | None:
        """Return the repository's own name of a key, whole or short; None where it does not open it."""
        try:
            listed = json.loads(self._run(["key", "list", "--no-lock", "--json"], key=key))
        except BackupTrouble as error:
            if messages.WRONG_KEY not in str(error):
                raise
            return None
        return next(one["id"] for one in listed if one["current"])

    def _make(self) -> None:
        """Make the repository unless there is one; of two that do, the second finds that of the first.

        What a deletion left that was killed would keep each backup from being written: restic unlocks what no living
        process holds.
        """
        why_none = self._why_none_is_made()
        try:
            self._run(["unlock"])
        except BackupTrouble as error:
            if messages.NOT_THERE not in str(error):
                raise
            if why_none:
                raise BackupTrouble(why_none if messages.says_absent(str(error)) else str(error)) from error
            try:
                self._run(["init"])
            except BackupTrouble:
                self._run(["cat", "config", "--no-lock"])
            else:
                self._quicken(self._stored.backup_place().key)

    def _unless_absent(self, command: list[str], seconds: int = STEP_SECONDS) -> bytes | None:
        """Run a command that looks; None where no repository was made yet.

        Raises:
            BackupTrouble: it failed; or there is none where one was.
        """
        why_none = self._why_none_is_made()
        try:
            return self._run(command, seconds)
        except BackupTrouble as error:
            if not messages.says_absent(str(error)):
                raise
            if why_none:
                raise BackupTrouble(why_none) from error
            return None

    def _why_none_is_made(self) -> str:
        """Look this up before the repository is: one that another process makes is remembered after it was made."""
        return self._places.why_none_is_made(self._location())

    def _location(self) -> str:
        return self._stored.backup_place().location or str(self._directory)

    def _run(self, command: list[str], seconds: int = STEP_SECONDS, **how: Any) -> bytes:
        """Run one command to its end, once more where a dead process left a lock."""
        try:
            return self._once(command, seconds, **how)
        except BackupTrouble as error:
            if messages.LOCKED not in str(error):
                raise
            self._once(["unlock"], STEP_SECONDS)
            return self._once(command, seconds, **how)

    def _once(self, command: list[str], seconds: int, **how: Any) -> bytes:
        with self._started(command, **how) as process:
            try:
                said, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                raise BackupTrouble(f"restic {command[0]} did not end within {seconds} s") from None
        if process.returncode:
            raise BackupTrouble(f"restic could not {' '.join(command[:2])}: {last_line(errors)}")
        return said

    @contextmanager
    def _started(
        self, command: list[str], key: SecretStr | None = None, also: Collection[int] = (), **how: Any
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run restic for the length of a with block; what is left of it at its end is killed.

        No secret is in its arguments or environment: it reads them from files in memory, which end with it.

        Args:
            command: with its arguments.
            key: that opens the repository; None: the block's.
            also: descriptors of further files that it reads.
            how: for `subprocess.Popen`.
        """
        place = self._stored.backup_place()
        with ExitStack() as files:
            secrets = secret_files(place, key or place.key, files)
            environment = kept_environment() | MEMORY
            environment |= {name: f"/proc/self/fd/{file}" for name, file in secrets.items()}
            environment |= {"RESTIC_REPOSITORY": place.location or str(self._directory)}
            environment |= {"AWS_DEFAULT_REGION": place.region} if place.region else {}
            process = launched(["restic", "--no-cache", *command], environment, [*secrets.values(), *also], **how)
            try:
                yield process
            finally:
                ended(process)
