"""Runs a sweep's points one after another, each in a process of its own, and goes on where it was killed."""

import contextlib
import fcntl
import hashlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from maskrec.callbacks import LAST
from maskrec.errors import UserError
from maskrec.sweeps.file import Point, read_sweep
from maskrec.sweeps.table import RESULTS, Row, labels, read_numbers, write_table

RUNS = Path("runs", "sweeps")
ID_LENGTH = 80  # of the 128 characters that W&B takes
SET_HERE = ("name", "run_id", "run_dir", "resume")
Check = Callable[[list[str]], None]


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
    if own := given & {f"--{name}" for name in (*SET_HERE, *sweep.points[0])}:
        raise UserError(f"{min(own)}: the sweep itself sets it for each run")
    folder = RUNS / sweep.name
    points = {point_id(point): point for point in sweep.points}
    # The name is the runs' group in W&B, too: what base.yaml hands to the logger wins over WANDB_RUN_GROUP.
    ending = [*args[1:], f"--name=sweeps/{sweep.name}"]
    commands = {key: [*sweep.arguments(point), *ending] for key, point in points.items()}
    for key in points:
        if begun(folder, key) is None:
            check(commands[key])
    with alone(folder) as lock:
        for key in points:
            if run := begun(folder, key):
                _compare(run, commands[key], check)
        rows = []
        for at, (key, point) in enumerate(points.items(), start=1):
            values = ", ".join(f"{label} {point[name]}" for name, label in labels(point).items())
            say(f"point {at} of {len(points)}: {values}")
            run = _run_point(folder, key, commands[key], lock)
            rows.append(Row(point, run, read_numbers(run, sweep) if run else {}))
        write_table(folder / "results.csv", rows, sweep)
    if failed := sum(row.run is None for row in rows):
        raise UserError(f"{failed} of {len(rows)} points failed, as said above; the same command tries them again")


def say(line: str) -> None:
    """A line on standard output, before whatever a run writes next."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def point_id(point: Point) -> str:
    """A point as part of a file's name, such as margin-0.1_scale-16."""
    text = "_".join(f"{label}-{point[name]}" for name, label in labels(point).items())
    plain = re.sub(r"[^\w.+-]+", "-", text, flags=re.ASCII)
    if plain == text and len(text) <= ID_LENGTH:
        return text
    return f"{plain[:ID_LENGTH]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"  # for what is lost


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Hold a sweep's folder by a lock that its runs inherit.

    A run outlives a sweep that SIGKILL ended, and must not be started a second time: wait until it is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{folder}: waiting for the process that is at work there")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _folders(folder: Path, key: str) -> Iterator[Path]:
    """Those of a point: its id and a random ending, so that W&B never takes a new run for one that was removed."""
    return folder.glob(f"{key}-????")


def begun(folder: Path, key: str) -> Path | None:
    """The run of a point that is done, or can go on."""
    kept = (RESULTS, f"checkpoints/{LAST}")
    return next((run for run in _folders(folder, key) if any((run / file).is_file() for file in kept)), None)


def _compare(run: Path, command: list[str], check: Check) -> None:
    try:
        check([*command, f"--resume={run}"])
    except UserError as error:
        reason = str(error).removeprefix("--resume: ")
        raise UserError(f"{run} has another configuration; remove it to run its point anew: {reason}") from error


def _run_point(folder: Path, key: str, command: list[str], lock: int) -> Path | None:
    """The run of a point, now that it is done; None if it failed."""
    run = begun(folder, key)
    if run is None:
        for rest in _folders(folder, key):  # killed before its first checkpoint
            shutil.rmtree(rest)
        run = folder / f"{key}-{secrets.token_hex(2)}"
        command = [*command, f"--run_dir={run}", f"--run_id={run.name}"]
    elif (run / RESULTS).is_file():
        say(f"done before: {run}")
        return run
    else:
        say(f"goes on: {run}")
        command = [*command, f"--resume={run}"]
    code = launch([sys.executable, "-m", "maskrec", "exp", *command], lock)
    if code == 0 and (run / RESULTS).is_file():
        return run
    say(f"failed: {key} (exit code {code})")
    return None


def launch(command: list[str], lock: int) -> int:
    """Run a command that holds the lock for as long as it runs, and ends when this process is told to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # an exception, so that it comes by here
    with subprocess.Popen(command, pass_fds=[lock]) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise
