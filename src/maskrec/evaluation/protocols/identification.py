"""1:N search of probes in a gallery."""

from dataclasses import dataclass

from torch import Tensor

from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class Identification:
    """1:N search; probes whose identity is not in the gallery are counted and left out.

    Args:
        probe: (P,) rows of the probes.
        gallery: (G,) rows of the gallery.
        identity: (num_faces,) label of every row.
    """

    probe: Tensor
    gallery: Tensor
    identity: Tensor

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """Built in the next commit."""
        raise NotImplementedError
