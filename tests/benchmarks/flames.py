"""Where the manager's time goes in a burst of cold starts: flame graphs of Prefect's server and of the warm worker.

On a stack of its own, with one host: some starts that count nowhere, then twenty at once, while py-spy samples both
processes a hundred times a second. Run: `make bench NAME=flames`; it draws docs/pictures/burst-*.svg. With
``--pid server=123 --pid worker=456`` it samples what runs already, another benchmark's, say, for some seconds.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from blocks.settings import ProcessSettings
from runtime.supervision.environment import marked_processes
from tests.rigs.launches.figures import COLD
from tests.rigs.launches.flames import RATE, flame_graph, read, sampled, shares
from tests.rigs.launches.launch_stack import BLUEPRINT, launch_stack, rest
from tests.rigs.launches.manager_cpu import AFTER_SECONDS, PARTS
from tests.rigs.launches.ours import Ours
from tests.rigs.stacks.stack import CHECKOUT, Stack

PICTURES = CHECKOUT / "docs" / "pictures"
STARTS = 20
SAMPLED = ("server", "worker")


def main() -> None:
    """Sample, print the shares, draw."""
    parser = argparse.ArgumentParser(prog="make bench NAME=flames", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file that the shares are written to")
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder that the flame graphs are drawn in")
    parser.add_argument("--starts", type=int, default=STARTS, help="sessions at once")
    parser.add_argument("--pid", action="append", default=[], help="server=123: a process that runs; may be repeated")
    parser.add_argument("--seconds", type=float, default=60.0, help="for which such are sampled")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dd-flames-") as folder:
        if arguments.pid:
            processes = {part: int(pid) for part, _, pid in (one.partition("=") for one in arguments.pid)}
            with sampling(processes, Path(folder)):
                time.sleep(arguments.seconds)
            figures: dict[str, object] = {}
        else:
            with launch_stack() as stack:
                figures = measure(stack, arguments.starts, Path(folder))
        figures |= drawn(Path(folder), arguments.pictures)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(stack: Stack, starts: int, folder: Path) -> dict[str, object]:
    """One burst, sampled into the folder; what it took."""
    over = threading.Event()
    ours = Ours(stack, COLD, BLUEPRINT, over)
    launched(ours, [f"before-{number}" for number in range(4)])
    rest(stack, 0)
    with ExitStack() as open_for:
        open_for.enter_context(sampling(manager_processes(stack), folder))
        taken = launched(ours, [f"burst-{number}" for number in range(starts)], open_for.close)
    figures: dict[str, object] = {"starts": starts, "last_s": max(one for one in taken if isinstance(one, float))}
    return figures | {"failed": [one for one in taken if isinstance(one, str)], "load": os.getloadavg()}


@contextmanager
def sampling(processes: Mapping[str, int], folder: Path) -> Iterator[None]:
    """Sample each for the block, into a file of its name."""
    with ExitStack() as spies:
        for part, pid in processes.items():
            spies.enter_context(sampled(pid, folder / f"{part}.raw"))
        yield


def drawn(folder: Path, pictures: Path) -> dict[str, object]:
    """Draw a flame graph of each; the seconds in which it computed, and the shares of its packages."""
    figures: dict[str, object] = {}
    for part, found in read(sorted(folder.glob("*.raw"))).items():
        seconds = found.total() / RATE
        figures |= {f"{part}_computed_s": round(seconds, 1), f"{part}_shares": shares(found)}
        title = f"Where the {part} computed in a burst, {seconds:.0f} s of its threads in all"
        (pictures / f"burst-{part}.svg").write_text(flame_graph(title, found))
    return figures


def launched(ours: Ours, names: Sequence[str], started: Callable[[], object] = lambda: None) -> list[float | str]:
    """Start sessions at once, call *started* when what follows their starts is told, and end them; what each took."""
    with ThreadPoolExecutor(len(names)) as threads:
        taken = list(threads.map(ours.timed, names))
    time.sleep(AFTER_SECONDS)
    started()
    ours.end(names)
    return taken


def manager_processes(stack: Stack) -> dict[str, int]:
    """Process id of each part of the manager; of several the first."""
    settings = ProcessSettings(data=stack.data, _env_file=None)
    found: dict[str, int] = {}
    for pid, command in sorted(marked_processes(settings.identity).items()):
        for part in SAMPLED:
            if PARTS[part] in command:
                found.setdefault(part, pid)
    return found


if __name__ == "__main__":
    main()
