"""Tasks on the stored keys: how far a rotation is, and each step of it."""

from blocks.outside import now, outside
from blocks.stored.authority import CertificateAuthority
from blocks.stored.backup_store import BackupPlace
from blocks.stored.host_keys import HostLogin
from pool.keys.rotation import Progress, RotatedKey, RotationStep
from tasks.base import look_up, pool_task
from tasks.sessions.links import give_keys


@look_up(retries=1, retry_delay_seconds=2)
def read_progress(key: RotatedKey) -> Progress:
    """How far the rotation of a key came, by what is stored.

    Raises:
        NotFound: the key was never made.
    """
    return Progress(*_STORED[key]())


@pool_task(retries=1, retry_delay_seconds=2, task_run_name="{step} {key}")
def take_step(key: RotatedKey, step: RotationStep) -> None:
    """Change what is stored by one step: begin, promote or retire.

    Raises:
        NotFound: the key was never made.
    """
    _STEPS[key](step)


@pool_task(retries=2, retry_delay_seconds=2, task_run_name="give the gateway its keys")
def tell_gateway() -> None:
    """Have the gateway accept exactly the link keys that are stored.

    Raises:
        GatewayTrouble: it does not answer.
    """
    give_keys()


@pool_task(retries=3, retry_delay_seconds=20, task_run_name="give the repository of backups its keys")
def tell_repository() -> None:
    """Have the repository of backups opened by the keys that are stored; it is waited for while it is being pruned.

    Raises:
        BackupTrouble: it did not do it.
    """
    outside().backups.accept_keys()


@look_up()
def registries_of_previous() -> list[str]:
    """Which registries of pools show a certificate of the authority before: hosts are to believe that no more."""
    previous = outside().stored.authority().previous_certificate
    return outside().certificates.registries_signed_by(previous) if previous else []


def _of_authority() -> tuple[bool, bool]:
    ours = outside().stored.authority()
    return bool(ours.next_certificate), bool(ours.previous_certificate)


def _of_login() -> tuple[bool, bool]:
    login = outside().stored.login()
    return bool(login.next_public_key), bool(login.previous_public_key)


def _of_links() -> tuple[bool, bool]:
    """A previous key that nothing good is signed by any more is as good as none."""
    keys = outside().stored.link_keys()
    return bool(keys.next.get_secret_value()), keys.opens_by_previous(now())


def _of_password() -> tuple[bool, bool]:
    return outside().files.progress_of_password()


def _of_backups() -> tuple[bool, bool]:
    place = outside().stored.backup_place()
    return bool(place.next.get_secret_value()), bool(place.previous.get_secret_value())


def _step_of_authority(step: RotationStep) -> None:
    _change(outside().stored.authority(), step)


def _step_of_login(step: RotationStep) -> None:
    _change(outside().stored.login(), step)


def _step_of_backups(step: RotationStep) -> None:
    _change(outside().stored.backup_place(), step)


def _change(ours: CertificateAuthority | HostLogin | BackupPlace, step: RotationStep) -> None:
    steps = {RotationStep.BEGIN: ours.with_next, RotationStep.PROMOTE: ours.promoted, RotationStep.RETIRE: ours.retired}
    outside().stored.replace(steps[step]())


def _step_of_links(step: RotationStep) -> None:
    ours = outside().stored.link_keys()
    steps = {
        RotationStep.BEGIN: ours.with_next,
        RotationStep.PROMOTE: lambda: ours.promoted(now()),
        RotationStep.RETIRE: ours.retired,
    }
    outside().stored.replace(steps[step]())
    if step is not RotationStep.BEGIN:
        give_keys()


def _step_of_password(step: RotationStep) -> None:
    outside().files.change_password(step)


_STORED = {
    RotatedKey.AUTHORITY: _of_authority,
    RotatedKey.LOGIN: _of_login,
    RotatedKey.LINKS: _of_links,
    RotatedKey.PASSWORD: _of_password,
    RotatedKey.BACKUPS: _of_backups,
}
_STEPS = {
    RotatedKey.AUTHORITY: _step_of_authority,
    RotatedKey.LOGIN: _step_of_login,
    RotatedKey.LINKS: _step_of_links,
    RotatedKey.PASSWORD: _step_of_password,
    RotatedKey.BACKUPS: _step_of_backups,
}
