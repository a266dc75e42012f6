"""The diagram of the packages, drawn from the imports between them: ``python -m docs.package_graph`` prints it.

The page `architecture.md` holds it; a unit test keeps the two equal.
"""

from collections.abc import Mapping, Set

import grimp

LAYERS = ("runtime", "flows", "tasks", "blocks", "pool")
DOOR = "blocks.outside"  # a module, drawn as a box of its own: everything above it gets out through it

Arrows = dict[str, set[str]]


def mermaid() -> str:
    """Draw each package as a box in its layer, and an arrow to each package that it imports.

    An arrow that a way along other arrows implies is left out: a diagram with all of them cannot be read.
    """
    arrows = without_implied(imports_between_packages())
    boxes = sorted({*arrows, *(target for targets in arrows.values() for target in targets)})
    lines = ["flowchart TD"]
    for layer in LAYERS:
        inside = [f"        {_id(box)}[{_title(box)}]" for box in boxes if box.split(".")[0] == layer]
        lines += [f"    subgraph {layer}_layer [{layer}/]", *inside, "    end"]
    lines += [f"    {_id(box)} --> {_id(target)}" for box in sorted(arrows) for target in sorted(arrows[box])]
    return "\n".join(lines) + "\n"


def imports_between_packages() -> Arrows:
    """Read the imports of all modules, and join them by package; a layer's own modules count as one package."""
    graph = grimp.build_graph(*LAYERS, cache_dir=None)
    packages = {module for module in graph.modules if graph.find_children(module)} | {DOOR}
    arrows: Arrows = {}
    for module in graph.modules:
        box = _package(module, packages)
        targets = {_package(target, packages) for target in graph.find_modules_directly_imported_by(module)}
        arrows.setdefault(box, set()).update(targets - {box})
    return arrows


def without_implied(arrows: Mapping[str, Set[str]]) -> Arrows:
    """Drop every arrow whose target is reached in another way; what reaches what stays the same."""
    kept: Arrows = {box: set(targets) for box, targets in arrows.items()}
    for box in sorted(kept):
        for target in sorted(kept[box]):
            kept[box].remove(target)
            if target not in _reachable(box, kept):
                kept[box].add(target)
    return kept


def _package(module: str, packages: Set[str]) -> str:
    """Name the package of the first two levels that the module is in."""
    room = ".".join(module.split(".")[:2])
    return room if room in packages else module.split(".", maxsplit=1)[0]


def _reachable(start: str, arrows: Mapping[str, Set[str]]) -> Set[str]:
    found: set[str] = set()
    ahead = {start}
    while ahead:
        ahead = {target for box in ahead for target in arrows.get(box, ())} - found
        found |= ahead
    return found


def _id(box: str) -> str:
    return box.replace(".", "_")


def _title(box: str) -> str:
    layer, _, room = box.partition(".")
    return "outside.py, the door" if box == DOOR else room or f"{layer}/*.py"


if __name__ == "__main__":
    print(mermaid(), end="")
