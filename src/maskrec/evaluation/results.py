"""results.json: the numbers of a run and what made them."""

import os
import platform
import subprocess
from importlib.metadata import version
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from maskrec.evaluation.protocols import ProtocolResult, ProtocolResults

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "timm", "albumentations", "numpy", "opencv-python-headless")
COUNTS = ("faces", "pairs", "genuine", "impostors", "probes", "gallery", "left_out", "steps")
OF_PICTURES = ("iou", "mask_found", "mask_share", "change_outside", "change_cycled")
IN_TABLE = (
    *OF_PICTURES,
    "accuracy",
    "auc",
    "eer",
    "frr100",
    "fnmr_at_fmr_1e-3",
    "rank_1",
    "rank_5",
    "map",
    "mask_accuracy",
    *COUNTS,
)


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


def as_json(result: ProtocolResult) -> dict[str, Any]:
    """A protocol's entry in results.json: its numbers, then what there is of notes and intervals."""
    entry: dict[str, Any] = dict(result.numbers)
    return entry | {name: value for name in ("notes", "intervals") if (value := getattr(result, name))}


def print_results(protocols: ProtocolResults) -> None:
    """One row a protocol and comparison, one column a metric; the finer operating points stay in results.json."""
    found = dict.fromkeys(name for result in protocols.values() for name in result.numbers)
    metrics = sorted(filter(_is_in_table, found), key=lambda name: name in COUNTS)
    table = Table("protocol/comparison", *metrics)
    for key, result in protocols.items():
        table.add_row(key, *(format_number(name, result.numbers.get(name)) for name in metrics))
    console = Console()
    # A log file has no width: rich would cut the columns down to 80 characters.
    console = console if console.is_terminal else Console(width=320)
    console.print(table)
    for note in dict.fromkeys(note for result in protocols.values() for note in result.notes.values()):
        console.print(f"no number: {note}", highlight=False)


def _is_in_table(metric: str) -> bool:
    return metric in IN_TABLE or metric.startswith("precision_1_of_")


def format_number(metric: str, value: float | None) -> str:
    """A metric as a person reads it: four decimals, counts whole, `-` for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if metric in COUNTS else f"{value:.4f}"
