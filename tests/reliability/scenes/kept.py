"""Sessions whose work is kept: struck while they end, begin with it, are backed up, or get files back beside them."""

from contextlib import suppress
from uuid import uuid4

from pool.backups.states import BackupCause
from pool.records import Instance
from pool.states import ENDED, InstanceState
from pool.store.pool_store import PoolStore
from tests.reliability.accepted import Age, Request
from tests.reliability.in_flight import ask_to_end
from tests.reliability.judging import Judgement
from tests.reliability.scenes.rules import Files, backups_lost, wrong_beside, wrong_files
from tests.reliability.tiny_stack import TINY
from tests.reliability.victims import Battlefield
from tests.reliability.works import OnASession
from tests.rigs.stacks.stack import Stack

KEPT = "tiny-kept"
FOLDER = "/kept"
#: Enough that a stream of it is on its way for some time; of a content that no other session has.
WRITE = f"""
PATH=/bin; b=/bin/busybox
$b mkdir -p {FOLDER}/deep && cd {FOLDER} && $b date > whose && $b head -c 8000000 /dev/urandom > deep/data &&
$b head -c 100 /dev/urandom > deep/last && $b ln -s deep/last link
"""
DIGESTS = f'cd {FOLDER} && /bin/busybox find . -type f | while read f; do /bin/busybox sha256sum "$f"; done'


class Kept(OnASession):
    """A session of a user with work in it."""

    def __init__(self, stack: Stack, store: PoolStore) -> None:
        self._field = Battlefield(stack)
        self._begun: list[str] = []  # sessions that are to end with the point
        super().__init__(stack, store)

    def prepare(self) -> None:
        super().prepare()
        self._stack.save_blueprint(KEPT, **TINY, keep=[FOLDER], keep_limit_mb=64)
        self.user = f"user-{uuid4().hex[:8]}"
        self.wrote = self._written(self._start(self.session))

    def _written(self, instance: Instance) -> Files:
        self._field.in_session(instance, WRITE)
        files = self.files(instance)
        assert len(files) == 3, f"{instance.id} wrote {sorted(files)}"
        return files

    def _start(self, name: str) -> Instance:
        """Begin a session of the same user, and wait until it runs."""
        self._begun.append(name)
        self._stack.provision(name, blueprint=KEPT, user=self.user)
        return self._store.instances.get(name)

    def files(self, instance: Instance) -> Files:
        """What is in the session's folder, by path."""
        lines = self._field.in_session(instance, DIGESTS).splitlines()
        return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}

    def _as_kept(self, name: str) -> list[str]:
        """What is wrong with the files of a session that is to run."""
        found = next((one for one in self._store.instances.all("main") if one.id == name), None)
        if found is None or found.state is not InstanceState.RUNNING:
            return [f"{name} is {found.state}: {found.reason}" if found else f"{name} was never recorded"]
        return wrong_files(name, self.wrote, self.files(found))

    def _asked(self, kind: str) -> list[Request]:
        run = self._stack.trigger(self.deployment, **self.parameters())
        return [Request(Age.STRUCK, self.session, run, of_another_kind=kind)]

    def clean_up(self) -> None:
        """End what would be taken for a session of the stock, and be backed up when its turn comes."""
        living = {one.id for one in self._store.instances.all("main") if one.state not in ENDED}
        for name in living.intersection(self._begun):
            ask_to_end(self._stack, name)


class End(Kept):
    """It ends, and its user's next session has all of its work."""

    deployment = "deprovision-instance/on-demand"

    def begin(self) -> list[Request]:
        return [ask_to_end(self._stack, self.session, Age.STRUCK)]

    def judge(self, found: Judgement) -> None:
        if self.instance is None or self.instance.state not in ENDED:
            return  # it is judged as one that is under way
        found.backups_lost += backups_lost(self.session, self._store.backups.all(), BackupCause.SESSION_ENDS)
        following = f"{self.session}-next"
        if following not in self._begun:
            with suppress(AssertionError):  # what became of it is looked at next
                self._start(following)
        found.restored_wrong += self._as_kept(following)


class Start(Kept):
    """It begins with what its user's last one left."""

    deployment = "provision-instance/on-demand"

    def prepare(self) -> None:
        super().prepare()
        state, message = self._stack.run("deprovision-instance/on-demand", instance_id=self.session)
        assert state == "COMPLETED", message
        self.session = f"{self.session}-next"

    def parameters(self) -> dict:
        return super().parameters() | {"blueprint": KEPT, "user": self.user}

    def begin(self) -> list[Request]:
        self._begun.append(self.session)
        return [Request(Age.STRUCK, self.session, self._stack.trigger(self.deployment, **self.parameters()))]

    def judge(self, found: Judgement) -> None:
        if self.instance and self.instance.state is InstanceState.RUNNING:
            found.restored_wrong += self._as_kept(self.session)


class BackUp(Kept):
    """It is backed up while it runs."""

    deployment = "backup-instance/on-demand"

    def begin(self) -> list[Request]:
        return self._asked("to back up")

    def judge(self, found: Judgement) -> None:
        found.backups_lost += backups_lost(self.session, self._store.backups.all(), BackupCause.REQUESTED)
        found.restored_wrong += self._as_kept(self.session)


class Restore(Kept):
    """It gets its files once more, beside the living ones."""

    deployment = "restore-files/on-demand"

    def prepare(self) -> None:
        super().prepare()
        state, message = self._stack.run("backup-instance/on-demand", instance_id=self.session)
        assert state == "COMPLETED", message

    def begin(self) -> list[Request]:
        return self._asked("to bring files back to")

    def judge(self, found: Judgement) -> None:
        if self.instance:
            found.restored_wrong += wrong_beside(self.session, self.wrote, self.files(self.instance))


class Move(Kept):
    """It goes to another host with all of its work; or stays, whole, and its platform is told why."""

    deployment = "move-instance/on-demand"

    def prepare(self) -> None:
        super().prepare()
        self._from = self.host

    def begin(self) -> list[Request]:
        return self._asked("to move")

    def became(self) -> str:
        where = "where it was" if self.host == self._from else "on another host"
        return f"{super().became()} {where}"

    def judge(self, found: Judgement) -> None:
        if self.host != self._from:
            found.backups_lost += backups_lost(self.session, self._store.backups.all(), BackupCause.SESSION_MOVES)
        if self.instance is None or self.instance.state is not InstanceState.RUNNING:
            found.sessions_lost.append(f"session {self.session} was to move: {self.became()}")
        else:
            found.restored_wrong += self._as_kept(self.session)
