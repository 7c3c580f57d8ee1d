"""1:1 comparison of every reference with every probe."""

from dataclasses import dataclass

from torch import Tensor

from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class AllPairs:
    """Every reference against every probe; a face is never compared with itself, nor two faces twice.

    Args:
        reference: (R,) rows of the reference faces.
        probe: (P,) rows of the probes.
        identity: (num_faces,) label of every row.
    """

    reference: Tensor
    probe: Tensor
    identity: Tensor

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """Built in the next commit."""
        raise NotImplementedError
