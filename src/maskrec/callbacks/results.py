"""results.json, scores.npz and the table at the end of a test."""

import json
from pathlib import Path

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from maskrec.evaluation import ProtocolResults
from maskrec.evaluation.results import as_json, git_commit, hardware, print_results, versions
from maskrec.files import replacing


class WriteResults(Callback):
    """Prints the numbers of `test` or `validate` and writes them with what made them.

    Beside results.json goes scores.npz: the arrays of each protocol (see `maskrec.evaluation.protocols`), named
    `<evaluation>/<comparison>/<array>`.

    Args:
        path: results.json.
        experiment: The run's name.
        seed: The run's seed.
    """

    def __init__(self, path: str, experiment: str, seed: int) -> None:
        self.path = Path(path)
        self.experiment = experiment
        self.seed = seed

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After the last protocol."""
        self._write(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """After `validate`; the validations within training are in metrics.csv."""
        if trainer.state.fn == TrainerFn.VALIDATING:
            self._write(trainer, pl_module)

    def _write(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        protocols: ProtocolResults = getattr(pl_module, "results", {})
        print_results(protocols)
        content = {
            "experiment": self.experiment,
            "method": type(pl_module).__name__,
            "checkpoint": str(trainer.ckpt_path) if trainer.ckpt_path else None,
            "seed": self.seed,
            "git": git_commit(),
            "hardware": hardware(),
            "versions": versions(),
            "protocols": {key: as_json(result) for key, result in protocols.items()},
        }
        arrays = {f"{key}/{name}": array for key, result in protocols.items() for name, array in result.arrays.items()}
        with replacing(self.path.with_name("scores.npz")) as partial:
            np.savez_compressed(partial, **arrays)
        with replacing(self.path) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")
