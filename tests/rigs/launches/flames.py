"""Where Python's time goes in a burst: samples of py-spy, folded by file, as a flame graph and as shares."""

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from tests.rigs.svg import WIDTH, drawing, words

PY_SPY = Path(sys.executable).parent / "py-spy"
RATE = 100  # samples a second
ROW, TOP, LETTER = 15, 44, 6.2
#: Of all samples, what a frame must have to be drawn.
LEAST = 0.006
#: By the first folder of a file. What has none of these is Python's own, or another library's.
COLOURS = {
    "ours": "#7fb2e5",
    "prefect": "#f2b56b",
    "sqlalchemy": "#9fcf9f",
    "starlette": "#d9b3e6",
    "fastapi": "#d9b3e6",
    "uvicorn": "#d9b3e6",
    "pydantic": "#e8a0a0",
    "httpx": "#cfcf8a",
    "httpcore": "#cfcf8a",
}
OTHER = "#d8d8d8"
LOOP = "asyncio/runners"
WAITS = ("selectors ", "threading Condition.wait", "threading Event.wait", "queue Queue.get")
OURS = ("pool/", "blocks/", "tasks/", "flows/", "runtime/", "tests/")
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(:\d+)?\)")

Stack = tuple[str, ...]


@dataclass
class Node:
    """One frame below the frames that called it, with the samples that were in it."""

    samples: int = 0
    below: dict[str, "Node"] = field(default_factory=dict)


@contextmanager
def sampled(pid: int, file: Path) -> Iterator[None]:
    """Have py-spy sample a process for the block, into *file*; what waits and computes nothing is left out."""
    command = [PY_SPY, "record", "--pid", pid, "--format", "raw", "--rate", RATE, "--nonblocking", "--function"]
    command += ["--duration", 3600, "--output", file]
    spy = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)  # it writes then
        spy.wait(60)


def stacks(raw: str) -> Counter[Stack]:
    """Read what py-spy wrote: of each stack, outermost frame first, how many samples.

    Frames of one file that call each other are one frame: that of the first of them. What leads to an event loop is
    left out: it is the same in all that runs there. So are samples of what waits: on a busy machine py-spy takes it for
    at work.
    """
    found: Counter[Stack] = Counter()
    for line in raw.splitlines():
        frames, _, count = line.rpartition(" ")
        stack = _folded(frames.split(";"))
        if stack and not stack[-1].startswith(WAITS):
            found[stack] += int(count)
    return found


def _folded(frames: Sequence[str]) -> Stack:
    folded: list[str] = []
    before = ""
    for frame in frames:
        found = _FRAME.fullmatch(frame)
        file = found["file"] if found else frame
        if file != before:
            folded.append(f"{_short(file)} {found['function']}" if found else frame)
        before = file
    loops = [number for number, frame in enumerate(folded) if frame.startswith(LOOP)]
    return tuple(folded[loops[-1] :] if loops else folded)


def _short(file: str) -> str:
    """The file without the folder that packages are installed in."""
    return file.rpartition("site-packages/")[2].removesuffix(".py")


def part_of(frame: str) -> str:
    """Return which package a frame is of: ours, a library that has a colour, or other."""
    if frame.startswith(OURS):
        return "ours"
    first = re.split(r"[/ ]", frame, maxsplit=1)[0]
    return first if first in COLOURS else "other"


def shares(found: Mapping[Stack, int]) -> dict[str, float]:
    """Of all samples, the share of each package: a sample is of the innermost frame that is not other's."""
    seen: Counter[str] = Counter()
    for stack, count in found.items():
        known = [part for frame in reversed(stack) if (part := part_of(frame)) != "other"]
        seen[known[0] if known else "other"] += count
    whole = seen.total() or 1
    return {part: round(count / whole, 3) for part, count in seen.most_common()}


def flame_graph(title: str, found: Mapping[Stack, int]) -> str:
    """Draw it as SVG: the outermost frames on top, each as wide as its samples."""
    root = _tree(found)
    parts, depth = [words(8, 16, title), words(8, 34, _legend())], 0
    least = LEAST * root.samples

    def draw(node: Node, left: float, level: int) -> None:
        nonlocal depth
        for name, below in sorted(node.below.items(), key=lambda one: -one[1].samples):
            width = (WIDTH - 16) * below.samples / root.samples
            if below.samples >= least:
                depth = max(depth, level + 1)
                parts.append(_box(name, left, TOP + ROW * level, width, below.samples / root.samples))
                draw(below, left, level + 1)
            left += width

    draw(root, 8, 0)
    return drawing(TOP + ROW * depth + 10, parts)


def _tree(found: Mapping[Stack, int]) -> Node:
    root = Node(sum(found.values()))
    for stack, count in found.items():
        node = root
        for frame in stack:
            node = node.below.setdefault(frame, Node())
            node.samples += count
    return root


def _legend() -> str:
    return "blue: ours, orange: Prefect, green: SQLAlchemy, violet: web server, red: pydantic, yellow: httpx"


def _box(name: str, left: float, top: float, width: float, share: float) -> str:
    told = escape(f"{name}: {share:.1%}")
    colour = COLOURS.get(part_of(name), OTHER)
    shape = f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" fill="{colour}" stroke="white"/>'
    fits = int((width - 4) / LETTER)
    text = f'<text x="{left + 2:.1f}" y="{top + 11}" font-size="10">{escape(name[:fits])}</text>' if fits > 3 else ""
    return f"<g><title>{told}</title>{shape}{text}</g>"


def read(files: Iterable[Path]) -> dict[str, Counter[Stack]]:
    """The samples of each file, by its name."""
    return {file.stem: stacks(file.read_text()) for file in files if file.exists()}
