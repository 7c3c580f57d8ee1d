"""The command: everything is checked, then landmarks, a plan, the run, and the files."""

import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonargparse
import yaml

from maskrec import experiments
from maskrec.commands import Parser
from maskrec.errors import UserError
from maskrec.jobs import Check, Job, begun, run_jobs, say
from maskrec.report.run import CONFIG
from maskrec.rescue.files import write_files
from maskrec.rescue.inputs import (
    Recogniser,
    are_labelled,
    held_out_set,
    held_out_share,
    read_recogniser,
    test_sets,
)
from maskrec.rescue.plan import REHEARSED, make_plan, prepare

NAME = "rescue"
RUNS = Path("runs", NAME)
STEPS = "--trainer.max_steps"
Build = Callable[[list[str]], Any]


def run_rescue(args: list[str], check: Check, build: Build) -> None:
    """Rescue a recogniser; the same command goes on where it was killed.

    Args:
        args: What follows `maskrec rescue`.
        check: Raises a UserError if what follows `maskrec exp` is wrong; runs nothing.
        build: Builds what follows `maskrec exp`; runs nothing.

    Raises:
        UserError: What was given is wrong, and nothing was run; there is no time to train; or the run failed.
    """
    started = time.monotonic()
    given, own = _parse(args)
    recogniser = read_recogniser(given.weights, given.backbone, given.input_size)
    faces, folders = Path(given.faces), [Path(folder) for folder in given.eval or ()]
    command = [NAME, *_options(recogniser, faces, folders, given.seed), *own]
    check(command)
    key = _key(recogniser.weights, [*command, str(given.minutes)])
    job = Job(f"{recogniser.weights} learns masks", RUNS, key, command)
    run, is_planned = begun(job), not any(word.partition("=")[0] == STEPS for word in own)
    length: list[str] = []
    if run is None:
        cli = build([*command, f"{STEPS}={REHEARSED}"])
        prepare(cli.datamodule, say)
        if is_planned:
            plan = make_plan(cli, given.minutes, started)
            say(plan.summary())
            length = plan.options
        del cli  # its memory goes before the run begins
    elif is_planned:
        trainer = yaml.safe_load((run / CONFIG).read_text())["trainer"]
        length = [f"--trainer.{name}={trainer[name]}" for name in ("max_epochs", "limit_train_batches")]
    (done,) = run_jobs([job._replace(command=[*command, *length])], check)
    if done is None:
        raise UserError(f"{job.key}: the run failed, as said above; the same command tries again")
    for line in write_files(done, recogniser, faces, folders):
        say(line)


def _parse(args: list[str]) -> tuple[Any, list[str]]:
    """What is given, and the words that are for the experiment."""
    parser = Parser(prog="maskrec rescue", description="Make an existing recogniser mask-proof, as a drop-in.")
    parser.add_argument("--weights", type=str, required=True, help="Its file, which stays as it is.")
    parser.add_argument("--backbone", type=str, default="mobilefacenet", help="See `maskrec backbones`.")
    parser.add_argument(
        "--faces", type=str, required=True, help="Faces to learn from: <identity>/<image>, or pictures."
    )
    parser.add_argument("--eval", type=str, nargs="+", help="Folders to test on; default: identities held out.")
    parser.add_argument("--minutes", type=jsonargparse.typing.PositiveFloat, default=30.0, help="In all.")
    parser.add_argument("--input_size", type=int, nargs=2, help="Height and width; default: what the weights tell.")
    parser.add_argument("--seed", type=int, default=1, help="Of the run.")
    names = {option for action in parser._actions for option in action.option_strings}
    words: dict[bool, list[str]] = {True: [], False: []}
    is_ours = True
    for word in args:
        if word.startswith("-"):
            is_ours = word.partition("=")[0] in names
        words[is_ours].append(word)
    return parser.parse_args(words[True]), words[False]


def _options(recogniser: Recogniser, faces: Path, folders: list[Path], seed: int) -> list[str]:
    """What the experiment is told beyond its file."""
    labelled, tested = are_labelled(faces), test_sets(folders)
    if not labelled and not tested:
        raise UserError(f"--faces {faces}: without identities none can be held out to test on; say --eval FOLDER")
    if any(folder.resolve() == faces.resolve() for folder in folders):
        raise UserError(f"--eval {faces}: is what is learnt from; leave it out, and some identities are held out")
    share = 0.0 if tested else held_out_share(faces)
    size = json.dumps(list(recogniser.input_size))
    model = {
        "weights": recogniser.weights,
        "backbone": recogniser.backbone,
        "embedding_dim": recogniser.embedding_dim,
        "input_size": size,
    }
    data = {
        "root": faces,
        "held_out": share,
        "image_size": size,
        "test_sets": json.dumps(tested or [held_out_set(faces, share)]),
    }
    return [
        *([] if labelled else ["--data=data_modules.FlatFolder"]),
        *(f"--model.init_args.{name}={value}" for name, value in model.items()),
        *(f"--data.init_args.{name}={value}" for name, value in data.items()),
        f"--seed_everything={seed}",
    ]


def _key(weights: Path, command: list[str]) -> str:
    """What the run's folder begins with: another for other weights, options or recipe."""
    found = weights.stat()
    recipe = (experiments.FOLDER / f"{NAME}.yaml").read_bytes()
    content = repr((str(weights.resolve()), found.st_size, found.st_mtime_ns, command)).encode() + recipe
    return f"{re.sub(r'[^A-Za-z0-9_.]+', '-', weights.stem)}-{hashlib.sha256(content).hexdigest()[:8]}"
