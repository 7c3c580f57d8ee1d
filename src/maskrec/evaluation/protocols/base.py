"""What a protocol is given, and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt
from torch import Tensor

from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class ProtocolResult:
    """What one protocol found.

    Args:
        numbers: Metrics, and counts of what was compared (`pairs`, `probes`, ...).
        notes: Why a metric has no number, by metric.
        intervals: 95 % confidence intervals, by metric.
        arrays: What pictures and the comparison of two runs need; the protocols say which.
    """

    numbers: dict[str, float]
    notes: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


ProtocolResults = dict[str, ProtocolResult]
"""By `<evaluation>/<comparison>`."""


class ProtocolRun(Protocol):
    """Scores the embeddings of a set of faces; `with_intervals` bootstraps confidence intervals too."""

    def __call__(  # noqa: D102
        self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True
    ) -> ProtocolResult: ...


@dataclass(frozen=True)
class Evaluation:
    """A set of faces and the protocols run on it.

    Args:
        name: Short name, as in log keys.
        num_faces: Rows of the set.
        protocols: By comparison (`unmasked_masked`, ...).
        paths: (num_faces,) pictures by row, to name one in an error; default: the row is named.
        is_masked: (num_faces,) bool, who wears a mask; default: not known.
    """

    name: str
    num_faces: int
    protocols: Mapping[str, ProtocolRun]
    paths: Sequence[str] | None = None
    is_masked: Tensor | None = None
