"""Work is kept and comes back, with a real engine, a real restic and the product's own flows between them."""

import asyncio
import io
import shutil
import tarfile
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from blocks.backups.places import Places
from blocks.backups.restic import ResticRepository
from blocks.backups.work_tar import listed
from blocks.outside import outside, standing_in
from blocks.stored.backup_store import BackupPlace
from blocks.stored.pool_config import PoolConfig
from flows.backups.backup_instance import backup_instance
from flows.sessions.move_instance import move_instance
from flows.steps import sessions
from pool.backups.inventory import RECENT
from pool.backups.states import BackupFault, BackupState
from pool.records import Image, KeptWork
from pool.sessions.containers import own_uid
from pool.states import EndCause, InstanceState
from pool.store.pool_store import PoolStore
from tasks.sessions.containers import session_container
from tests.rigs.engines.one_engine import OneEngine
from tests.rigs.engines.tiny_image import busybox_image
from tests.rigs.fakes import Blocks, FakeBlocks, FakeClock, FakePrefect, fake_outside
from tests.rigs.pool_data import NOW, a_blueprint, claim_active, place
from tests.rigs.present import present
from tests.rigs.quick_repository import make_quick
from tests.rigs.services.databases import migrated_sqlite

pytest_plugins = ("tests.rigs.engines.light_engine",)
pytestmark = pytest.mark.integration

NOT_HERE: dict = {"withdraw_route": None, "publish_route": None, "wait_until_ready": {}, "give_out_room": []}
KEEP = KeptWork(("/home/jovyan", "/srv/notes"), (".cache", "*.tmp"), limit_mb=20)
BLUEPRINT = a_blueprint(image="home", keep=KEEP, container_user="session:100", capabilities=("CHOWN",), memory_mb=64)
#: What a user does in a session: names, modes, links, and what is not to be kept.
WORK = """
cd /home/jovyan
echo 'years of work' > thesis; chmod 600 thesis
mkdir -p project/.cache project/empty; echo x > project/.cache/big; echo y > draft.tmp; echo z > 'project/ü name'
ln -s thesis link; ln thesis hard; chmod 750 project
echo note > /srv/notes
"""
SHOW = """
cd /home/jovyan; id -u
for f in . thesis link hard project project/empty 'project/ü name' project/.cache draft.tmp /srv/notes; do
  stat -c '%n %F %a %u %g' "$f" 2>&1
done
stat -c '%h' thesis
cat thesis link hard /srv/notes
"""


class Somewhere(FakePrefect):
    """Runs tasks, but for those of gateway and queue, which are not here."""

    def call(self, task, args, kwargs):
        self.note(task)
        return asyncio.sleep(0, NOT_HERE[task.name]) if task.name in NOT_HERE else task.fn(*args, **kwargs)

    async def trigger(self, deployment, parameters, key, tags=()):
        """A session that is to be started is started at once."""
        if deployment == "provision-instance/on-demand":
            await sessions.start_or_await(outside().store.instances.get(parameters["instance_id"]), BLUEPRINT)
        return key


