"""1:1 comparison of listed pairs."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from maskrec.evaluation.metrics import area_under_roc, equal_error_rate, kfold_accuracy, tar_at_far
from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.types import Embedder, Embedding

PAIRS_AT_ONCE = 65_536
FARS = (1e-2, 1e-3, 1e-4)
MIN_FALSE_ACCEPTS = 10  # an operating point with fewer false accepts than this is noise


@dataclass(frozen=True)
class Verification:
    """1:1 comparison of listed pairs.

    Args:
        reference: (N,) row of the reference face of each pair.
        probe: (N,) row of the probe face.
        is_genuine: (N,) bool, whether both show the same identity.
        fold: (N,) fold of each pair, for the accuracy.
        identity: (num_faces,) label of every row, to bootstrap over identities; None: pairs are resampled.
    """

    reference: Tensor
    probe: Tensor
    is_genuine: Tensor
    fold: Tensor
    identity: Tensor | None = None

    def scores(self, embedder: Embedder, embedding: Embedding) -> Tensor:
        """(N,) similarities, on the CPU."""
        chunks = []
        for reference, probe in zip(self.reference.split(PAIRS_AT_ONCE), self.probe.split(PAIRS_AT_ONCE), strict=True):
            first = tree_map(lambda leaf, rows=reference: leaf[rows.to(leaf.device)], embedding)
            second = tree_map(lambda leaf, rows=probe: leaf[rows.to(leaf.device)], embedding)
            chunks.append(embedder.pairwise_similarity(first, second).float().cpu())
        return torch.cat(chunks)

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """Accuracy over folds, AUC, EER, and TAR at each FAR there are impostors enough for."""
        score = self.scores(embedder, embedding)
        accuracy, deviation = kfold_accuracy(score, self.is_genuine, self.fold)
        impostors = int((~self.is_genuine).sum())
        numbers = {
            "accuracy": accuracy,
            "accuracy_std": deviation,
            "auc": area_under_roc(score, self.is_genuine),
            "eer": equal_error_rate(score, self.is_genuine),
            **{
                f"tar_at_far_{far:.0e}".replace("e-0", "e-"): tar_at_far(score, self.is_genuine, far)
                for far in FARS
                if impostors * far >= MIN_FALSE_ACCEPTS
            },
            "pairs": len(score),
        }
        return ProtocolResult(numbers)
