"""Tasks on the tokens of running sessions: list them, give each a new one, end the one before."""

from collections.abc import Sequence

from blocks.files.secret_files import text_tar
from blocks.outside import outside
from pool.errors import EngineTrouble
from pool.keys.session_tokens import TOKENS_FILE, TokenOutcome, TokenReport, takes_tokens
from pool.records import Instance
from pool.standbys.standby import Standby, StandbyState
from pool.states import InstanceState
from tasks.base import look_up, pool_task


@look_up(retries=1, retry_delay_seconds=2)
def sessions_with_tokens() -> list[Instance]:
    """Every session that runs and whose program is sent its token. Holds the tokens: never log it."""
    running = outside().store.instances.all(states=[InstanceState.RUNNING])
    return [instance for instance in running if "{token}" in instance.proxy.auth_header]


@look_up(retries=1, retry_delay_seconds=2)
def standbys_with_tokens() -> list[Standby]:
    """Every standby that a request may be given."""
    return outside().store.standbys.all(states=[StandbyState.READY])


@pool_task(publishes=False, retries=2, retry_delay_seconds=[1, 5], task_run_name="give {instance.id} another token")
def renew_token(instance: Instance) -> tuple[TokenOutcome, Instance]:
    """Have the program accept another token beside its own, then record that; the gateway is told in the next step.

    When it dies in between, the program accepts one that no process knows. When it is tried again, the record may have
    the other token already, and the gateway still the one before: the program accepts both.

    Raises:
        HostUnreachable: the engine does not answer.
    """
    store, engine = outside().store, outside().engines.of(outside().store.hosts.get(instance.get_placement().host))
    found = engine.find(instance.container)
    if found is None or not (found.takes_files and takes_tokens(found.labels)):
        return (TokenOutcome.KEPT if found else TokenOutcome.LEFT), instance
    today, fresh = store.instances.get(instance.id), store.instances.fresh_token()
    engine.write_files(found.id, _accepting(instance.token, today.token, fresh))
    renewed = store.instances.renew_token(today, fresh)
    return (TokenOutcome.RENEWED, renewed) if renewed else (TokenOutcome.LEFT, instance)


@pool_task(publishes=False, retries=2, retry_delay_seconds=[1, 5], task_run_name="end the old token of {instance.id}")
def end_old_token(instance: Instance) -> None:
    """Have the program accept the token that is on record, and no other.

    Raises:
        HostUnreachable: the engine does not answer.
        EngineTrouble: the engine refused it.
    """
    engine = outside().engines.of(outside().store.hosts.get(instance.get_placement().host))
    try:
        engine.write_files(instance.container, _accepting(instance.token))
    except EngineTrouble:
        today = outside().store.instances.get(instance.id)
        if (today.state, today.token) == (InstanceState.RUNNING, instance.token):
            raise


@pool_task(publishes=False, task_run_name="report the tokens of sessions")
def report_tokens(reports: Sequence[TokenReport]) -> None:
    """Leave the artifact ``session-tokens``: a row for each session."""
    rows = [vars(report) for report in reports]
    outside().prefect.write_table(rows, key="session-tokens", description="Tokens of sessions, as they were rotated")


def _accepting(*tokens: str) -> list[bytes]:
    return text_tar(TOKENS_FILE, "".join(f"{token}\n" for token in tokens))
