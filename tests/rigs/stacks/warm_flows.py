"""Flows for the tests of the worker: each does one thing that a worker has to cope with."""

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.runtime import flow_run

_calls = ThreadPoolExecutor(1)


def note(file: str, line: str) -> None:
    with Path(file).open("a") as out:
        out.write(line + "\n")


@task
def block(seconds: float) -> None:
    time.sleep(seconds)


@flow
async def stamp(file: str = "") -> str:
    """Write down when and in which run the flow's code began."""
    get_run_logger().info("stamped in %s", threading.current_thread().name)
    if file:
        note(file, f"{flow_run.get_id()} {time.time()}")
    return "stamped"


@flow
async def blocking(seconds: float, file: str = "") -> None:
    """Block the run's thread, as a task that calls an engine does; then go on to a second step."""
    get_run_logger().info("blocking")
    block(seconds)
    if file:
        note(file, "second step")


@flow
async def calling(seconds: float, file: str) -> None:
    """Wait in the process's executor for a call that does not return, as for a host that does not answer."""
    note(file, "begun")
    await asyncio.get_running_loop().run_in_executor(_calls, time.sleep, seconds)


@flow
async def computing(seconds: float) -> None:
    """Compute, as a tick of a large pool does: its thread has the interpreter whenever no other asks for it."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        sum(range(10_000))


@flow
async def waiting(seconds: float, user: str = "") -> None:
    await asyncio.sleep(seconds)


@flow
async def undoing_for_ever(instance_id: str, file: str) -> None:
    """Stand for the start of a session whose host does not answer while the start is undone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(file, instance_id)
    threading.Event().wait(600)


@flow
async def failing() -> None:
    raise ValueError("the cloud is out of clouds")


@flow
def plain(seconds: float = 0) -> None:
    """Not async, as an operator may write one."""
    time.sleep(seconds)


@flow
async def second_time_lucky(file: str) -> str:
    """Take for ever; but not when it is run again."""
    first = not Path(file).exists()
    note(file, str(flow_run.get_id()))
    if first:
        await asyncio.sleep(600)
    return "done"


@flow
async def deadly() -> None:
    """End the process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)


@flow
async def processes(file: str) -> None:
    """Write down in which process this runs, and in which one its worker."""
    note(file, f"{os.getpid()} {os.getppid()}")


@flow
async def telling(folder: str) -> str:
    """Wait for a sign, then tell the server of it, as the answer to a platform is told."""
    (Path(folder) / "begun").touch()
    while not (Path(folder) / "sign").exists():
        await asyncio.sleep(0.1)
    get_run_logger().info("the sign was seen")
    (Path(folder) / "seen").touch()
    await acreate_markdown_artifact("told", key=f"told-{flow_run.get_id()}")
    return "told"


@flow
async def environment() -> None:
    """Say whether a variable is set that only a run's own settings could have set, and where this is."""
    get_run_logger().info("HOSTILE is %s", os.environ.get("HOSTILE", "unset"))
    get_run_logger().info("working in %s", Path.cwd())
