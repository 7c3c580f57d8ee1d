"""Runs a sweep's points, and goes on where it was killed."""

import hashlib
import re
from pathlib import Path

from maskrec.errors import UserError
from maskrec.jobs import SET_HERE, Check, Job, run_jobs
from maskrec.sweeps.file import Point, read_sweep
from maskrec.sweeps.table import Row, labels, read_numbers, write_table

RUNS = Path("runs", "sweeps")
ID_LENGTH = 80  # of the 128 characters that W&B takes


def run_sweep(args: list[str], check: Check) -> None:
    """Run `NAME [options for every run]`: the points that are missing, then the table of all.

    Args:
        args: What follows `maskrec sweep`.
        check: Raises a UserError if what follows `maskrec exp` is wrong; runs nothing.

    Raises:
        UserError: What was given is wrong, and nothing was run; or points failed, and all others were run.
    """
    sweep = read_sweep(args[0] if args else "")
    given = {word.partition("=")[0] for word in args[1:]}
    if own := given & {f"--{name}" for name in ("name", *SET_HERE, *sweep.points[0])}:
        raise UserError(f"{min(own)}: the sweep itself sets it for each run")
    folder = RUNS / sweep.name
    points = {point_id(point): point for point in sweep.points}
    # The name is the runs' group in W&B, too: what base.yaml hands to the logger wins over WANDB_RUN_GROUP.
    ending = [*args[1:], f"--name=sweeps/{sweep.name}"]
    jobs = []
    for at, (key, point) in enumerate(points.items(), start=1):
        values = ", ".join(f"{label} {point[name]}" for name, label in labels(point).items())
        title = f"point {at} of {len(points)}: {values}"
        jobs.append(Job(title, folder, key, [*sweep.arguments(point), *ending]))
    rows = [
        Row(point, run, read_numbers(run, sweep) if run else {})
        for point, run in zip(points.values(), run_jobs(jobs, check), strict=True)
    ]
    write_table(folder / "results.csv", rows, sweep)
    if failed := sum(row.run is None for row in rows):
        raise UserError(f"{failed} of {len(rows)} points failed, as said above; the same command tries them again")


def point_id(point: Point) -> str:
    """A point as part of a file's name, such as margin-0.1_scale-16."""
    text = "_".join(f"{label}-{point[name]}" for name, label in labels(point).items())
    plain = re.sub(r"[^\w.+-]+", "-", text, flags=re.ASCII)
    if plain == text and len(text) <= ID_LENGTH:
        return text
    return f"{plain[:ID_LENGTH]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"  # for what is lost
