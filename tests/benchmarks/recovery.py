"""How long until a stack serves again after one part of it was killed, under five requests a second.

Of ten requests, one asks for a session, one for the end of one, eight read an answer; sessions are of the smallest
image. So two cores have room for the work (twice as many starts keep them busy for minutes after each kill, which then
measures the machine), and the pool has both of its hosts before the first kill. Killed, each with SIGKILL: Prefect's
server (until its API takes a write), the warm worker (until a request that was posted after the kill is done), the
stack's PostgreSQL, which has both databases (the same), and the gateway (until a session answers through it).
Run: `make bench NAME=recovery`; it starts a stack of its own and needs root.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from pool.states import HostState
from tests.reliability.accepted import Age
from tests.reliability.in_flight import ask
from tests.reliability.ledger import Ledger, sentences
from tests.reliability.tiny_stack import tiny_stack
from tests.reliability.traffic import ASK, END, READ, Traffic
from tests.reliability.victims import LOCKS, Battlefield
from tests.rigs.stacks.stack import CHECKOUT, Stack
from tests.rigs.waiting import until

DATA = CHECKOUT / "build" / "kill-anywhere"  # whose images are built already, where it has run
KILLS = 20
PER_SECOND = 5.0
MIX = (ASK, READ, READ, READ, READ, END, READ, READ, READ, READ)
HOSTS = 2
WARM_UP_SECONDS = 10  # of traffic before the first kill
BETWEEN_SECONDS = 3  # after all is back, before the next kill
HOSTS_SECONDS = 600  # until all hosts of the pool serve
LONGEST_SECONDS = 90
PROMPT_SECONDS = (
    3  # within which a request is done by a stack that nothing waits for: what the kill before left is over
)
SETTLE_SECONDS = 300
END_SECONDS = 120  # for the requests that are under way at the end
ENDING = "deprovision-instance/on-demand"


def main() -> None:
    """Kill each part again and again, and print the figures."""
    parser = argparse.ArgumentParser(prog="make bench NAME=recovery", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the figures are written to")
    parser.add_argument("--kills", type=int, default=KILLS, help="of each part")
    parser.add_argument("--only", default="", help="kill this part alone: server, worker, database or gateway")
    arguments = parser.parse_args()
    with tiny_stack(DATA, hosts=HOSTS) as stack:
        figures = measure(stack, arguments.kills, arguments.only)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(stack: Stack, kills: int, only: str = "") -> dict[str, float]:
    """The figures of a running stack."""
    seen = Battlefield(stack)
    figures: dict[str, float] = {"kills_of_each": kills}
    victims = parts(stack, seen)
    until(lambda: serving(stack) == HOSTS, "all hosts serve", HOSTS_SECONDS)
    with Traffic(stack, PER_SECOND, MIX) as traffic:
        time.sleep(WARM_UP_SECONDS)
        for name, (kill, works_again) in victims.items():
            if only in ("", name):
                figures |= summary(name, [recovery(stack, seen, name, kill, works_again) for _ in range(kills)])
    accounts = Ledger(stack, stack.records).wait(traffic.accepted, END_SECONDS)
    print("\n".join(sentences(accounts)))
    return figures | {"accepted": len(accounts), "accepted_lost": len(sentences(accounts))}


def parts(stack: Stack, seen: Battlefield) -> dict[str, tuple[Callable[[], None], Callable[[], bool]]]:
    """By name: how each is killed, and whether it serves again."""
    url = session_url(stack)
    return {
        "server": (lambda: seen.kill_program("server"), lambda: bool(posted(stack))),
        "worker": (lambda: seen.kill_program("warm"), lambda: served(stack)),
        "database": (seen.kill_own_database, lambda: served(stack)),
        "gateway": (lambda: seen.kill_program("gateway"), lambda: opens(url)),
    }


def recovery(
    stack: Stack, seen: Battlefield, name: str, kill: Callable[[], None], works_again: Callable[[], bool]
) -> float:
    """Seconds from the kill until it works again. What the kill before left waiting is over then, or it would count."""
    for program in LOCKS:
        until(partial(seen.has_standby, program), f"a second {program} stands by", SETTLE_SECONDS)
    until(lambda: is_prompt(stack), "requests are done promptly", SETTLE_SECONDS)
    kill()
    killed = time.monotonic()
    until(works_again, f"{name} works again", LONGEST_SECONDS, meanwhile=lambda: time.sleep(0.05))
    seconds = time.monotonic() - killed
    print(f"{time.strftime('%H:%M:%S')} {name}: {seconds:.1f} s", flush=True)
    seen.wait_until_back()
    time.sleep(BETWEEN_SECONDS)
    return seconds


def summary(name: str, seconds: Sequence[float]) -> dict[str, float]:
    """Median, nine of ten, and the slowest."""
    ninth = sorted(seconds)[math.ceil(0.9 * len(seconds)) - 1]
    figures = {"p50": median(seconds), "p90": ninth, "worst": max(seconds)}
    return {f"{name}_{kind}_s": round(value, 2) for kind, value in figures.items()}


def session_url(stack: Stack) -> str:
    """Where a session is that lives through all of it."""
    session = ask(stack, Age.STRUCK).session
    until(lambda: _answer(stack, session).get("state") == "running", "a session that is looked at", 120)
    return str(_answer(stack, session)["url"])


def _answer(stack: Stack, session: str) -> dict:
    with suppress(httpx.HTTPError):
        return stack.answer(session)
    return {}


def serving(stack: Stack) -> int:
    """How many hosts take sessions."""
    return len(stack.records.hosts.all(states=[HostState.ACTIVE]))


def posted(stack: Stack) -> str:
    """Have Prefect's API take a request that asks for nothing; id of its run, empty where it was not taken."""
    with suppress(httpx.HTTPError):
        return stack.trigger(ENDING, instance_id="never-was")
    return ""


def served(stack: Stack) -> bool:
    """Whether a request that is posted now is done."""
    run = posted(stack)
    with suppress(httpx.HTTPError, TimeoutError):
        return bool(run) and stack.finish(run, LONGEST_SECONDS)[0] == "COMPLETED"
    return False


def is_prompt(stack: Stack) -> bool:
    """Whether a request that is posted now is done at once."""
    began = time.monotonic()
    return served(stack) and time.monotonic() - began < PROMPT_SECONDS


def opens(url: str) -> bool:
    """Whether a session answers through the gateway."""
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=2, trust_env=False).is_success
    return False


if __name__ == "__main__":
    main()
