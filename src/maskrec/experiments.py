"""The files in experiments/: found by name, listed by their first comment, merged along `extends`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from maskrec.errors import UserError

FOLDER = Path("experiments")
HARDWARE = FOLDER / "hardware"
SWEEPS = FOLDER / "sweeps"
EVALUATION = FOLDER / "evaluation"
TABLES = FOLDER / "tables"
NO_RUNS = (HARDWARE, SWEEPS, EVALUATION, TABLES)  # folders of overlays: files directly in them are no experiments
# What no run is made of alone.
OVERLAYS = ("base", "small", "tuned", "table", "common", "masks", "gan_masks", "dcr_common", "pairs")


class UnknownExperimentError(UserError):
    """No experiment was named, or one that is not there: the list of them follows the line."""


def titles() -> dict[str, str]:
    """Experiment to the first comment of its file; tables' rows as `tables/<paper>/<row>`."""
    files = sorted(path for path in FOLDER.rglob("*.yaml") if path.parent not in NO_RUNS)
    files = [path for path in files if path.stem not in OVERLAYS]
    return {str(path.relative_to(FOLDER).with_suffix("")): first_comment(path) for path in files}


def first_comment(path: Path) -> str:
    """A file's first comment, which is its title."""
    lines = path.read_text().splitlines()
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")


def parse_command(args: list[str]) -> tuple[str, str | None, list[str]]:
    """`NAME [--hardware NAME] [options]` to its parts."""
    if not args or args[0].startswith("-"):
        raise UnknownExperimentError("say which experiment: maskrec exp NAME")
    hardware, rest = take_option(args[1:], "--hardware")
    return args[0], hardware, rest


def take_option(args: list[str], option: str) -> tuple[str | None, list[str]]:
    """The value of an option, given as `--x VALUE` or `--x=VALUE`, and the words without it."""
    for at, word in enumerate(args):
        if word == option:
            return "".join(args[at + 1 : at + 2]), args[:at] + args[at + 2 :]
        if word.startswith(f"{option}="):
            return word.partition("=")[2], args[:at] + args[at + 1 :]
    return None, args


def config_options(name: str, hardware: str | None = None) -> list[str]:
    """`--config` options of an experiment on some hardware.

    Raises:
        UserError: There is no such experiment or hardware; the message lists what there is.
    """
    experiment = FOLDER / f"{name}.yaml"
    if not experiment.is_file() or experiment.stem in OVERLAYS:
        raise UnknownExperimentError(f"no experiment is called '{name}'")
    options = ["--config", str(experiment)]
    if hardware is not None:
        overlay = HARDWARE / f"{hardware}.yaml"
        if not overlay.is_file():
            known = ", ".join(sorted(path.stem for path in HARDWARE.glob("*.yaml")))
            raise UserError(f"no hardware is called '{hardware}'; there are: {known}")
        options += ["--config", str(overlay)]
    return options


def expand_extends(options: list[str]) -> list[str]:
    """Put before each `--config FILE` the files it `extends`, a list of names beside it; each file once.

    A list of classes, in a file, as `--KEY=[{...}]` or as `--KEY [{...}]`, takes the place of an earlier one, which is
    emptied first. Otherwise the parser takes what is not said of a class from the one in its place in the earlier list,
    if both lists are of one length. `KEY+` appends.

    Raises:
        UserError: A file is missing or no YAML.
    """
    contents: dict[Path, Any] = {}
    rest: list[str] = []
    words = iter(options)
    for word in words:
        option, equals, value = word.partition("=")
        if option in ("--config", "-c"):
            _add_with_parents(Path(value if equals else next(words, "")), contents)
        else:
            is_alone = bool(rest) and word.startswith("[{")  # `--KEY [{...}]`
            key = rest[-1] if is_alone else option
            if (is_alone or value.startswith("[{")) and not key.endswith("+"):
                rest.insert(len(rest) - is_alone, f"{key}=[]")
            rest.append(word)
    return [*_one_after_another(contents), *rest]


def _add_with_parents(path: Path, contents: dict[Path, Any]) -> None:
    if path in contents:
        return
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UserError(f"--config {path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: expected `key: value` lines")
    for parent in content.get("extends") or []:
        _add_with_parents(path.parent / f"{parent}.yaml", contents)
    contents[path] = content


def _one_after_another(contents: dict[Path, Any]) -> Iterator[str]:
    """`--config` of each file, and before one with a list of classes that an earlier one has, too, `--KEY=[]`."""
    lists: set[str] = set()
    classes: dict[str, Any] = {}
    for path, content in contents.items():
        given = dict(_values(content))
        of_classes = {key for key, value in given.items() if _is_of_classes(value) and not key.endswith("+")}
        yield from (f"--{key}=[]" for key in sorted(of_classes & lists))
        yield f"--config={path}"
        for key, value in given.items():
            part = key.removesuffix("class_path")
            if part != key and classes.setdefault(key, value) != value:  # the other class may not have these lists
                classes[key] = value
                lists = {other for other in lists if not other.startswith(part)}
        lists |= of_classes


def _values(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{a: {b: 1}}` as `a.b` and 1."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _is_of_classes(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, dict) and "class_path" in part for part in value)
