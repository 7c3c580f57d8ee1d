"""Protocols: what is compared with what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from maskrec.evaluation.metrics import area_under_roc, equal_error_rate, kfold_accuracy, tar_at_far
from maskrec.types import Embedder, Embedding

PAIRS_AT_ONCE = 65_536
FARS = (1e-2, 1e-3, 1e-4)
MIN_FALSE_ACCEPTS = 10  # an operating point with fewer false accepts than this is noise


class ProtocolRun(Protocol):
    """Scores the embeddings of a set of faces: metric name to number."""

    def __call__(self, embedder: Embedder, embedding: Embedding) -> dict[str, float]: ...  # noqa: D102


@dataclass(frozen=True)
class Evaluation:
    """A set of faces and the protocols run on it.

    Args:
        name: Short name, as in log keys.
        num_faces: Rows of the set.
        protocols: By comparison (`unmasked_masked`, ...).
    """

    name: str
    num_faces: int
    protocols: Mapping[str, ProtocolRun]


@dataclass(frozen=True)
class Verification:
    """1:1 comparison of listed pairs.

    Args:
        reference: (N,) row of the reference face of each pair.
        probe: (N,) row of the probe face.
        is_genuine: (N,) bool, whether both show the same identity.
        fold: (N,) fold of each pair, for the accuracy.
    """

    reference: Tensor
    probe: Tensor
    is_genuine: Tensor
    fold: Tensor

    def scores(self, embedder: Embedder, embedding: Embedding) -> Tensor:
        """(N,) similarities, on the CPU."""
        chunks = []
        for reference, probe in zip(self.reference.split(PAIRS_AT_ONCE), self.probe.split(PAIRS_AT_ONCE), strict=True):
            first = tree_map(lambda leaf, rows=reference: leaf[rows.to(leaf.device)], embedding)
            second = tree_map(lambda leaf, rows=probe: leaf[rows.to(leaf.device)], embedding)
            chunks.append(embedder.pairwise_similarity(first, second).float().cpu())
        return torch.cat(chunks)

    def __call__(self, embedder: Embedder, embedding: Embedding) -> dict[str, float]:
        """Accuracy over folds, AUC, EER, and TAR at each FAR there are impostors enough for."""
        score = self.scores(embedder, embedding)
        accuracy, deviation = kfold_accuracy(score, self.is_genuine, self.fold)
        impostors = int((~self.is_genuine).sum())
        return {
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
