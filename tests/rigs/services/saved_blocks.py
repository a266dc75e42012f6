"""Blocks that a Prefect server keeps, by their own methods, from a test that may stand in a loop of events or not."""

from typing import Any, TypeVar

from prefect.blocks.core import Block

SomeBlock = TypeVar("SomeBlock", bound=Block)


def register_block(kind: type[Block]) -> None:
    """Have the server know a kind of blocks."""
    register: Any = kind.register_type_and_schema  # as the other methods: its decorator has one keyword more
    register(_sync=True)


def save_block(block: Block, name: str) -> None:
    """Save a block in the place of one of its name, if there is one."""
    save: Any = block.save
    save(name, overwrite=True, _sync=True)


def load_block(kind: type[SomeBlock], name: str) -> SomeBlock:
    """Load a block as the server has it."""
    load: Any = kind.load
    block: SomeBlock = load(name, _sync=True)
    return block
