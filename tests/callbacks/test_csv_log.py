"""metrics.csv over a resume."""

import csv
from pathlib import Path

from maskrec.callbacks import CSVLog


def test_a_second_logger_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for start in (0, 10):
        log = CSVLog(str(tmp_path))
        log.log_metrics({"train/loss": float(start)}, step=start)
        log.log_metrics({"val/auc": 0.5}, step=start + 1)
        log.save()
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "1", "10", "11"]
    assert [row["train/loss"] for row in rows] == ["0.0", "", "10.0", ""]
