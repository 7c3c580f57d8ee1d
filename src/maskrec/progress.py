"""A progress bar for what takes long."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import rich.progress
from rich.console import Console

Item = TypeVar("Item")


def track(items: Iterable[Item], doing: str, total: int | None = None, disable: bool = False) -> Iterator[Item]:
    """The items, with a bar that is gone afterwards; on stderr, for stdout is the answer's.

    Args:
        items: What is worked through.
        doing: Written before the bar.
        total: How many there are, where they do not know.
        disable: Whether to show none.
    """
    console = Console(stderr=True)
    disable = disable or not (console.is_terminal or console.is_jupyter)  # a log would get empty lines
    yield from rich.progress.track(items, doing, total, transient=True, disable=disable, console=console)
