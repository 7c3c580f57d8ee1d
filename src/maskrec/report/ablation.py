"""Several runs side by side: mean and deviation over seeds, and which differences are more than chance."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from maskrec.errors import UserError
from maskrec.evaluation.metrics import kfold_decisions, paired_difference
from maskrec.report.run import Arrays, Run
from maskrec.report.settings import Group, group_runs
from maskrec.report.words import is_lower_better

LEVEL = 0.05
# Of each comparison the first of these that all runs have; of a search the next one, too.
SHOWN = (("accuracy", "rank_1", "precision_1_of_20", "fnmr_at_fmr_1e-3", "eer"), ("map",))
SAME = ("is_genuine", "fold", "reference_identity", "probe_identity", "probe_row", "identity")
Against = Literal["best", "first"]


class Column(NamedTuple):
    """A comparison, `<set>/<comparison>`, and a metric of it."""

    key: str
    metric: str


class Difference(NamedTuple):
    """A group minus the one it is set against, with its 95 % interval and p."""

    mean: float
    low: float
    high: float
    p: float

    @property
    def is_significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < LEVEL


class Cell(NamedTuple):
    """A group's numbers in a column.

    Attributes:
        mean: Over seeds.
        deviation: Over seeds, with n - 1 in the denominator; NaN of one seed.
        is_best: Whether no group has a better mean.
        difference: None for the group that the others are set against, and where nothing could be tested.
    """

    mean: float
    deviation: float
    is_best: bool
    difference: Difference | None


@dataclass(frozen=True)
class Ablation:
    """A row a group, a column a metric of a comparison.

    Attributes:
        columns: What is shown.
        rows: Each group with its cells, in the order of the columns.
        against: What differences are to.
    """

    columns: list[Column]
    rows: list[tuple[Group, list[Cell]]]
    against: Against

    def paper(self) -> tuple[list[Column], list[list[float | None]]]:
        """The papers' figures, as shares: their columns, and of each row one a column."""
        figures = [group.runs[0].paper for group, _ in self.rows]
        keys = list(dict.fromkeys(key for row in figures for key in row))
        return [Column(*key.rsplit("/", 1)) for key in keys], [[row.get(key) for key in keys] for row in figures]


def compare(
    runs: Sequence[Run], metrics: Sequence[str] | None = None, against: Against = "best", by_name: bool = False
) -> Ablation:
    """Set runs side by side.

    Args:
        runs: In the order of the table; those that differ in their seed alone make one row.
        metrics: Which are shown; default: one of each comparison, of searches also mAP.
        against: Differences are to the best of each column, or to the first row.
        by_name: Call rows by their experiment, not by the settings that tell them apart.

    Raises:
        UserError: The runs have nothing in common.
    """
    groups = group_runs(runs, by_name)
    columns = _columns(runs, metrics)
    cells = [_cells(groups, column, against) for column in columns]
    return Ablation(columns, [(group, [column[row] for column in cells]) for row, group in enumerate(groups)], against)


def _columns(runs: Sequence[Run], metrics: Sequence[str] | None) -> list[Column]:
    columns = []
    for key in runs[0].comparisons:
        if not all(key in run.comparisons for run in runs):
            continue
        common = [name for name in runs[0].comparisons[key].numbers if _all_have(runs, key, name)]
        if metrics is not None:
            columns += [Column(key, metric) for metric in metrics if metric in common]
            continue
        for choice in SHOWN:
            columns += [Column(key, metric) for metric in choice if metric in common][:1]
    if not columns:
        wanted = f" with {' or '.join(metrics)}" if metrics else ""
        found = "; ".join(f"{run.path} has {', '.join(run.comparisons) or 'none'}" for run in runs[:3])
        raise UserError(f"the runs have no comparison{wanted} in common: {found}")
    return columns


def _all_have(runs: Sequence[Run], key: str, metric: str) -> bool:
    return all(metric in run.comparisons[key].numbers for run in runs)


def _cells(groups: Sequence[Group], column: Column, against: Against) -> list[Cell]:
    values = [[run.comparisons[column.key].numbers[column.metric] for run in group.runs] for group in groups]
    means = [statistics.fmean(of_group) for of_group in values]
    best = (min if is_lower_better(column.metric) else max)(means)
    reference = means.index(best) if against == "best" else 0
    cells = []
    for row, group in enumerate(groups):
        difference = None if row == reference else _difference(group, groups[reference], column)
        deviation = statistics.stdev(values[row]) if len(values[row]) > 1 else math.nan
        cells.append(Cell(means[row], deviation, means[row] == best, difference))
    return cells


def _difference(group: Group, reference: Group, column: Column) -> Difference | None:
    """Tested on what each made of the same items, averaged over its seeds; None where that is not known."""
    arrays = [run.arrays.get(column.key, {}) for run in (*group.runs, *reference.runs)]
    items = [_items(of_run, column.metric) for of_run in arrays]
    if any(of_run is None for of_run in items) or not all(_same(arrays[0], other) for other in arrays[1:]):
        return None
    known = [of_run for of_run in items if of_run is not None]
    first, second = (torch.stack(part).mean(dim=0) for part in (known[: len(group.runs)], known[len(group.runs) :]))
    if len(first) != len(second):
        return None
    return Difference(*paired_difference(first, second, _identities(arrays[0])))


def _items(arrays: Arrays, metric: str) -> Tensor | None:
    """(N,) float64, what a run made of each pair or probe; None where the metric is no mean over items."""
    if metric == "accuracy" and "score" in arrays:
        score, is_genuine, fold = (torch.from_numpy(arrays[name]) for name in ("score", "is_genuine", "fold"))
        return kfold_decisions(score, is_genuine, fold).double()
    if metric.startswith("rank_") and "rank" in arrays:
        return torch.from_numpy(arrays["rank"] <= int(metric.removeprefix("rank_"))).double()
    name = "is_first" if metric.startswith("precision_1_of_") else "average_precision" if metric == "map" else ""
    return torch.from_numpy(arrays[name]).double() if name in arrays else None


def _same(first: Arrays, second: Arrays) -> bool:
    """Whether two runs were asked the same."""
    return all((name in first) == (name in second) for name in SAME) and all(
        np.array_equal(first[name], second[name]) for name in SAME if name in first
    )


def _identities(arrays: Arrays) -> list[Tensor]:
    names = ("identity",) if "identity" in arrays else ("reference_identity", "probe_identity")
    return [torch.from_numpy(arrays[name]) for name in names if name in arrays]
