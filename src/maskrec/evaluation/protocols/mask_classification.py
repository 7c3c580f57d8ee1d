"""Whether it is told who wears a mask."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from maskrec.evaluation.metrics import ScoreError, mask_accuracy
from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class MaskClassification:
    """The share of single faces whose mask, or lack of one, is told rightly.

    Args:
        row: (N,) rows of the faces that count.
        is_masked: (num_faces,) bool, who wears a mask.
        probability: An embedding to the probability that each face wears a mask, (num_faces,).
    """

    row: Tensor
    is_masked: Tensor
    probability: Callable[[Embedding], Tensor]

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """The accuracy; it has no interval.

        Raises:
            ScoreError: There is no face.
        """
        if len(self.row) == 0:
            raise ScoreError("there is no face whose mask could be told")
        probability = self.probability(embedding).cpu()[self.row]
        numbers = {"mask_accuracy": mask_accuracy(probability, self.is_masked[self.row]), "faces": len(self.row)}
        return ProtocolResult(numbers)
