"""Runs as pages people look at."""

from maskrec.report.page import write_report
from maskrec.report.tables import write_ablation

__all__ = ["write_ablation", "write_report"]
