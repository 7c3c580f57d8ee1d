"""Metrics as pure functions of scores (higher = more alike) and truth; torch only."""

from maskrec.evaluation.metrics.bootstrap import (
    bootstrap_means,
    bootstrap_weights,
    paired_difference,
    percentile_interval,
)
from maskrec.evaluation.metrics.classification import mask_accuracy
from maskrec.evaluation.metrics.counting import count_at_least, counted_curve, thresholds_of
from maskrec.evaluation.metrics.curve import (
    ErrorCurve,
    ScoreError,
    area_under_roc,
    equal_error_rate,
    error_curve,
    fnmr_at_fmr,
    frr100,
    tar_at_far,
)
from maskrec.evaluation.metrics.kfold import best_threshold, kfold_accuracy, kfold_decisions, mean_over_folds
from maskrec.evaluation.metrics.retrieval import cumulative_match, first_of_n, rank_and_average_precision

__all__ = [
    "ErrorCurve",
    "ScoreError",
    "area_under_roc",
    "best_threshold",
    "bootstrap_means",
    "bootstrap_weights",
    "count_at_least",
    "counted_curve",
    "cumulative_match",
    "equal_error_rate",
    "error_curve",
    "first_of_n",
    "fnmr_at_fmr",
    "frr100",
    "kfold_accuracy",
    "kfold_decisions",
    "mask_accuracy",
    "mean_over_folds",
    "paired_difference",
    "percentile_interval",
    "rank_and_average_precision",
    "tar_at_far",
    "thresholds_of",
]
