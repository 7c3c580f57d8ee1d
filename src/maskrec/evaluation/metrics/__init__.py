"""Metrics as pure functions of scores (higher = more alike) and truth; torch only."""

from maskrec.evaluation.metrics.curve import (
    area_under_roc,
    best_threshold,
    equal_error_rate,
    error_curve,
    kfold_accuracy,
    tar_at_far,
)

__all__ = [
    "area_under_roc",
    "best_threshold",
    "equal_error_rate",
    "error_curve",
    "kfold_accuracy",
    "tar_at_far",
]
