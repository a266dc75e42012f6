"""The rotation of keys on machines of paper, and what a run finds that follows one that died between any two steps."""

import asyncio
import hashlib
import io
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State

from blocks.certificates import Certificates
from blocks.gateway.client import Gateway
from blocks.host_setup import login_keys
from blocks.host_setup.setup import HostSetup
from blocks.host_setup.shell import CommandFailed, HostShell
from blocks.kept_files import KeptFiles
from blocks.outside import standing_in
from blocks.settings import ProcessSettings
from blocks.stored.api_password import accepted_pairs
from blocks.stored.authority import CertificateAuthority
from blocks.stored.host_keys import HostLogin
from blocks.stored.link_keys import LinkKeys
from blocks.stored.pool_config import PoolConfig
from flows.housekeeping.rotate_secrets import rotate_secrets
from flows.steps import rotating
from pool.errors import HostUnreachable
from pool.keys.rotation import RotatedKey, RotationStep
from pool.states import HostState
from tests.rigs.fakes import FakeBlocks, FakePrefect, fake_outside
from tests.rigs.pool_data import a_host
from tests.rigs.present import present

pytestmark = pytest.mark.unit

HOSTS = [
    a_host("main-01", address="10.0.0.1", host_key="k", state=HostState.ACTIVE),
    a_host("main-02", address="10.0.0.2", host_key="k", state=HostState.DRAINING),
]


class Died(BaseException):
    """The process was killed."""


class Machine:
    """What is on a host: who may log in, and whom its engine believes."""

    def __init__(self, login: HostLogin, authority: CertificateAuthority) -> None:
        self.keys, self.authorities, self.restarts = f"{login.public_key}\n# mine\n", authority.for_hosts, 0


class PaperShell(HostShell):
    """Lets in whom the machine knows, and does what the manager's commands would do."""

    def __init__(self, machine: Machine, login: HostLogin, step: Callable[[], None]) -> None:
        self._machine, self._public_key, self._step = machine, login.public_key, step

    def close(self) -> None:
        pass

    def run(self, command: str, timeout: float, stdin: str | bytes | None = None) -> str:
        if self._public_key not in self._machine.keys:
            raise HostUnreachable("ssh refuses the manager's login")
        self._step()
        if command.startswith("cat ~/.ssh"):
            return self._machine.keys
        if login_keys.REPLACE in command:
            self._machine.keys = str(stdin)
        elif "sha256sum" in command:
            return f"{hashlib.sha256(self._machine.authorities.encode()).hexdigest()}  -\n"
        elif "tar -x" in command:
            assert isinstance(stdin, bytes)
            with tarfile.open(fileobj=io.BytesIO(stdin)) as archive:
                self._machine.authorities = present(archive.extractfile("ca.pem")).read().decode()
            self._machine.restarts += 1
        elif command != "true":
            raise CommandFailed(command)
        return ""


class Life:
    """How many steps are left until the process is killed, with all of its threads."""

    def __init__(self) -> None:
        self.left, self.process = 10_000, 0

    def step(self, process: int | None = None) -> None:
        self.left -= 1
        if self.left <= 0 or process not in (None, self.process):
            raise Died

    def begin_anew(self) -> None:
        self.process += 1
        self.left = 10_000


class PaperBlocks(FakeBlocks):
    """The keys, as Prefect keeps them."""

    def __init__(self, life: Life) -> None:
        made = CertificateAuthority.create("DockerDriver dd-test"), HostLogin.create(), LinkKeys.create()
        super().__init__({type(block): {"main": block} for block in made} | {PoolConfig: {"main": PoolConfig()}})
        self._life = life

    def pools(self) -> list[str]:
        return []

    def replace(self, block) -> None:
        self._life.step()
        super().replace(block)
        self._life.step()


