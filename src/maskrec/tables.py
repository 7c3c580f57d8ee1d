"""A paper's table: its rows run one after another, and set side by side beside the paper's figures."""

import os
from pathlib import Path
from typing import NamedTuple

import yaml

from maskrec.errors import UserError
from maskrec.experiments import TABLES, first_comment, take_option
from maskrec.jobs import SET_HERE, Check, Job, run_jobs, say
from maskrec.report import write_ablation

RUNS = Path("runs", "tables")
FULL = "full"  # what the runs of the paper's own setting lie below


class PaperTable(NamedTuple):
    """experiments/tables/<name>/table.yaml."""

    name: str
    title: str
    rows: list[str]
    """Experiments, `tables/<table>/<row>`, in the paper's order; a row may be another table's."""


def read_table(name: str) -> PaperTable:
    """A table by the name of its folder.

    Raises:
        UserError: There is no such table, or its file does not say which rows it has.
    """
    file = TABLES / name / "table.yaml"
    if not name or not file.is_file():
        known = ", ".join(sorted(path.parent.name for path in TABLES.glob("*/table.yaml")))
        raise UserError(f"no table is called '{name}'; there are: {known}")
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise UserError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{file}: expected `rows:`, a list of experiments beside it")
    for row in rows:
        if not (TABLES / name / f"{row}.yaml").is_file():
            raise UserError(f"{file}: rows: there is no {row}.yaml beside it")
    return PaperTable(name, first_comment(file), [os.path.normpath(f"tables/{name}/{row}") for row in rows])


def run_table(args: list[str], check: Check) -> None:
    """Run `NAME [--data OVERLAY] [--seeds N] [--rows A,B] [options for every run]`, then write the table.

    Args:
        args: What follows `maskrec table`.
        check: Raises a UserError if what follows `maskrec exp` is wrong; runs nothing.

    Raises:
        UserError: What was given is wrong, and nothing was run; or rows failed, and all others were run.
    """
    table = read_table(args[0] if args else "")
    data, rest = take_option(args[1:], "--data")
    seeds, rest = take_option(rest, "--seeds")
    only, rest = take_option(rest, "--rows")
    given = {word.partition("=")[0] for word in rest}
    if own := given & {f"--{name}" for name in ("name", "group", "seed_everything", *SET_HERE)}:
        raise UserError(f"{min(own)}: the table itself sets it for each run")
    rows = _chosen(table, only)
    overlays, setting = {row: _overlay(table.name, data, Path(row).name) for row in rows}, data or FULL
    numbers = range(1, _count(seeds) + 1)
    wanted = [(row, seed) for seed in numbers for row in rows]  # a table of one seed comes first
    jobs = []
    for at, (row, seed) in enumerate(wanted, start=1):
        folder, name = os.path.split(row)
        command = [
            row,
            *overlays[row],
            *rest,
            f"--seed_everything={seed}",
            f"--group=tables/{setting}/{Path(folder).name}",
        ]
        title = f"row {at} of {len(wanted)}: {name}, seed {seed}"
        jobs.append(Job(title, RUNS / setting / Path(folder).name, f"{name}-seed{seed}", command))
    runs = dict(zip(wanted, run_jobs(jobs, check), strict=True))
    if done := [run for row in rows for seed in numbers if (run := runs[row, seed])]:
        for file in write_ablation(done, RUNS / setting / f"{table.name}.html", title=table.title, by_name=True):
            say(f"table: {file}")
    if failed := list(runs.values()).count(None):
        raise UserError(f"{failed} of {len(runs)} runs failed, as said above; the same command tries them again")


def _chosen(table: PaperTable, only: str | None) -> list[str]:
    if only is None:
        return table.rows
    names = {Path(row).name: row for row in table.rows}
    for name in only.split(","):
        if name not in names:
            raise UserError(f"--rows {name}: {table.name} has {', '.join(names)}")
    return [row for name, row in names.items() if name in only.split(",")]


def _overlay(table: str, data: str | None, row: str) -> list[str]:
    """A setting of that name: the row's (tables/<paper>_<data>_<row>.yaml), or the paper's, or that of all."""
    if data is None:
        return []
    paper = table.partition("_table")[0]
    files = [TABLES / f"{stem}.yaml" for stem in (f"{paper}_{data}_{row}", f"{paper}_{data}", data)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        names = {path.stem.removeprefix(f"{paper}_") for path in TABLES.glob("*.yaml")}
        known = ", ".join(sorted(name for name in names if "_" not in name))  # the others are of other papers
        raise UserError(f"--data {data}: there are: {known}; without it the paper's own setting is run")
    return ["--config", str(file)]


def _count(seeds: str | None) -> int:
    if seeds is None:
        return 1
    if not seeds.isdecimal() or int(seeds) < 1:
        raise UserError(f"--seeds {seeds}: expected how many, 1 or more")
    return int(seeds)
