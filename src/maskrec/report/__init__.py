"""What people look at after a run."""

from maskrec.report.page import write_report

__all__ = ["write_report"]