class PaperMachines(HostSetup):
    """The way into machines."""

    def __init__(self, stored: PaperBlocks, life: Life) -> None:
        super().__init__(stored, Path("/nowhere"))
        self.of = {f"host {host.name}": Machine(stored.login(), stored.authority()) for host in HOSTS}
        self.deaf: set[str] = set()
        self._life = life

    def shell(self, host) -> HostShell:
        return self.shell_at(f"host {host.name}", host.address, host.host_key, self._stored.login())

    def shell_at(self, name, address, host_key, login) -> HostShell:
        if name in self.deaf:
            raise HostUnreachable(f"{name} does not answer")
        return PaperShell(self.of[name], login, partial(self._life.step, self._life.process))


class PaperGateway(Gateway):
    """Accepts the keys that it was given last."""

    def __init__(self, stored: PaperBlocks, life: Life) -> None:
        self.ids, self._life = [key["id"] for key in stored.link_keys().for_gateway()], life

    def key_ids(self) -> list[str]:
        return self.ids

    def put_keys(self, keys: list[dict]) -> None:
        self._life.step()
        self.ids = [key["id"] for key in keys]


class PaperFiles(KeptFiles):
    """The files of passwords."""

    life: Life

    def change_password(self, step: RotationStep) -> None:
        self.life.step()
        super().change_password(step)
        self.life.step()


class NoRegistries(Certificates):
    """No pool has a registry."""

    def registries_signed_by(self, authority: str) -> list[str]:
        return []


class Store:
    """Hosts and leases."""

    writes = 0

    def __init__(self) -> None:
        self.hosts = self.leases = self.configs = self

    def all(self, _pool, _states):
        return HOSTS

    def pools_in_use(self) -> list[str]:
        return []

    def take(self, *_):
        return None

    def drop(self, *_):
        pass


class Installation:
    """All of it, and the flow on it."""

    def __init__(self, data: Path) -> None:
        (data / "api-password").write_text("alice:one\n")
        self.settings, self.life = ProcessSettings(data=data, _env_file=None), Life()
        self.stored = PaperBlocks(self.life)
        self.machines, self.gateway = PaperMachines(self.stored, self.life), PaperGateway(self.stored, self.life)
        self.files = PaperFiles(self.settings)
        self.files.life = self.life
        self.prefect = FakePrefect()
        self.door = fake_outside(
            store=Store(),
            stored=self.stored,
            hosts=self.machines,
            gateway=self.gateway,
            files=self.files,
            certificates=NoRegistries(self.stored),
            prefect=self.prefect,
        )

    def rotate(self, *what: str, retire: bool = False, confirmed: bool = True) -> State:
        with standing_in(self.door):
            return asyncio.run(rotate_secrets.fn([RotatedKey(one) for one in what], retire, confirmed))

    def dies_at(self, step: int, *what: str) -> bool:
        """Whether the run was killed at that step, or ended before it."""
        self.life.left = step
        try:
            self.rotate(*what)
        except Died:
            return True
        finally:
            self.life.begin_anew()
        return False

    def is_under_way(self) -> bool:
        """Whether a rotation was begun and not ended."""
        login, ours = self.stored.login(), self.stored.authority()
        of_hosts = login.next_public_key, login.previous_public_key, ours.next_certificate, ours.previous_certificate
        return any(of_hosts) or len(self.gateway.ids) > 1 or len(accepted_pairs(self.settings)) > 1

    def check(self) -> None:
        """The manager gets in everywhere, engines and manager believe each other, and links open."""
        login, ours, keys = self.stored.login(), self.stored.authority(), self.stored.link_keys()
        for machine in self.machines.of.values():
            assert login.public_key in machine.keys
            assert ours.certificate in machine.authorities  # of the manager's client
            assert set(certificates(machine.authorities)) <= set(certificates(ours.trusted))  # of the engine
        assert keys.for_gateway()[0]["id"] in self.gateway.ids


def certificates(pem: str) -> list[str]:
    return pem.split("-----END CERTIFICATE-----\n")[:-1]


@pytest.fixture
def one(tmp_path, monkeypatch):
    monkeypatch.setattr(rotating, "LOOK_SECONDS", 0)
    monkeypatch.setattr(rotating, "ROUNDS", 2)
    return Installation(tmp_path)


