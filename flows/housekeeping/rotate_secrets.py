"""Rotate the installation's keys while everything runs."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.steps.confirming import confirm
from flows.steps.forms import Confirmed, Keys, Retire
from flows.steps.outcome import pipeline
from flows.steps.rotating import rotate, still_taken
from pool.errors import DockerDriverError
from pool.keys.rotation import ALL_KEYS, HELD_OUTSIDE, RotatedKey
from tasks.base import log, this_run
from tasks.leases import Hold, lease


@flow(name="rotate-secrets", flow_run_name="rotate secrets")
@pipeline
async def rotate_secrets(what: Keys = None, retire: Retire = False, confirmed: Confirmed = False) -> State:
    """Replace keys by new ones. Old and new are trusted until the new one is known everywhere; sessions live on.

    Run again after a failure, it goes on from where it was. It begins nothing while an old one is still taken that
    browsers, platforms or safes hold (link-keys, api-password, backup-key): run it with retire once all have the new
    one.

    Args:
        what: authority, certificates, login-key, link-keys, api-password, backup-key, session-tokens. Empty: all but
            certificates, which an authority brings along, and the last two.
        retire: End what the link keys and the password before still open; nothing new is made.
        confirmed: Where keys are ended that others may still hold, the run pauses for a confirmation; not so if this
            is set.
    """
    keys = what or _keys(retire)
    if retire and not confirmed and (ended := await still_taken(keys)):
        await confirm(
            f"{', '.join(ended)}: the ones before end; platforms and browsers that hold nothing newer are refused"
        )
    async with lease("rotation of secrets", holder=this_run()) as hold:
        outcomes = [await _outcome(key, retire, hold) for key in keys]
    said = "; ".join(words for words, _ in outcomes)
    if not all(done for _, done in outcomes):
        raise DockerDriverError(said)
    return Completed(message=said)


def _keys(retire: bool) -> list[RotatedKey]:
    return [key for key in ALL_KEYS if not retire or key in HELD_OUTSIDE]


async def _outcome(key: RotatedKey, retire: bool, hold: Hold) -> tuple[str, bool]:
    """How the rotation of one key ended, and whether it is done; trouble with it keeps no other from being rotated."""
    try:
        return await rotate(key, retire, hold), True
    except DockerDriverError as error:
        log().error("%s: %s", key, error)
        return f"{key}: {error}", False