@pytest.fixture(scope="module")
def home_image(host):
    image = busybox_image("home", ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"))
    image = with_home(image)
    host.engine.load([image.archive()])
    return image


def with_home(image):
    """The image with a folder that any session may write to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("home", "home/jovyan", "srv", "tmp"):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.gid = tarfile.DIRTYPE, 0o775, 100
            tar.addfile(info)
        for tool in ("mkdir", "chmod", "ln", "stat", "dd", "rm", "ls", "touch", "find", "mv", "rmdir", "sort"):
            info = tarfile.TarInfo(f"bin/{tool}")
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
    image.layers.append(buffer.getvalue())
    return image


class Installation:
    """A pool with one host, and a repository in a folder."""

    def __init__(self, folder, engine, image) -> None:
        (folder / "pool.sqlite").write_bytes(migrated_sqlite())
        make_quick(folder / "backups", "k")
        self.store = PoolStore.open(f"sqlite:///{folder}/pool.sqlite")
        self.engine, self.folder = engine, folder
        self.image = image
        self.store.images.put(Image("main", "home", image.id, 1))
        self.add_host("main-01")
        self.config = PoolConfig(DD_BACKUP_WAIT=0)

    def add_host(self, name: str) -> None:
        """One more host, whose engine is the same."""
        claim_active(self.store, run=f"run-of-{name}")
        self.store.hosts.note(name, address="192.0.2.7")
        self.store.images.mark(name, self.image.id, NOW)

    @contextmanager
    def door(self):
        kinds: Blocks = {PoolConfig: {"main": self.config}, BackupPlace: {"main": BackupPlace(key="k")}}
        blocks = FakeBlocks(kinds, {"jupyter": BLUEPRINT})
        backups = ResticRepository(blocks, self.folder / "backups", "dd-test", Places(self.store, FakeClock()))
        ports = {"store": self.store, "stored": blocks, "backups": backups, "engines": OneEngine(self.engine)}
        with standing_in(fake_outside(**ports, prefect=Somewhere())):
            yield

    def start(self, name: str, blueprint=BLUEPRINT, **options):
        self.store.instances.request(name, blueprint, "alice", options, NOW)
        place(self.store, name)
        with self.door():
            return asyncio.run(sessions.start_or_await(self.store.instances.get(name), blueprint))

    def end(self, name: str):
        with self.door():
            return asyncio.run(sessions.end_session(self.store.instances.get(name), "over", EndCause.REQUESTED))

    def backups_files(self, backup) -> list[str]:
        """The paths that a backup holds."""
        with self.door():
            return [one.path for one in listed(outside().backups.read(backup.snapshot), "", 1000)[0]]

    def run(self, name: str, script: str) -> str:
        """What a user's command in a session prints."""
        with self.engine.client("run a command") as client:
            command = client.exec_create(f"dd-{name}", ["sh", "-c", script])
            return client.exec_start(command["Id"]).decode()


def of_kept(shown: str) -> list[str]:
    """The lines about what no pattern leaves out."""
    return [line for line in shown.splitlines() if ".cache" not in line and ".tmp" not in line]


@pytest.fixture
def installation(tmp_path, host, home_image):
    installation = Installation(tmp_path, host.engine, home_image)
    yield installation
    for state in host.engine.containers({}):
        host.engine.remove(state.id)
    installation.store.close()


def test_a_users_next_session_has_the_files_of_the_last_one_with_owners_modes_and_links(installation):
    installation.start("alice-1")
    installation.run("alice-1", WORK)
    before = installation.run("alice-1", SHOW)
    assert installation.end("alice-1").state is InstanceState.DELETED
    assert installation.engine.containers({}) == []
    assert installation.start("alice-2").restored_from == "alice-1.1"
    after = installation.run("alice-2", SHOW)
    uids = str(own_uid("alice-1")), str(own_uid("alice-2"))
    assert of_kept(after) == of_kept(before.replace(*uids))
    assert after.count("No such file") == 2
    assert installation.run("alice-2", "echo more >> /home/jovyan/thesis; cat /home/jovyan/hard").endswith("more\n")


def test_a_session_that_keeps_more_than_its_limit_ends_without_and_says_so(installation):
    installation.start("alice-1")
    installation.run("alice-1", "dd if=/dev/zero of=/home/jovyan/big bs=1048576 count=21")
    assert "more than 20 MB to keep" in installation.end("alice-1").reason
    assert installation.store.backups.get("alice-1.1").fault is BackupFault.TOO_LARGE


def test_a_session_that_runs_is_backed_up_and_goes_on(installation):
    installation.start("alice-1")
    installation.run("alice-1", WORK)
    with installation.door():
        asyncio.run(backup_instance.fn("alice-1"))
    assert installation.store.backups.get("alice-1.1").state is BackupState.VERIFIED
    assert installation.engine.find("dd-alice-1").running


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo $(id -u) all > /home/jovyan/dump", "read back"),
        ("exit 3", "read back; but sh, the command before it, ended with exit code 3"),
        ("sleep 9", "read back; but sh, the command before it, was not over after 1 s"),
    ],
)
def test_a_running_session_is_told_by_a_command_before_its_files_are_read(installation, command, told):
    keep = replace(KEEP, before=("sh", "-c", command), before_seconds=1)
    installation.start("alice-1", replace(BLUEPRINT, keep=keep))
    installation.run("alice-1", WORK)
    with installation.door():
        asyncio.run(backup_instance.fn("alice-1"))
    backup = installation.store.backups.get("alice-1.1")
    files = set(installation.backups_files(backup))
    assert (backup.reason, "/home/jovyan/dump" in files) == (told, "dump" in command)


def test_a_container_that_holds_a_part_of_what_is_brought_back_is_made_anew(installation):
    installation.start("alice-1")
    installation.run("alice-1", WORK)
    installation.end("alice-1")
    installation.store.instances.request("alice-2", BLUEPRINT, "alice", {}, NOW)
    placed = present(place(installation.store, "alice-2"))
    with installation.door():
        with session_container(placed, BLUEPRINT) as (engine, spec):
            half = engine.prepare(spec)
        asyncio.run(sessions.start_or_await(placed, BLUEPRINT))
    assert installation.engine.find("dd-alice-2").id != half
    assert installation.run("alice-2", "cat /home/jovyan/thesis") == "years of work\n"


