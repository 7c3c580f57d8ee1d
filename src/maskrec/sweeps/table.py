"""A sweep's points side by side: their parameters, the number they are compared by, and their accuracies."""

import csv
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from maskrec.errors import UserError
from maskrec.evaluation.results import format_number
from maskrec.files import replacing
from maskrec.jobs import RESULTS
from maskrec.sweeps.file import Point, Sweep

Numbers = dict[str, float]  # by their names in W&B


class Row(NamedTuple):
    """A point with its run and what came out; no run if it failed."""

    point: Point
    run: Path | None
    numbers: Numbers


def labels(names: Iterable[str]) -> dict[str, str]:
    """What parameters are called where there is little room: the last part of each name, if that tells them apart."""
    last = {name: name.rpartition(".")[2] for name in names}
    return last if len(set(last.values())) == len(last) else {name: name for name in last}


def read_numbers(run: Path, sweep: Sweep) -> Numbers:
    """The best value of the sweep's metric in a run, and the run's accuracies on the test sets.

    Raises:
        UserError: The run logged no such metric.
    """
    log = run / "metrics.csv"
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not any(sweep.metric in row for row in rows):
        raise UserError(f"metric: {sweep.metric} is no column of {log}; the sweep goes on once its name is right")
    values = [value for row in rows if not math.isnan(value := float(row[sweep.metric] or "nan"))]
    best = (max if sweep.is_maximised else min)(values, default=math.nan)
    protocols = json.loads((run / RESULTS).read_text())["protocols"]
    accuracies = {
        f"test/{key}/accuracy": numbers["accuracy"] for key, numbers in protocols.items() if "accuracy" in numbers
    }
    return {sweep.metric: best} | accuracies


def write_table(file: Path, rows: list[Row], sweep: Sweep) -> None:
    """Print the points, the best first, and write them with all digits."""

    def rank(row: Row) -> tuple[bool, float]:
        value = row.numbers.get(sweep.metric, math.nan)
        return row.run is None, math.inf if math.isnan(value) else -value if sweep.is_maximised else value

    rows = sorted(rows, key=rank)
    columns = [*dict.fromkeys(column for row in rows for column in row.numbers)] or [sweep.metric]
    table = Table(*labels(rows[0].point).values(), *map(_heading, columns))
    for row in rows:
        numbers = [format_number(column, row.numbers.get(column)) for column in columns]
        table.add_row(*map(str, row.point.values()), *(numbers if row.run else ["failed"]))
    Console(width=None if sys.stdout.isatty() else 160).print(table)  # rich would cut it to 80 characters in a log
    with replacing(file) as partial, partial.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["run", *rows[0].point, *columns])
        writer.writeheader()
        writer.writerows({"run": row.run.name if row.run else "failed", **row.point, **row.numbers} for row in rows)
    sys.stdout.write(f"table: {file}\n")


def _heading(column: str) -> str:
    """A number's name on several short lines."""
    *key, number = column.removeprefix("test/").split("/")
    return "\n".join([number, *key]) if column.startswith("test/") else column
