"""Sweeps: files in W&B's own format, run here without a server."""

from maskrec.sweeps.file import Point, Sweep, read_sweep
from maskrec.sweeps.run import run_sweep

__all__ = ["Point", "Sweep", "read_sweep", "run_sweep"]
