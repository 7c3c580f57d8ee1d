"""Many runs one after another, each in a process of its own, that go on where they were killed."""

import contextlib
import fcntl
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from maskrec.callbacks import LAST
from maskrec.errors import UserError
from maskrec.report import write_report

RESULTS, PAGE = "results.json", "report/index.html"
SET_HERE = ("run_id", "run_dir", "resume")
Check = Callable[[list[str]], None]


class Job(NamedTuple):
    """A run that is wanted."""

    title: str
    folder: Path
    """What its folder lies below."""
    key: str
    """What its folder's name begins with; no other job's there."""
    command: list[str]
    """What follows `maskrec exp`."""


def run_jobs(jobs: Sequence[Job], check: Check) -> Iterator[Path | None]:
    """Run what is missing, one after another.

    Args:
        jobs: In the order they are run.
        check: Raises a UserError if what follows `maskrec exp` is wrong; runs nothing.

    Yields:
        The folder of each run, now that it is done; None where it failed.

    Raises:
        UserError: A command is wrong, or a run that was begun had another configuration; nothing was run.
    """
    for job in jobs:
        if begun(job) is None:
            check(job.command)
    folders = sorted({job.folder for job in jobs})  # in one order, so that two processes never wait for each other
    with contextlib.ExitStack() as stack:
        locks = [stack.enter_context(alone(folder)) for folder in folders]
        for job in jobs:
            if run := begun(job):
                _compare(run, job.command, check)
        for job in jobs:
            say(job.title)
            yield _run(job, locks)


def say(line: str) -> None:
    """A line on standard output, before whatever a run writes next."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Hold a folder by a lock that its runs inherit.

    A run outlives a parent that SIGKILL ended, and must not be started a second time: wait until it is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{folder}: waiting for the process that is at work there")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _folders(job: Job) -> Iterator[Path]:
    """Those of a job: its key and a random ending, so that W&B never takes a new run for one that was removed."""
    return job.folder.glob(f"{job.key}-????")


def begun(job: Job) -> Path | None:
    """The run of a job that is done, or can go on."""
    kept = (RESULTS, f"checkpoints/{LAST}")
    return next((run for run in _folders(job) if any((run / file).is_file() for file in kept)), None)


def _compare(run: Path, command: list[str], check: Check) -> None:
    try:
        check([*command, f"--resume={run}"])
    except UserError as error:
        reason = str(error).removeprefix("--resume: ")
        raise UserError(f"{run} has another configuration; remove it to run it anew: {reason}") from error


def _run(job: Job, locks: Sequence[int]) -> Path | None:
    """The folder of a job's run, now that it is done; None if it failed."""
    run = begun(job)
    if run is None:
        for rest in _folders(job):  # killed before its first checkpoint
            shutil.rmtree(rest)
        run = job.folder / f"{job.key}-{secrets.token_hex(2)}"
        command = [*job.command, f"--run_dir={run}", f"--run_id={run.name}"]
    elif (run / RESULTS).is_file():
        say(f"done before: {run}")
        if not (run / PAGE).is_file():  # killed before it
            write_report(run)
        return run
    else:
        say(f"goes on: {run}")
        command = [*job.command, f"--resume={run}"]
    code = launch([sys.executable, "-m", "maskrec", "exp", *command], locks)
    if code == 0 and (run / RESULTS).is_file():
        return run
    say(f"failed: {job.key} (exit code {code})")
    return None


def launch(command: list[str], locks: Sequence[int]) -> int:
    """Run a command that holds the locks for as long as it runs, and ends when this process is told to."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # an exception, so that it comes by here
    with subprocess.Popen(command, pass_fds=locks) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise
