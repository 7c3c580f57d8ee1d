"""Numbers and names as a person reads them."""

import re

from maskrec.evaluation.results import COUNTS

LOWER_IS_BETTER = ("eer", "frr100", "fnmr")
NAMES = {
    "accuracy": "Accuracy",
    "accuracy_std": "… deviation over folds",
    "auc": "AUC",
    "eer": "EER",
    "fnmr": "FNMR",
    "frr100": "FRR100 (FMR < 1 %)",
    "map": "mAP",
    "mask_accuracy": "Mask or no mask",
    "left_out": "Left out",
}
NO_NUMBER = "-"
THRESHOLD = "threshold_at_fmr_"


def metric_name(metric: str) -> str:
    """A metric's name in a table."""
    if metric in NAMES:
        return NAMES[metric]
    if point := re.fullmatch(r"(tar_at_far|fnmr_at_fmr)_(1e-\d)", metric):
        return f"{point[1].replace('_at_', ' at ').upper().replace(' AT ', ' at ')} {point[2]}"
    if point := re.fullmatch(rf"{THRESHOLD}(1e-\d)", metric):
        return f"Threshold at FMR {point[1]}"
    if rank := re.fullmatch(r"rank_(\d+)", metric):
        return f"Rank {rank[1]}"
    if precision := re.fullmatch(r"precision_1_of_(\d+)", metric):
        return f"Right one of {precision[1]} first"
    return metric.replace("_", " ").capitalize()


def number(metric: str, value: float) -> str:
    """Counts whole, thresholds as they are, all else in percent."""
    if metric.startswith(THRESHOLD):
        return f"{value:.4f}"
    return f"{value:,.0f}" if metric in COUNTS else percent(value)


def percent(share: float, sign: bool = False) -> str:
    """A share in percent, with two decimals."""
    return f"{100 * share:{'+' if sign else ''}.2f}"


def is_lower_better(metric: str) -> bool:
    """Whether the metric is an error rate."""
    return metric.startswith(LOWER_IS_BETTER)


def comparison_words(comparison: str) -> str:
    """`unmasked_masked_search` as `masked against unmasked faces`; other names as they are."""
    said = re.match(r"(unmasked|masked)_(unmasked|masked)(_|$)", comparison)
    if said is None:
        return comparison
    return f"{said[2]} against {said[1]} faces" if said[1] != said[2] else f"{said[1]} faces"
