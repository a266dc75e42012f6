"""The picture of a life cycle, made from the dict that holds it. ``python -m pool.diagram`` prints both."""

from collections.abc import Mapping, Set

from pool.states import HOST_MOVES, INSTANCE_MOVES, State


def mermaid(moves: Mapping[State, Set[State]]) -> str:
    """A Mermaid state diagram: the first state is the start, a state without moves is an end."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(moves))}"]
    for state, targets in moves.items():
        lines += [f"    {state} --> {target}" for target in moves if target in targets]
        lines += [] if targets else [f"    {state} --> [*]"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(mermaid(HOST_MOVES), mermaid(INSTANCE_MOVES), sep="\n", end="")
