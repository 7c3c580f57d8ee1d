"""What all that is trained shares: an optimiser and a schedule from the YAML, and checkpoints that load safely."""

import warnings
from typing import Any, Literal

from pytorch_lightning import LightningModule
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch.optim import SGD

from maskrec.evaluation import ProtocolResults
from maskrec.schedules import WarmupSchedule

PLAIN = (bool, int, float, str, type(None))


class Trainable(LightningModule):
    """A LightningModule with what it is optimised by, and `results`, which a test fills.

    Args:
        optimizer: Makes the optimiser from the parameters that are trained.
        lr_scheduler: Makes the learning-rate schedule from the optimiser.
        lr_interval: When the schedule advances; a `WarmupSchedule` by step in any case.
    """

    def __init__(
        self,
        optimizer: OptimizerCallable = SGD,
        lr_scheduler: LRSchedulerCallable | None = None,
        lr_interval: Literal["step", "epoch"] = "epoch",
    ) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self.lr_interval = lr_interval
        self.results: ProtocolResults = {}
        self._save_plain_hyperparameters()

    def _save_plain_hyperparameters(self) -> None:
        """A checkpoint holds tensors and plain values only, so that it can be loaded without unpickling."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Attribute .* is an instance of `nn.Module`")
            self.save_hyperparameters()
        for name in [name for name, value in self.hparams.items() if not _is_plain(value)]:
            del self.hparams[name]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What is trained, as optimisers take it; a group's `rate` multiplies their learning rate."""
        return [{"params": [parameter for parameter in self.parameters() if parameter.requires_grad]}]

    def configure_optimizers(self) -> Any:
        """The injected optimiser and schedule over the parameters that are trained."""
        optimizer = self.optimizer(self.parameter_groups())
        for group in optimizer.param_groups:
            group["lr"] *= group.pop("rate", 1)
        if self.lr_scheduler is None:
            return optimizer
        scheduler, interval = self.lr_scheduler(optimizer), self.lr_interval
        if isinstance(scheduler, WarmupSchedule):
            scheduler.total_steps, interval = int(self.trainer.estimated_stepping_batches), "step"
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval}}


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, PLAIN)
