"""Whose fault an engine's refusal is: the words of engines of several versions, and words that a user has put there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool import blame
from pool.blame import blame_for

pytestmark = pytest.mark.unit

RUNC = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
ANSWERS = [
    (400, "invalid environment variable: =x", blame.BAD_REQUEST),
    (500, RUNC + "error during container init: environment variable value can't contain null", blame.BAD_REQUEST),
    (400, RUNC + 'exec: "jupyter-labb": executable file not found in $PATH: unknown', blame.BAD_BLUEPRINT),
    (500, RUNC + 'exec: "jupyter-labb": executable file not found in $PATH: unknown', blame.BAD_BLUEPRINT),
    (400, 'invalid CapAdd: unknown capability: "CAP_NOSUCH"', blame.BAD_BLUEPRINT),
    (500, "unable to find user nosuch: no matching entries in passwd file", blame.BAD_BLUEPRINT),
    (400, "No command specified", blame.BAD_IMAGE),
    (None, "cannot load windows image on linux", blame.BAD_IMAGE),
    (404, "No such image: sha256:0000", blame.IMAGE_GONE),
    (404, "No such container: dd-alice", blame.CONTAINER_GONE),
    (409, 'Conflict. The container name "/dd-alice" is already in use by container "d017".', blame.NAME_TAKEN),
    (500, "could not find an available, non-overlapping IPv4 address pool among the defaults", blame.NO_NETWORK),
    (500, 'could not select device driver "" with capabilities: [[gpu]]', blame.NO_GPUS),
    (
        500,
        RUNC + "error during container init: error setting rlimit type 7: operation not permitted",
        blame.TOO_MANY_FILES,
    ),
    (500, "write /var/lib/docker/overlay2/be8d/link: no space left on device", blame.NO_SPACE),
    (500, "Bind for 10.231.0.2:20001 failed: port is already allocated", blame.PORT_TAKEN),
    (500, "failed to bind host port for 0.0.0.0:20001: address already in use", blame.PORT_TAKEN),
    (500, 'connection error: desc = "dial unix /run/containerd/containerd.sock: connect: refused"', blame.HOSTS_OWN),
    (500, 'Get "https://registry.example/v2/": dial tcp 192.0.2.1:443: i/o timeout', blame.UNREACHABLE),
    (500, "something that was never seen", blame.HOSTS_OWN),
    (503, "", blame.HOSTS_OWN),
]


@pytest.mark.parametrize(("status", "words", "judged"), ANSWERS, ids=[words[-40:] or "none" for _, words, _ in ANSWERS])
def test_an_engines_answer_is_judged_by_its_status_and_its_words(status, words, judged):
    assert blame_for(status, words) is judged


@given(st.sampled_from([words for _, words, _ in ANSWERS]))
def test_a_session_cannot_hold_its_own_fault_against_a_host_by_what_it_writes_into_its_environment(words):
    assert not blame_for(400, f"invalid environment variable: ={words}").counts


@given(st.one_of(st.none(), st.integers(100, 599)), st.text())
def test_every_answer_is_judged_and_what_counts_against_a_host_is_tried_elsewhere(status, words):
    judged = blame_for(status, words)
    assert judged.elsewhere or not judged.counts
