"""Names of millions of pictures, in memory that loader processes share."""

import os
from collections.abc import Sequence
from typing import overload

import numpy as np


class Texts(Sequence[str]):
    """Strings in one buffer: of a list, counts of references would copy its pages into every process that reads it.

    Args:
        texts: N of them.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        encoded = [os.fsencode(text) for text in texts]
        self._ends = np.cumsum([0, *map(len, encoded)])
        self._buffer = b"".join(encoded)

    def __len__(self) -> int:
        """N."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        """One of them, or some."""
        if isinstance(at, slice):
            return [self[row] for row in range(*at.indices(len(self)))]
        row = range(len(self))[at]  # counts from the end, and ends where they do, as a list
        return os.fsdecode(self._buffer[self._ends[row] : self._ends[row + 1]])
