"""1:1 comparison of every reference with every probe."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from maskrec.evaluation.metrics import (
    ErrorCurve,
    ScoreError,
    bootstrap_means,
    count_at_least,
    counted_curve,
    percentile_interval,
    thresholds_of,
)
from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.evaluation.protocols.pair_table import PairTable
from maskrec.evaluation.protocols.points import OPERATING_POINTS, curve_metrics, thinned, thresholds, too_few
from maskrec.types import Embedder, Embedding

BINS = 100


@dataclass(frozen=True)
class AllPairs:
    """Every probe against every reference, exactly, of which only the genuine scores are held.

    A face is never compared with itself. Two faces that are both in both lists are compared once, the higher row as
    the probe.

    Arrays: `threshold`, `fmr`, `fnmr`, at most 2,000 points of the error curve; `histogram_edges`, (B + 1,),
    `genuine_histogram` and `impostor_histogram`, (B,) counts, with scores beyond the edges in the outermost bins.

    Args:
        reference: (R,) rows of the reference faces.
        probe: (P,) rows of the probes.
        identity: (num_faces,) label of every row.
    """

    reference: Tensor
    probe: Tensor
    identity: Tensor

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """AUC, EER, and FNMR, TAR and threshold at each FMR there are impostors enough for.

        Raises:
            ScoreError: There are no genuine or no impostor pairs, or a score is NaN.
        """
        table = PairTable(embedder, embedding, self.probe, self.reference, self.identity)
        if table.num_pairs == 0:
            raise ScoreError(f"no pair: {len(self.probe)} probes, {len(self.reference)} references")
        genuine, label = table.genuine()
        impostors = table.num_pairs - len(genuine)
        if len(genuine) == 0 or impostors == 0:
            raise ScoreError(f"verification needs genuine and impostor pairs, got {len(genuine)} and {impostors}")
        low, high = table.range_of_some()
        edges = torch.linspace(min(low, float(genuine.min())), max(high, float(genuine.max())), BINS + 1)
        levels = torch.cat([thresholds_of(genuine), edges]).unique()
        at_least = count_at_least(table.impostors(), levels)
        curve = counted_curve(levels, genuine, at_least, impostors)
        notes = too_few(impostors)
        numbers = {name: float(value) for name, value in curve_metrics(curve, notes).items()}
        arrays = {
            "histogram_edges": edges.numpy(),
            "genuine_histogram": _bins(len(genuine) - torch.searchsorted(genuine.sort().values, edges), len(genuine)),
            "impostor_histogram": _bins(at_least[torch.searchsorted(levels, edges)], impostors),
        }
        return ProtocolResult(
            numbers | thresholds(curve, notes) | {"genuine": len(genuine), "impostors": impostors},
            notes,
            _intervals(curve, genuine, label, notes) if with_intervals else {},
            thinned(curve) | arrays,
        )


def _bins(at_least: Tensor, total: int) -> npt.NDArray[Any]:
    """(B,) scores in each bin, from how many reach each edge, (B + 1,)."""
    inner = at_least.clone()
    inner[0], inner[-1] = total, 0
    return (inner[:-1] - inner[1:]).numpy()


def _intervals(
    curve: ErrorCurve, genuine: Tensor, label: Tensor, notes: dict[str, str]
) -> dict[str, tuple[float, float]]:
    """Of FNMR and TAR at the thresholds of the full sample: errors are summed by identity, which are few."""
    identities, number = label.unique(return_inverse=True)
    intervals: dict[str, tuple[float, float]] = {}
    for name, fmr in OPERATING_POINTS.items():
        if f"fnmr_at_fmr_{name}" in notes:
            continue
        threshold = curve.threshold_at_fmr(fmr)
        is_rejected = (genuine < threshold).double()
        rejected = torch.zeros(len(identities), dtype=torch.float64).index_add_(0, number, is_rejected)
        draws = bootstrap_means(rejected.unsqueeze(1), size=number.bincount()).squeeze(1)
        low, high = percentile_interval(draws)
        intervals |= {f"fnmr_at_fmr_{name}": (low, high), f"tar_at_far_{name}": (1 - high, 1 - low)}
    return intervals
