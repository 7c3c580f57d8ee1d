"""One authentic probe among impostors."""

from dataclasses import dataclass

from torch import Tensor

from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class OneOfN:
    """The share of steps in which the authentic probe ranks first among n.

    Args:
        reference: (S,) row of the reference face of each step.
        authentic: (S,) row of the probe of the same identity.
        impostors: (S, n - 1) rows of probes of other identities.
    """

    reference: Tensor
    authentic: Tensor
    impostors: Tensor

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """Built in the next commit."""
        raise NotImplementedError
