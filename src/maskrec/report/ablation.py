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
# Of each comparison the first of these that all its runs have; of a search the next one, too.
SHOWN = (("accuracy", "rank_1", "precision_1_of_20", "fnmr_at_fmr_1e-3", "eer", "mask_accuracy"), ("map",))
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
        rows: Each group with its cells, in the order of the columns; None where it has no such number.
        against: What differences are to.
    """

    columns: list[Column]
    rows: list[tuple[Group, list[Cell | None]]]
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

    A column is a comparison of all runs, or one that only some of them have, of a set that all were tested on.

    Args:
        runs: In the order of the table; those that differ in their seed alone make one row.
        metrics: Which are shown; default: one of each comparison, of searches also mAP.
        against: Differences are to the best of each column, or to the first row.
        by_name: Call rows by their experiment, not by the settings that tell them apart.

    Raises:
        UserError: The runs have nothing in common.
    """
    groups = group_runs(runs, by_name)
    columns = _columns(runs, groups, metrics)
    cells = [_cells(groups, column, against) for column in columns]
    return Ablation(columns, [(group, [column[row] for column in cells]) for row, group in enumerate(groups)], against)


def _columns(runs: Sequence[Run], groups: Sequence[Group], metrics: Sequence[str] | None) -> list[Column]:
    columns = []
    for key in dict.fromkeys(key for run in runs for key in run.comparisons if _all_tested(runs, key)):
        having = [run for group in groups if all(key in run.comparisons for run in group.runs) for run in group.runs]
        common = [name for name in having[0].comparisons[key].numbers if _all_have(having, key, name)] if having else []
        if metrics is not None:
            columns += [Column(key, metric) for metric in metrics if metric in common]
            continue
        for choice in SHOWN:
            columns += [Column(key, metric) for metric in choice if metric in common][:1]
    if not any(_all_have(runs, *column) for column in columns):
        wanted = f" with {' or '.join(metrics)}" if metrics else ""
        found = "; ".join(f"{run.path} has {', '.join(run.comparisons) or 'none'}" for run in runs[:3])
        raise UserError(f"the runs have no comparison{wanted} in common: {found}")
    return columns


def _all_tested(runs: Sequence[Run], key: str) -> bool:
    """Whether all runs were tested on the set of a comparison."""
    name = key.split("/", 1)[0]
    return all(any(other.split("/", 1)[0] == name for other in run.comparisons) for run in runs)


def _all_have(runs: Sequence[Run], key: str, metric: str) -> bool:
    return all(key in run.comparisons and metric in run.comparisons[key].numbers for run in runs)


def _cells(groups: Sequence[Group], column: Column, against: Against) -> list[Cell | None]:
    values = {
        row: [run.comparisons[column.key].numbers[column.metric] for run in group.runs]
        for row, group in enumerate(groups)
        if _all_have(group.runs, *column)
    }
    means = {row: statistics.fmean(of_group) for row, of_group in values.items()}
    best = (min if is_lower_better(column.metric) else max)(means.values())
    reference = next(row for row, mean in means.items() if mean == best) if against == "best" else 0
    cells: list[Cell | None] = [None] * len(groups)
    for row, mean in means.items():
        is_set_against = row != reference and reference in means
        difference = _difference(groups[row], groups[reference], column) if is_set_against else None
        deviation = statistics.stdev(values[row]) if len(values[row]) > 1 else math.nan
        cells[row] = Cell(mean, deviation, mean == best, difference)
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
