"""Tasks on the machines that check keys: which there are, and which keys each is to trust."""

from blocks.clouds.port import Server
from blocks.host_setup.login_keys import let_in
from blocks.outside import outside
from pool.records import Host
from pool.states import LIVING_HOSTS, HostState
from tasks.base import look_up, pool_task

LOOK_SECONDS = 30
#: Of hosts that are on their way out, nothing is wanted any more.
LEAVING = frozenset({HostState.FAILED, HostState.REMOVING})


@look_up(retries=1, retry_delay_seconds=2)
def hosts_to_tell() -> list[Host]:
    """Every host of every pool that is there to stay, also one that has no address yet."""
    return outside().store.hosts.all(None, LIVING_HOSTS - LEAVING)


@look_up()
def operators_machines() -> list[Server]:
    """Every machine that clouds list whether or not a host is on it.

    Raises:
        DockerDriverError: a pool's cloud could not be read.
    """
    return [machine for pool in outside().pools() for machine in outside().cloud(pool).own_machines()]


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="have {name} let the login key in")
def give_login(name: str, address: str | None, host_key: str | None) -> None:
    """Have a machine let in the login keys that are stored, and the one before no more; the next one is tried.

    Raises:
        HostUnreachable: ssh did not answer, or its address is not known yet.
        CommandFailed: the file of keys could not be written.
    """
    login, hosts = outside().stored.login(), outside().hosts
    with hosts.shell_at(name, address, host_key, login) as shell:
        let_in(shell, login)
    if login.next_public_key:
        with hosts.shell_at(name, address, host_key, login.next_login) as shell:
            shell.run("true", LOOK_SECONDS)
