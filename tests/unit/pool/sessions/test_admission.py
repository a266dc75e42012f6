"""Who is let into a pool, and what is said to those who are not."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.errors import BadRequest, Refused, ShuttingDown
from pool.records import BlueprintSpec, FlavorSize, Host
from pool.sessions.admission import check_admission, expiry, no_room
from pool.settings import PoolSettings
from pool.states import HostState

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 5, 8, 45, tzinfo=UTC)
SETTINGS = PoolSettings()
BLUEPRINT = BlueprintSpec(name="jupyter-minimal", pool="main", image="jupyter-minimal", port=8888, lifetime=3600)


def host(name: str, state: HostState, reserved: int = 0) -> Host:
    return Host(name, "main", state, FlavorSize.SMALL, slots=6, reserved=reserved, created_at=NOW, state_since=NOW)


def test_an_ordinary_request_is_let_in():
    check_admission(SETTINGS, BLUEPRINT, {"lifetime": 60, "environment": {"LANG": "C"}})


def test_shutdown_mode_refuses_and_says_so():
    with pytest.raises(ShuttingDown, match="pool main is in shutdown mode and takes no new sessions"):
        check_admission(replace(SETTINGS, shutdown_mode=True), BLUEPRINT, {})


def test_without_the_driver_in_the_whitelist_every_request_is_refused():
    with pytest.raises(Refused, match="DockerDriver is not in PLUGIN_WHITELIST"):
        check_admission(replace(SETTINGS, plugin_whitelist=("Other",)), BLUEPRINT, {})


def test_a_session_larger_than_every_flavor_is_refused_at_once():
    with pytest.raises(Refused, match="needs 25 slots; the largest host has 24"):
        check_admission(SETTINGS, replace(BLUEPRINT, slots=25), {})


def test_a_session_with_more_memory_than_every_host_has_is_refused_at_once():
    check_admission(SETTINGS, replace(BLUEPRINT, memory_mb=24 * 512), {})
    with pytest.raises(Refused, match="needs 12289 MB of memory; the largest host has 24 slots of 512 MB"):
        check_admission(SETTINGS, replace(BLUEPRINT, memory_mb=24 * 512 + 1), {})


def test_a_session_that_needs_more_swap_than_hosts_have_is_refused_at_once():
    wanting = replace(BLUEPRINT, memory_swap_mb=512)
    check_admission(replace(SETTINGS, swap_mb=512), wanting, {})
    with pytest.raises(Refused, match=r"needs 512 MB of swap; hosts of pool main have 0 \(DD_HOST_SWAP_MB\)"):
        check_admission(SETTINGS, wanting, {})


def test_a_session_with_gpus_is_refused_where_hosts_have_none_or_too_few():
    for gpus, said in ((0, "needs 2 GPUs; hosts of pool main have 0"), (1, "needs 2 GPUs; hosts of pool main have 1")):
        with pytest.raises(Refused, match=said):
            check_admission(replace(SETTINGS, gpus=gpus), replace(BLUEPRINT, gpus=2, slots=24), {})


def test_a_session_with_gpus_takes_slots_in_proportion_so_that_slots_never_outlast_gpus():
    settings = replace(SETTINGS, gpus=4)
    check_admission(settings, replace(BLUEPRINT, gpus=1, slots=6), {})
    with pytest.raises(Refused, match=r"1 of the 4 GPUs of a host with 24 slots, and must take 6 slots .*, not 5"):
        check_admission(settings, replace(BLUEPRINT, gpus=1, slots=5), {})


@pytest.mark.parametrize(
    "options",
    [
        {"memory": 1},
        {"wait": -1},
        {"wait": "1"},
        {"wait": True},
        {"lifetime": 3601},
        {"lifetime": "1h"},
        {"lifetime": True},
    ],
)
def test_an_option_that_means_nothing_is_named(options):
    with pytest.raises(BadRequest, match=next(iter(options))):
        check_admission(SETTINGS, BLUEPRINT, options)


@pytest.mark.parametrize("environment", [{"A": 1}, ["A=1"], "A=1"])
def test_an_environment_that_is_not_names_and_texts_is_refused(environment):
    with pytest.raises(BadRequest, match="environment must map names to texts"):
        check_admission(SETTINGS, BLUEPRINT, {"environment": environment})


@pytest.mark.parametrize("name", ["", "A B", "A=B", "A\0", "\t"])
def test_a_name_that_no_variable_can_have_is_refused(name):
    with pytest.raises(BadRequest, match="is no name of a variable"):
        check_admission(SETTINGS, BLUEPRINT, {"environment": {name: "x"}})


def test_a_text_that_no_program_can_be_given_is_refused_and_not_shown():
    with pytest.raises(BadRequest, match=r"^option environment: the text of KEY has a NUL character, which no program"):
        check_admission(SETTINGS, BLUEPRINT, {"environment": {"KEY": "x\0y"}})
    check_admission(SETTINGS, BLUEPRINT, {"environment": {"my.key-1": "two\nlines, = and spaces", "ÄÖ": ""}})


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PATH", "BASH_ENV", "BASH_FUNC_ls%%", "PYTHONPATH", "S6_STAGE2_HOOK"])
def test_a_user_names_no_code_for_programs_that_begin_with_rights_of_root(name):
    rstudio = replace(BLUEPRINT, name="rstudio", capabilities=("SETUID",))
    with pytest.raises(BadRequest, match=r"decides what programs load, and those of blueprint rstudio"):
        check_admission(SETTINGS, rstudio, {"environment": {name: "/home/ada/mine.so"}})
    check_admission(SETTINGS, rstudio, {"environment": {"LANG": "C", "MY_PATH": "x"}})
    check_admission(SETTINGS, BLUEPRINT, {"environment": {name: "its own user's programs alone"}})


def test_a_session_expires_after_its_blueprint_or_earlier_on_request():
    assert expiry(BLUEPRINT, {}, NOW) == NOW + timedelta(hours=1)
    assert expiry(BLUEPRINT, {"lifetime": 60}, NOW) == NOW + timedelta(minutes=1)


def test_a_full_pool_says_what_is_free_and_what_is_coming():
    hosts = [host("main-01", HostState.ACTIVE, reserved=6), host("main-02", HostState.SPAWNING)]
    assert str(no_room(SETTINGS, hosts, slots=1)) == (
        "pool main is full: 1 slot requested, 0 free on 1 active host (at most 4 hosts);"
        " 1 on the way, try again in a minute"
    )


def test_a_pool_that_is_full_because_hosts_take_no_session_says_why_they_do_not():
    silent, low = (host(name, HostState.ACTIVE) for name in ("main-01", "main-02"))
    hosts = [replace(silent, unreachable_since=NOW), replace(low, disk_low_since=NOW)]
    said = "0 free on 2 active hosts, 1 out of reach, 1 low on disk (at most 4 hosts)"
    assert said in str(no_room(SETTINGS, hosts, slots=1))


@given(st.integers(1, 8), st.integers(1, 64), st.lists(st.tuples(st.integers(1, 8), st.integers(1, 64)), max_size=12))
def test_sessions_whose_slots_fit_on_a_host_fit_on_its_gpus(gpus, slots, asked):
    settings = replace(SETTINGS, gpus=gpus, slots_small=slots, slots_large=slots)
    free_slots, free_gpus = slots, gpus
    for wanted, taken in asked:
        with suppress(Refused):
            check_admission(settings, replace(BLUEPRINT, gpus=wanted, slots=taken, memory_mb=64), {})
            if taken <= free_slots:
                free_slots, free_gpus = free_slots - taken, free_gpus - wanted
    assert free_gpus >= 0
