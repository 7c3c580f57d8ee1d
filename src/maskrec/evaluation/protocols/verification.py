"""1:1 comparison of listed pairs."""

from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.evaluation.metrics import (
    bootstrap_means,
    bootstrap_weights,
    error_curve,
    kfold_decisions,
    mean_over_folds,
    percentile_interval,
)
from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.evaluation.protocols.points import curve_metrics, thresholds, too_few
from maskrec.evaluation.protocols.scoring import pair_scores
from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class Verification:
    """1:1 comparison of listed pairs.

    Arrays: `score`, (N,) float32, `is_genuine`, `fold`, and with identities `reference_identity`, `probe_identity`.

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

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """Accuracy over folds, AUC, EER, and FNMR, TAR and threshold at each FMR there are impostors enough for."""
        score = pair_scores(embedder, embedding, self.reference, self.probe)
        curve = error_curve(score, self.is_genuine)
        notes = too_few(int((~self.is_genuine).sum()))
        is_right = kfold_decisions(score, self.is_genuine, self.fold)
        accuracy, deviation = mean_over_folds(is_right, self.fold)
        numbers = {"accuracy": accuracy, "accuracy_std": deviation}
        numbers |= {name: float(value) for name, value in curve_metrics(curve, notes).items()}
        arrays = {"score": score, "is_genuine": self.is_genuine, "fold": self.fold} | self._identities()
        return ProtocolResult(
            numbers | thresholds(curve, notes) | {"pairs": len(score)},
            notes,
            self._intervals(score, is_right, notes) if with_intervals else {},
            {name: array.numpy() for name, array in arrays.items()},
        )

    def _identities(self) -> dict[str, Tensor]:
        if self.identity is None:
            return {}
        return {
            "reference_identity": self.identity[self.reference],
            "probe_identity": self.identity[self.probe],
        }

    def _intervals(self, score: Tensor, is_right: Tensor, notes: dict[str, str]) -> dict[str, tuple[float, float]]:
        """Each draw has its own curve; the accuracy keeps the thresholds of the full sample."""
        identities = list(self._identities().values())
        some = [
            curve_metrics(error_curve(score, self.is_genuine, weight), notes)
            for weight in bootstrap_weights(len(score), identities)
        ]
        draws = {name: torch.cat([metrics[name] for metrics in some]) for name in some[0]}
        draws["accuracy"] = bootstrap_means(is_right.unsqueeze(1), identities).squeeze(1)
        return {name: percentile_interval(draw) for name, draw in draws.items()}
