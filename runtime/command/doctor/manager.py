"""Is the machine of the manager in order: packages, disk, clock, gateway, ports, engine, the file with the password."""

import ctypes
import shutil
import stat
from collections.abc import Iterator

from blocks.engine.local_api import answers
from blocks.gateway.config import gateway_config
from blocks.gateway.template import render_gateway
from blocks.settings import ProcessSettings
from blocks.stored.api_password import password_file
from pool.errors import BadRequest, Refused
from runtime.command.doctor.parts import left_out, parts_of
from runtime.command.doctor.told import Condition, Told
from runtime.command.packages import check_packages
from runtime.stack.ports import check_ports
from runtime.stack.stop import engine_url
from runtime.supervision.units import unit_states

LEAST_GB = 5  # an image of some GB is there twice while it is added: as an archive, and as layers
GB = 1_000_000_000
NOT_SYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)


def examine_manager(settings: ProcessSettings, runs: bool) -> Iterator[Told]:
    """Tell of each of them how it is.

    Args:
        settings: of this installation.
        runs: whether the stack does: then its ports are its own, and its engine has to answer.
    """
    yield _of_packages(settings)
    yield _of_disk(settings)
    yield of_clock(_clock_state())
    parts = parts_of(settings)
    if parts.gateway:
        yield _of_gateway(settings)
    if parts.manager or parts.workers:
        yield _of_password(settings)
    yield from left_out(parts)
    if not parts.manager:
        return
    if not runs:
        yield _of_ports(settings, parts.gateway)
    elif settings.cloud == "local":
        yield _of_engine(settings)


def _of_packages(settings: ProcessSettings) -> Told:
    try:
        check_packages(engine=not unit_states(settings))
    except Refused as refusal:
        says, _, fix = str(refusal).partition("; ")
        return Told(says, Condition.MISSING, fix)
    return Told("Debian's packages are installed", Condition.OK)


def _of_disk(settings: ProcessSettings) -> Told:
    place = next(folder for folder in (settings.data, *settings.data.parents) if folder.exists())
    free = shutil.disk_usage(place).free / GB
    says = f"{free:.1f} GB are free on the disk of {settings.data}"
    if free >= LEAST_GB:
        return Told(says, Condition.OK)
    fix = f"have {LEAST_GB} GB free: delete archives in {settings.images_dir} that no pool wants, or old logs"
    return Told(says, Condition.MISSING, fix)


def of_clock(state: int | None) -> Told:
    """Tell whether the clock is kept right; certificates and links are good by it.

    Args:
        state: as adjtimex(2) returns it; None: the kernel does not say.
    """
    if state is None:
        return Told("whether this machine's clock is kept right is not known", Condition.UNKNOWN)
    if state == NOT_SYNCHRONIZED:
        says = "no program of this machine keeps its clock right: hosts and browsers refuse what is of another time"
        return Told(says, Condition.UNKNOWN, "apt-get install chrony, unless what this machine runs on keeps it")
    return Told("this machine's clock is kept right", Condition.OK)


def _clock_state() -> int | None:
    modes_and_more = ctypes.create_string_buffer(512)  # a struct timex whose modes are 0: nothing is set
    try:
        state: int = ctypes.CDLL(None).adjtimex(modes_and_more)
    except (OSError, AttributeError):
        return None
    return state if state >= 0 else None


def _of_password(settings: ProcessSettings) -> Told:
    file = password_file(settings)
    if not file.exists():
        return Told(f"{file} is made by the first `make up`", Condition.UNKNOWN)
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        says = f"every account of this machine may read {file}, which opens Prefect's API"
        return Told(says, Condition.WRONG, f"chmod o-rwx {file}, then `dockerdriver rotate-secrets api-password`")
    return Told(f"{file} is not for every account to read", Condition.OK)


def _of_gateway(settings: ProcessSettings) -> Told:
    try:
        render_gateway(gateway_config(settings))
    except BadRequest as wrong:
        return Told(f"the gateway would not start: {wrong}", Condition.WRONG, "change dockerdriver.env, then `make up`")
    return Told("the gateway's settings make sense", Condition.OK)


def _of_ports(settings: ProcessSettings, gateway: bool) -> Told:
    try:
        check_ports(settings, gateway)
    except Refused as refusal:
        says, _, fix = str(refusal).rpartition("; ")
        return Told(says, Condition.MISSING, fix)
    if not gateway:
        return Told(f"port {settings.prefect_port} is free", Condition.OK)
    return Told(f"ports {settings.gateway_port} and {settings.prefect_port} are free", Condition.OK)


def _of_engine(settings: ProcessSettings) -> Told:
    url = engine_url(settings)
    if answers(url):
        return Told(f"the Docker Engine of the hosts answers: {url}", Condition.OK)
    fix = f"see that it runs; of the stack's own, {settings.data / 'logs'} has its log, and `make up` starts it"
    return Told(f"the Docker Engine of the hosts does not answer: {url}", Condition.MISSING, fix)
