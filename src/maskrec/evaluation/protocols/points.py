"""The numbers read off an error curve, and which of them there are impostors enough for."""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maskrec.evaluation.metrics import ErrorCurve

OPERATING_POINTS = {"1e-2": 1e-2, "1e-3": 1e-3, "1e-4": 1e-4, "1e-5": 1e-5, "1e-6": 1e-6}
MIN_FALSE_ACCEPTS = 10  # an operating point with fewer than this is noise
CURVE_POINTS = 2000


def too_few(impostors: int) -> dict[str, str]:
    """Why operating points have no number, by metric."""
    notes: dict[str, str] = {}
    for name, fmr in OPERATING_POINTS.items():
        needed = round(MIN_FALSE_ACCEPTS / fmr)
        if impostors < needed:
            note = f"{impostors:,} impostor pairs, {name} needs {needed:,}"
            notes |= {f"tar_at_far_{name}": note, f"fnmr_at_fmr_{name}": note}
    if "fnmr_at_fmr_1e-2" in notes:
        notes["frr100"] = notes["fnmr_at_fmr_1e-2"]
    return notes


def curve_metrics(curve: ErrorCurve, notes: dict[str, str]) -> dict[str, Tensor]:
    """AUC, EER and the operating points that have no note, each of the shape of the curve's leading dimensions."""
    metrics = {"auc": curve.area(), "eer": curve.equal_error_rate()}
    for name, fmr in OPERATING_POINTS.items():
        if f"fnmr_at_fmr_{name}" not in notes:
            fnmr = curve.fnmr_at_fmr(fmr)
            metrics |= {f"tar_at_far_{name}": 1 - fnmr, f"fnmr_at_fmr_{name}": fnmr}
    if "frr100" not in notes:
        metrics["frr100"] = curve.frr100()
    return metrics


def thresholds(curve: ErrorCurve, notes: dict[str, str]) -> dict[str, float]:
    """The score from which on pairs are accepted at each operating point that has no note, where any pair is."""
    points = {name: fmr for name, fmr in OPERATING_POINTS.items() if f"fnmr_at_fmr_{name}" not in notes}
    found = {f"threshold_at_fmr_{name}": float(curve.threshold_at_fmr(fmr)) for name, fmr in points.items()}
    return {name: threshold for name, threshold in found.items() if math.isfinite(threshold)}


def thinned(curve: ErrorCurve) -> dict[str, npt.NDArray[np.float64]]:
    """At most CURVE_POINTS of the curve's points, evenly over the logarithm of the FMR; both ends are kept."""
    lowest = curve.fmr[curve.fmr > 0].min().log10()
    wanted = torch.logspace(float(lowest), 0, CURVE_POINTS - 2, dtype=torch.float64)
    kept = torch.searchsorted(curve.fmr, wanted).clamp(max=len(curve.fmr) - 1)
    kept = torch.cat([kept, kept.new_tensor([0, len(curve.fmr) - 1])]).unique()
    return {name: getattr(curve, name)[kept].numpy() for name in curve._fields}
