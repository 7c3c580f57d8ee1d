"""Figures of error rates, scores, ranks and training."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskrec.evaluation.metrics import error_curve
from maskrec.report.run import Arrays
from maskrec.report.words import percent

Floats = npt.NDArray[np.float64]
BINS = 60
RANKS = 20
GENUINE, IMPOSTOR = "tab:green", "tab:red"
FRR100_LIMIT = 0.01


class Curve(NamedTuple):
    """Operating points with falling thresholds; each (T,)."""

    threshold: Floats
    fmr: Floats
    fnmr: Floats


def curve_of(arrays: Arrays) -> Curve | None:
    """The error rates of listed pairs or of all pairs; None where nothing is verified."""
    if "fmr" in arrays:
        return Curve(*(arrays[name] for name in Curve._fields))
    if "score" not in arrays:
        return None
    score, is_genuine = torch.from_numpy(arrays["score"]), torch.from_numpy(arrays["is_genuine"])
    return Curve(*(values.numpy() for values in error_curve(score, is_genuine)))


def roc(curves: Mapping[str, Curve]) -> Figure:
    """True accept rate over FMR."""
    figure, axis = _chart("ROC", "FMR (log)", "TAR = 1 - FNMR")
    for name, curve in curves.items():
        seen = curve.fmr > 0
        axis.plot(curve.fmr[seen], 1 - curve.fnmr[seen], label=name)
    axis.set(xscale="log", ylim=(0, 1.02))
    _legend(axis)
    return figure


def det(curves: Mapping[str, Curve]) -> Figure:
    """Detection error trade-off: FNMR over FMR."""
    figure, axis = _chart("DET", "FMR (log)", "FNMR (log)")
    seen = {name: (curve.fmr > 0) & (curve.fnmr > 0) for name, curve in curves.items()}
    for name, curve in curves.items():
        axis.plot(curve.fmr[seen[name]], curve.fnmr[seen[name]], label=name)
    if any(points.any() for points in seen.values()):  # scores that are all equal leave none between the ends
        axis.set(xscale="log", yscale="log")
    _legend(axis)
    return figure


def roc_of_sets(comparison: str, curves: Mapping[str, Curve]) -> Figure:
    """True accept rate over FMR of each test set: which is the harder one."""
    figure, axis = _chart(f"{comparison}: test sets", "FPR (FMR)", "TPR = 1 - FNMR")
    for name, curve in curves.items():
        axis.plot(curve.fmr, 1 - curve.fnmr, label=name)
    axis.set(ylim=(0, 1.02))
    _legend(axis)
    return figure


def error_rates_of_sets(comparison: str, curves: Mapping[str, Curve]) -> Figure:
    """FAR (dashed) and FRR over the threshold of each test set: whether one threshold suits them all."""
    figure, axis = _chart(f"{comparison}: test sets", "threshold", "FAR (dashed), FRR")
    for name, curve in curves.items():
        threshold, fmr, fnmr = (values[np.isfinite(curve.threshold)] for values in curve)
        (line,) = axis.plot(threshold, fnmr, label=name)
        axis.plot(threshold, fmr, "--", color=line.get_color())
    _legend(axis)
    return figure


def error_rates(name: str, curve: Curve, numbers: Mapping[str, float]) -> Figure:
    """FAR and FRR over the threshold, with EER and FRR100 marked.

    Args:
        name: The comparison.
        curve: Its operating points.
        numbers: `eer` and `frr100`; what is not in it had too few impostors, and is not marked.
    """
    figure, axis = _chart(f"{name}: error rates", "threshold", "rate")
    threshold, fmr, fnmr = (values[np.isfinite(curve.threshold)] for values in curve)
    axis.plot(threshold, fmr, color=IMPOSTOR, label="FAR (FMR)")
    axis.plot(threshold, fnmr, color=GENUINE, label="FRR (FNMR)")
    if "eer" in numbers:
        at = int(np.abs(fmr - fnmr).argmin())
        axis.plot(threshold[at], numbers["eer"], "o", color="black", label=f"EER {percent(numbers['eer'])} %")
    if "frr100" in numbers:
        at = max(int((fmr < FRR100_LIMIT).sum()) - 1, 0)
        axis.plot(threshold[at], numbers["frr100"], "s", color="black", label=f"FRR100 {percent(numbers['frr100'])} %")
    _legend(axis)
    return figure


def histogram(name: str, arrays: Arrays) -> Figure:
    """Densities of genuine and impostor scores."""
    figure, axis = _chart(f"{name}: scores", "similarity", "density")
    if "histogram_edges" in arrays:
        edges = arrays["histogram_edges"]
        counts = [arrays[f"{side}_histogram"] for side in ("genuine", "impostor")]
    else:
        edges = np.histogram_bin_edges(arrays["score"], BINS)
        sides = (arrays["score"][arrays["is_genuine"]], arrays["score"][~arrays["is_genuine"]])
        counts = [np.histogram(side, edges)[0] for side in sides]
    widths = np.diff(edges)
    for label, colour, count in zip(("genuine", "impostor"), (GENUINE, IMPOSTOR), counts, strict=True):
        axis.stairs(count / max(count.sum(), 1) / widths, edges, fill=True, alpha=0.5, color=colour, label=label)
    _legend(axis)
    return figure


def cmc(ranks: Mapping[str, npt.NDArray[np.int64]]) -> Figure:
    """Share of probes whose right identity is among the first k.

    Args:
        ranks: (P,) rank of the first right one of each probe, 1 for the first, by comparison.
    """
    figure, axis = _chart("CMC", "rank", "share of probes")
    first = np.arange(1, RANKS + 1)
    for name, rank in ranks.items():
        axis.plot(first, (rank[:, None] <= first).mean(axis=0), marker=".", label=name)
    axis.set(xticks=[1, 5, 10, 15, 20])
    _legend(axis)
    return figure


def training_curve(name: str, points: Mapping[int, float]) -> Figure:
    """A logged number over optimiser steps."""
    figure, axis = _chart(name, "step", "")
    steps = sorted(points)
    axis.plot(steps, [points[step] for step in steps], marker="." if len(steps) < 30 else "")
    return figure


def stacked_shares(name: str, steps: Sequence[int], shares: Mapping[str, Sequence[float]]) -> Figure:
    """Shares of a whole over optimiser steps, one on top of the other.

    Args:
        name: What they are shares of.
        steps: (T,) rising.
        shares: (T,) of each.
    """
    figure, axis = _chart(name, "step", "")
    axis.stackplot(steps, list(shares.values()), labels=list(shares))
    axis.set(ylim=(0, 1))
    axis.margins(x=0)
    axis.legend(fontsize=7, loc="upper left", reverse=True)
    return figure


def member_scores(steps: Sequence[int], scores: Mapping[str, Sequence[float]], best: Sequence[int]) -> Figure:
    """Scores of a population's members over optimiser steps, the best of each step marked.

    Args:
        steps: (T,) rising.
        scores: (T,) of each member.
        best: (T,) the number of the best one.
    """
    figure, axis = _chart("scores of the members", "step", "score (black: the best)")
    for name, values in scores.items():
        axis.plot(steps, values, marker=".", label=name)
    table = np.array(list(scores.values()))
    axis.plot(steps, table[best, np.arange(len(steps))], "o", color="black", markersize=3)
    _legend(axis)
    return figure


def _chart(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, 3.3), dpi=140)
    axis: Axes = figure.add_axes((0.16, 0.15, 0.81, 0.76))  # a layout that is computed takes twice as long
    axis.set_title(title, fontsize=10)
    axis.set(xlabel=x, ylabel=y)
    axis.grid(alpha=0.25)
    return figure, axis


def _legend(axis: Axes) -> None:
    axis.legend(fontsize=8)
