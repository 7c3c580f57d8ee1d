"""A finished run, read from its folder."""

import json
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from maskrec.errors import UserError

RESULTS, CONFIG, SCORES = "results.json", "config.yaml", "scores.npz"
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Comparison:
    """What one protocol found.

    Args:
        numbers: Metrics and counts.
        notes: Why a metric has no number.
        intervals: 95 % confidence intervals.
    """

    numbers: dict[str, float]
    notes: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run that was tested.

    Args:
        path: Its folder.
        made_by: What results.json says beside the numbers: experiment, method, seed, git, ....
        comparisons: By `<set>/<comparison>`.
        arrays: scores.npz by comparison; empty where there is none.
        config: config.yaml.
        config_text: config.yaml as it is.
    """

    path: Path
    made_by: dict[str, Any]
    comparisons: dict[str, Comparison]
    arrays: dict[str, Arrays]
    config: dict[str, Any]
    config_text: str

    @property
    def paper(self) -> dict[str, float]:
        """The paper's figures as shares, by `<set>/<comparison>/<metric>`."""
        return {key: as_share(value) for key, value in (self.config.get("paper") or {}).items()}


def as_share(value: float) -> float:
    """A figure as papers print it: above 1 it is in percent, else a share."""
    return value / 100 if value > 1 else value


def read_run(path: Path) -> Run:
    """The run in a folder.

    Raises:
        UserError: There is no such folder, or it holds no results, or a file of it is broken.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such run")
    if not (path / RESULTS).is_file():
        inner = sorted(file.parent.name for file in path.glob(f"*/{RESULTS}"))
        hint = f"; did you mean {path / inner[-1]}?" if inner else "; `maskrec test` writes them"
        raise UserError(f"{path}: holds no {RESULTS}{hint}")
    try:
        content = json.loads((path / RESULTS).read_text())
        comparisons = {key: _comparison(dict(found)) for key, found in content.pop("protocols").items()}
        config_text = (path / CONFIG).read_text()
        config = dict(yaml.safe_load(config_text))
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(
            f"{path}: {RESULTS} or {CONFIG} is not that of a run ({' '.join(str(error).split())})"
        ) from error
    return Run(path, content, comparisons, _arrays(path / SCORES), config, config_text)


def _arrays(file: Path) -> dict[str, Arrays]:
    arrays: dict[str, Arrays] = defaultdict(dict)
    if not file.is_file():
        return arrays
    try:
        with np.load(file) as content:
            for name in content.files:
                key, _, array = name.rpartition("/")
                arrays[key][array] = content[name]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{file}: broken ({error}); remove it, or test again") from error
    return arrays


def _comparison(found: dict[str, Any]) -> Comparison:
    notes, intervals = found.pop("notes", {}), found.pop("intervals", {})
    return Comparison(found, notes, {metric: (low, high) for metric, (low, high) in intervals.items()})
