"""A run's folder: where it lies, what it holds from the start, and how a run goes on in it."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import wandb
import yaml
from jsonargparse import Namespace
from pytorch_lightning.cli import LightningArgumentParser

from maskrec.callbacks import LAST
from maskrec.errors import UserError
from maskrec.evaluation.results import git_commit, versions

RUN_DIR = "runs/${name}/${run_id}"
# What differs between two runs of one experiment, or only says how this process was started.
OF_THE_RUN = ("run_dir", "run_id", "ckpt_path", "config", "extends", "images", "output", "weights_only", "verbose")
NAMED = ("logger", "callbacks", "default_root_dir")  # parts of the trainer that hold the run's name or folder
OWN_ID = "MASKREC_RUN_ID"
LAUNCHER_IDS = ("SLURM_JOB_ID", "TORCHELASTIC_RUN_ID")


class RunFolder:
    """Makes the run's folder once all inputs were found to be good; refuses a folder that is there already.

    Args:
        resumed: The folder of a run that goes on.

    Attributes:
        path: The folder, once the configuration is known.
        record: The whole configuration with commit and versions, as loggers keep it.
    """

    def __init__(self, resumed: Path | None = None) -> None:
        self.resumed = resumed
        self.path = resumed or Path()
        self.record: dict[str, Any] = {}
        self._config = ""
        self._is_made = False
        self._latest_before: str | None = None

    @classmethod
    def from_options(cls, options: list[str]) -> tuple[list[str], "RunFolder"]:
        """Take `--resume FOLDER` out of the options, and put in what it means; else a new run's name.

        Raises:
            UserError: The folder holds no checkpoint to go on from.
        """
        options = [
            word for option in options for word in (option.split("=", 1) if _is(option, "--resume") else [option])
        ]
        if "--resume" not in options:
            if any(_is(option, "--run_id") for option in options):
                return options, cls()
            return [*options, f"--run_id={_new_run_id()}"], cls()
        at = options.index("--resume")
        run = Path(options[at + 1] if at + 1 < len(options) else "").resolve()
        checkpoint, config = run / "checkpoints" / LAST, run / "config.yaml"
        for file in (config, checkpoint):
            if not file.is_file():
                raise UserError(f"--resume {run}: holds no {file.relative_to(run)}, so there is nothing to go on from")
        options = options[:at] + options[at + 2 :]
        if not any(_is(option, "--config", "-c") for option in options):
            options += ["--config", str(config)]
        where = [f"--run_id={run.name}", f"--run_dir={_shortest(run)}", f"--ckpt_path={checkpoint}"]
        return [*options, *where, "--weights_only=true"], cls(run)

    def adopt(self, parser: LightningArgumentParser, config: Namespace) -> None:
        """Take the parsed configuration as this run's.

        Raises:
            UserError: The run goes on, but its configuration was another.
        """
        run_id = config["run_id"]
        run_dir = config.get("run_dir") or RUN_DIR.replace("${name}", config["name"]).replace("${run_id}", run_id)
        config["run_dir"] = run_dir
        self.path = Path(run_dir)
        content = yaml.safe_load(parser.dump(config, skip_unset=False))
        content = {key: value for key, value in content.items() if key not in OF_THE_RUN}
        self.record = {**content, "git": git_commit(), "versions": versions()}
        for key, part in content.items():
            if key == "trainer":
                content[key] = part | {name: self._of_any_run(part[name], run_id) for name in NAMED if name in part}
            elif key in ("model", "data"):
                content[key] = _mapped(part, self._found)
            else:
                content[key] = self._of_any_run(part, run_id)
        self._config = yaml.safe_dump({"run_dir": RUN_DIR, **content}, sort_keys=False)
        if self.resumed is not None:
            _check_same(yaml.safe_load((self.resumed / "config.yaml").read_text()), yaml.safe_load(self._config))

    def _of_any_run(self, value: Any, run_id: str) -> Any:
        """What is this run's own, as another run's that begins with the same config.yaml."""

        def replaced(text: str) -> str:
            for old, new in ((str(self.path), "${run_dir}"), (run_id, "${run_id}")):
                text = re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.-])", new, text)
            return text

        return _mapped(value, replaced)

    def _found(self, text: str) -> str:
        """A file beside this run as one that another run finds, too."""
        return os.path.normpath(text) if text.startswith(f"{self.path}{os.sep}") else text

    def make(self, trains: bool) -> None:
        """Make the folder with its config.yaml; the folder of a resumed run is there.

        Args:
            trains: Point `latest` at it; it stays where a run only tests what another made.
        """
        if self.resumed is not None:
            return
        try:
            self.path.mkdir(parents=True)
        except FileExistsError as error:
            raise UserError(f"run_dir {self.path}: is there already; use --resume, or another run_id") from error
        self._is_made = True
        made_by = {"git": self.record["git"], **self.record["versions"]}
        header = "".join(f"# {name}: {value}\n" for name, value in made_by.items())
        (self.path / "config.yaml").write_text(header + self._config)
        latest = self.path.parent / "latest"
        self._latest_before = str(latest.readlink()) if latest.is_symlink() else None
        if self._latest_before is not None and not trains:
            return
        self._point_latest_at(self.path.name)

    def discard(self) -> None:
        """Take away a folder made here, unless it holds a checkpoint or results already."""
        if not self._is_made or any((self.path / kept).exists() for kept in ("checkpoints", "results.json")):
            return
        wandb.finish(quiet=True)
        shutil.rmtree(self.path, ignore_errors=True)
        if self._latest_before is not None:
            self._point_latest_at(self._latest_before)
            return
        (self.path.parent / "latest").unlink(missing_ok=True)
        for folder in (self.path.parent, self.path.parent.parent):
            with contextlib.suppress(OSError):  # other runs are in it
                folder.rmdir()

    def _point_latest_at(self, name: str) -> None:
        link = self.path.parent / f".latest-{self.path.name}"
        link.symlink_to(name)
        link.replace(self.path.parent / "latest")


def _is(option: str, *names: str) -> bool:
    return option.split("=", 1)[0] in names


def _new_run_id() -> str:
    """What the launcher calls this job, so that all its processes agree; else the time and a random ending."""
    if OWN_ID in os.environ and "LOCAL_RANK" in os.environ:  # a process that another of this run started
        return os.environ[OWN_ID]
    for key in LAUNCHER_IDS:
        if os.environ.get(key, "none") != "none":
            return os.environ[key]
    os.environ[OWN_ID] = f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    return os.environ[OWN_ID]


def _shortest(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _check_same(saved: Any, given: Any) -> None:
    before, now = dict(_leaves(saved)), dict(_leaves(given))
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        key = changed[0]
        raise UserError(
            f"--resume: {key} is {now.get(key)!r}, but the run began with {before.get(key)!r}"
            f" ({len(changed)} differ); go on with the same configuration, or start a new run"
        )


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    else:
        yield key, value
