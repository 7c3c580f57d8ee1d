"""A method as a run left it, built from the run's folder alone."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from maskrec.callbacks import BEST, LAST
from maskrec.commands import Parser
from maskrec.errors import UserError, user_error_behind
from maskrec.methods import FaceMethod
from maskrec.report.run import CONFIG, RESULTS
from maskrec.weight_files import read_file


def build_method(model: Any) -> FaceMethod:
    """The method that a configuration's `model` describes, without what only training needs.

    Raises:
        UserError: It describes none.
    """
    parser = Parser()
    parser.add_subclass_arguments(FaceMethod, "model")
    try:
        method: FaceMethod = parser.instantiate_classes(parser.parse_object({"model": model}))["model"]
    except Exception as error:  # jsonargparse wraps whatever a constructor raises
        raise user_error_behind(error) or error from error
    return method


def method_of_run(run: Path) -> FaceMethod:
    """A run's method with the weights it was tested with, else its best, else its last ones; in evaluation mode.

    Raises:
        UserError: The folder holds no run, or no checkpoint of it.
    """
    model, checkpoint = model_config(run), checkpoint_of(run)
    arguments = model.get("init_args", {})
    if arguments.get("start_from"):
        arguments["start_from"] = None  # the checkpoint has what came of it
    if arguments.get("input_size"):  # else the weights tell
        arguments |= {"weights": None} if arguments.get("weights") else {}
    method = build_method(model)
    content = read_file(checkpoint)
    try:
        method.on_load_checkpoint(content)
        method.load_state_dict(content["state_dict"])
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise UserError(f"checkpoint {checkpoint}: is not one of {run}: {' '.join(str(error).split())}") from error
    return method.eval()


def model_config(run: Path) -> dict[str, Any]:
    """The `model` of a run's config.yaml.

    Raises:
        UserError: There is none.
    """
    try:
        model: dict[str, Any] = yaml.safe_load((run / CONFIG).read_text())["model"]
    except OSError as error:
        raise UserError(f"{run}: holds no {CONFIG}, so it is no run's folder") from error
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise UserError(f"{run / CONFIG}: is not that of a run") from error
    return model


def checkpoint_of(run: Path) -> Path:
    """The checkpoint a run was tested with, else its best, else its last one.

    Raises:
        UserError: There is none.
    """
    kept = [run / "checkpoints" / name for name in (BEST, LAST)]
    with contextlib.suppress(OSError, ValueError):
        if tested := json.loads((run / RESULTS).read_text()).get("checkpoint"):
            # The run's own, wherever it was moved to; or another run's.
            kept = [run / "checkpoints" / Path(tested).name, Path(tested), *kept]
    found = next((path for path in kept if path.is_file()), None)
    if found is None:
        raise UserError(f"{run}: holds no checkpoint ({', '.join((BEST, LAST))} in checkpoints/)")
    return found


@contextlib.contextmanager
def loading_checkpoint(path: str | None) -> Iterator[None]:
    """While something runs that loads a checkpoint, if one is given: what is wrong with it ends in one line.

    Raises:
        UserError: There is no such file, no run left it, or it is of another network.
    """
    if path:
        if not Path(path).is_file():
            raise UserError(f"--ckpt_path {path}: no such file")
        content = read_file(Path(path), mmap=True)
        if not isinstance(content, dict) or not {"state_dict", "pytorch-lightning_version"} <= content.keys():
            raise UserError(f"--ckpt_path {path}: is no checkpoint of a run; a weight file goes to model.weights")
    try:
        yield
    except RuntimeError as error:
        if not path or "loading state_dict" not in str(error):
            raise
        where = " ".join(str(error).splitlines()[1].split())
        raise UserError(f"--ckpt_path {path}: is of another network: {where}") from error
