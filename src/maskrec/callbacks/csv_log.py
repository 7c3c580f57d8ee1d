"""metrics.csv that a resumed run goes on writing."""

import csv
import warnings
from pathlib import Path

from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter


class CSVLog(CSVLogger):
    """Lightning's CSV logger, writing `<save_dir>/metrics.csv` and keeping what an earlier part of the run wrote.

    Args:
        save_dir: The run's folder.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="")

    @property
    def experiment(self) -> ExperimentWriter:
        """The writer, holding the earlier rows; Lightning's own would delete them."""
        if self._experiment is None:
            file = Path(self.log_dir) / ExperimentWriter.NAME_METRICS_FILE
            earlier = file.read_text() if file.is_file() else ""
            file.unlink(missing_ok=True)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Experiment logs directory")  # nothing is lost here
                writer = super().experiment
            if earlier and isinstance(writer, ExperimentWriter):
                file.write_text(earlier)
                writer.metrics_keys = next(csv.reader(earlier.splitlines()))
        experiment: ExperimentWriter = super().experiment
        return experiment

    def log_hyperparams(self, params: object = None) -> None:
        """Nothing: config.yaml holds them all."""
