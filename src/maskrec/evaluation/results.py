"""results.json: the numbers of a run and what made them."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from maskrec.evaluation.evaluator import ProtocolResults

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "timm", "albumentations", "numpy", "opencv-python-headless")
COUNTS = ("pairs",)


def git_commit() -> str:
    """The commit of the working directory, with `+` when something is not committed; `unknown` outside a checkout."""

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    return {"maskrec": version("maskrec"), "python": platform.python_version()} | {
        package: version(package) for package in PACKAGES
    }


def hardware() -> str:
    """The device in words."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{os.cpu_count()} CPU cores ({platform.machine()})"


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file in one step: readers see the old file or the new one, never half of one."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    partial.replace(path)


def print_results(protocols: ProtocolResults, console: Console | None = None) -> None:
    """One row a protocol and comparison, one column a metric."""
    metrics = list(dict.fromkeys(name for values in protocols.values() for name in values))
    table = Table("protocol", "comparison", *metrics)
    for key, values in protocols.items():
        evaluation, comparison = key.split("/", 1)
        table.add_row(evaluation, comparison, *(format_number(name, values.get(name)) for name in metrics))
    (console or Console()).print(table)


def format_number(metric: str, value: float | None) -> str:
    """A metric as a person reads it: four decimals, counts whole, `-` for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if metric in COUNTS else f"{value:.4f}"
