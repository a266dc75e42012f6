"""Where backups are kept: the port, which restic's adapter and the fakes implement."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from pool.backups.snapshots import Snapshot


@dataclass(frozen=True)
class Written:
    """What became of one stream."""

    snapshot: str  # its name in the repository, whole or short
    digest: str  # SHA-256 of all its bytes, in hexadecimal
    size: int  # bytes


@dataclass(frozen=True)
class Parts:
    """What a stream was cut into; streams that share a part share its name."""

    names: tuple[str, ...]  # in order; each is the SHA-256 of the part, in hexadecimal
    size: int  # bytes of all of them


class BackupRepository(ABC):
    """Streams of bytes by name, encrypted, each part kept once. All calls block; each may be repeated."""

    @abstractmethod
    def write(self, name: str, stream: Iterable[bytes]) -> Written:
        """Keep a stream. One that breaks off leaves nothing that counts.

        Args:
            name: id of the backup; the snapshot carries it.
            stream: consumed to its end.

        Raises:
            BackupTrouble: the repository did not take it.
        """

    @abstractmethod
    def read(self, snapshot: str) -> Iterator[bytes]:
        """Give back a stream, checked part by part by the repository; that all of it came is for the caller to check.

        Raises:
            BackupTrouble: there is no such snapshot, or it cannot be read; `spoiled` where the repository is there and
                has a part of it no more. Also while it is iterated.
        """

    @abstractmethod
    def check_there(self, snapshot: str) -> None:
        """See that a snapshot is in this repository: the place that the block names may have been another one.

        Raises:
            BackupTrouble: there is no such snapshot, or the repository cannot be read.
        """

    @abstractmethod
    def parts(self, snapshot: str) -> Parts:
        """Tell what a stream consists of, without reading it.

        Raises:
            BackupTrouble: there is no such snapshot, or the repository cannot be read.
        """

    @abstractmethod
    def read_part(self, name: str) -> bytes:
        """Give back one part, of a few megabytes; that it is what its name says is for the caller to check.

        Raises:
            BackupTrouble: there is no such part, or it cannot be read.
        """

    @abstractmethod
    def snapshots(self) -> dict[str, Snapshot]:
        """All snapshots, by their whole names.

        Raises:
            BackupTrouble: the repository cannot be read.
        """

    @abstractmethod
    def check_share(self, share: int, shares: int) -> None:
        """Read one of so many shares of all that is kept, and see that nothing is lost that a snapshot needs.

        Args:
            share: 1 for the first.
            shares: into which the repository is divided, 256 at most; the same each time.

        Raises:
            BackupTrouble: something is lost, or is not what was written; the message names it. Or it cannot be read.
        """

    @abstractmethod
    def accept_keys(self) -> None:
        """Have the repository opened by the next key of its block, or, where there is none, no more by the one before.

        Keys that are not in the block stay: an operator may have added them. All backups can be read by each key.

        Raises:
            BackupTrouble: the repository did not do it, or is being used; the same again goes on.
        """

    @abstractmethod
    def forget(self, snapshots: Collection[str]) -> None:
        """Delete snapshots, and what no other one needs; absent is success.

        Args:
            snapshots: their whole names, as :meth:`snapshots` says them.

        Raises:
            BackupTrouble: the repository did not do it.
        """
