"""results.json: the numbers of a run and what made them."""

import os
import platform
import subprocess
from importlib.metadata import version

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


def print_results(protocols: ProtocolResults) -> None:
    """One row a protocol and comparison, one column a metric; deviations stay in results.json."""
    metrics = [m for m in dict.fromkeys(name for numbers in protocols.values() for name in numbers) if m[-4:] != "_std"]
    table = Table("protocol/comparison", *metrics)
    for key, numbers in protocols.items():
        table.add_row(key, *(format_number(name, numbers.get(name)) for name in metrics))
    console = Console()
    # A log file has no width: rich would cut the columns down to 80 characters.
    (console if console.is_terminal else Console(width=160)).print(table)


def format_number(metric: str, value: float | None) -> str:
    """A metric as a person reads it: four decimals, counts whole, `-` for none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if metric in COUNTS else f"{value:.4f}"