def kept(one: Installation) -> list[object]:
    """What is in use now."""
    login, ours, keys = one.stored.login(), one.stored.authority(), one.stored.link_keys()
    return [ours.certificate, login.public_key, keys.current.get_secret_value(), accepted_pairs(one.settings)[0]]


def test_every_key_becomes_a_new_one_and_hosts_trust_nothing_else(one):
    before = kept(one)
    one.rotate()
    assert not set(before) & set(kept(one))
    ours, login = one.stored.authority(), one.stored.login()
    assert (ours.trusted, login.previous_public_key) == (ours.certificate, "")
    for machine in one.machines.of.values():
        assert (machine.authorities, machine.keys) == (ours.certificate, f"# mine\n{login.public_key}\n")


@pytest.mark.parametrize("key", ["authority", "login-key", "link-keys", "api-password"])
def test_a_run_killed_at_any_step_leaves_all_working_and_the_next_one_ends_the_rotation(key, tmp_path, one):
    step = 0
    while True:
        (tmp_path / str(step)).mkdir()
        one = Installation(tmp_path / str(step))
        before, step = kept(one), step + 1
        if not one.dies_at(step, key):
            break
        one.check()
        assert accepted_pairs(one.settings)[-1] == "alice:one"
        was, under_way = kept(one), one.is_under_way()
        assert one.rotate(key).is_completed()
        one.check()
        assert sum(a != b for a, b in zip(before, kept(one), strict=True)) == 1
        assert was in (before, kept(one)) or not under_way  # what came into use is not replaced once more
    assert step > 4


def test_the_old_password_and_the_old_link_key_are_taken_until_an_operator_ends_them(one):
    ids = one.gateway.ids
    one.rotate("link-keys", "api-password")
    for _ in range(2):  # an operator who is not sure repeats it
        assert (one.gateway.ids[1:], accepted_pairs(one.settings)[1:]) == (ids, ["alice:one"])
        assert "until it is retired" in one.rotate("link-keys", "api-password").message
    one.rotate(retire=True)
    assert (len(one.gateway.ids), len(accepted_pairs(one.settings))) == (1, 1)
    before = kept(one)
    assert one.rotate(retire=True).message.count("there is nothing to retire") == 2
    assert kept(one) == before


@pytest.mark.parametrize("says_yes", [True, False])
def test_what_others_may_still_hold_is_ended_only_when_that_is_confirmed(one, says_yes):
    one.rotate("api-password")
    one.prefect.says_yes = says_yes
    assert one.rotate("api-password", "link-keys", retire=True, confirmed=False).is_completed() is says_yes
    (question,) = one.prefect.asked
    assert question.startswith("api-password: the ones before end;")
    assert len(accepted_pairs(one.settings)) == (1 if says_yes else 2)


def test_where_nothing_is_to_be_ended_nothing_is_asked(one):
    assert one.rotate("api-password", "session-tokens", retire=True, confirmed=False).is_completed()
    one.rotate("link-keys", confirmed=False)
    assert one.prefect.asked == []


def test_a_host_that_does_not_answer_keeps_both_keys_trusted_and_is_named(one):
    one.machines.deaf.add("host main-02")
    said = one.rotate("login-key", "link-keys")
    assert said.is_failed()
    assert (
        "login-key: it is not known to all hosts yet; rotate it again to go on. main-02: host main-02 does"
        in said.message
    )
    assert "link-keys: the new one is in use" in said.message
    one.check()
    one.machines.deaf.clear()
    assert one.rotate("login-key").is_completed()
    one.check()


def test_a_host_is_not_restarted_for_what_it_knows_already(one):
    one.rotate("authority")
    assert [machine.restarts for machine in one.machines.of.values()] == [2, 2]


def test_hosts_get_new_certificates_by_the_same_authority(one):
    before = kept(one)
    assert one.rotate("certificates").message == "certificates: every host has a new one"
    assert [machine.restarts for machine in one.machines.of.values()] == [1, 1]
    assert kept(one) == before