def test_a_session_that_is_moved_has_its_files_with_owners_modes_and_links_under_its_old_address(installation):
    installation.add_host("main-02")
    before = installation.start("alice-1")
    installation.run("alice-1", WORK)
    shown, container = installation.run("alice-1", SHOW), installation.engine.find("dd-alice-1").id
    with installation.door():
        message = asyncio.run(move_instance.fn("alice-1")).message
    after = installation.store.instances.get("alice-1")
    assert message == "instance alice-1 runs on main-02, with backup alice-1.2"
    assert (after.route, after.token, after.expires_at) == (before.route, before.token, before.expires_at)
    assert of_kept(installation.run("alice-1", SHOW)) == of_kept(shown)
    (there,) = installation.engine.containers({})
    assert (there.running, there.id != container) == (True, True)


@pytest.fixture
def _all_are_worth_it(monkeypatch):
    """Homes of a few bytes are backed up as large ones are."""
    monkeypatch.setattr("pool.backups.changes.WORTH", 0)
    monkeypatch.setattr("pool.backups.changes.REQUEST", 1)
    monkeypatch.setattr("pool.backups.inventory.MAPPED", RECENT)


#: Half a megabyte that stays as it is: what changes is a small part of it.
LARGE = "dd if=/dev/zero of=/home/jovyan/large bs=1024 count=512; rm -f /home/jovyan/hard"
CHANGES = """
cd /home/jovyan
echo more >> thesis; rm link; ln -s project link; mv 'project/ü name' project/moved; rmdir project/empty
mkdir -p new/deep; echo n > 'new/deep/line
break'; chmod 710 project; echo other > /srv/notes; echo again > project/.cache/big
"""
SHOW_ALL = """
cd /home/jovyan; id -u
find . /srv/notes ! -path '*/.cache*' ! -name '*.tmp' -exec stat -c '%n %F %a %u %g %Y' {} + 2>/dev/null | sort
cat thesis project/moved new/deep/* 2>/dev/null
"""


def backed_up(installation, name: str):
    with installation.door():
        asyncio.run(backup_instance.fn(name))
    return installation.store.backups.of_instance(name)[0]


@pytest.mark.usefixtures("_all_are_worth_it")
def test_a_session_that_changed_a_little_is_backed_up_by_that_and_all_of_it_comes_back(installation):
    installation.start("alice-1")
    installation.run("alice-1", WORK + LARGE)
    until_settled()
    first = backed_up(installation, "alice-1")
    same = backed_up(installation, "alice-1")
    assert (same.base, same.snapshot, same.reason) == (first.id, first.snapshot, f"nothing changed since {first.id}")
    installation.run("alice-1", CHANGES)
    before = installation.run("alice-1", SHOW_ALL)
    installation.end("alice-1")
    last = installation.store.backups.get("alice-1.3")
    assert (last.base, last.reason) == (first.id, f"what changed since {first.id} was read back")
    assert installation.start("alice-2").restored_from == last.id
    uids = str(own_uid("alice-1")), str(own_uid("alice-2"))
    assert installation.run("alice-2", SHOW_ALL) == before.replace(*uids)


@pytest.mark.usefixtures("_all_are_worth_it")
def test_what_came_back_and_was_left_as_it_was_is_not_read_at_the_end(installation):
    installation.start("alice-1")
    installation.run("alice-1", WORK + LARGE)
    before = installation.run("alice-1", SHOW_ALL)
    for name in ("alice-1", "alice-2"):
        installation.end(name)
        installation.start(f"alice-{int(name[-1]) + 1}")
    assert installation.store.backups.get("alice-2.1").reason == "nothing changed since alice-1.1"
    assert installation.run("alice-3", SHOW_ALL) == before.replace(str(own_uid("alice-1")), str(own_uid("alice-3")))


@pytest.mark.usefixtures("_all_are_worth_it")
def test_a_session_is_moved_by_what_changed_since_it_was_backed_up_while_it_ran(installation):
    installation.add_host("main-02")
    installation.start("alice-1")
    installation.run("alice-1", WORK + LARGE)
    until_settled()
    before = installation.run("alice-1", SHOW_ALL)
    with installation.door():
        assert asyncio.run(move_instance.fn("alice-1")).message.endswith("with backup alice-1.2")
    assert installation.store.backups.get("alice-1.2").reason == "nothing changed since alice-1.1"
    assert installation.run("alice-1", SHOW_ALL) == before


def until_settled() -> None:
    """What changed a moment before it was read is read again."""
    time.sleep(2.1)


def test_a_start_without_anything_to_bring_back_asks_the_repository_nothing(installation):
    shutil.rmtree(installation.folder / "backups")
    installation.start("alice-1")
    assert not (installation.folder / "backups").exists()
