"""Training a part of a backbone only."""

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from maskrec.backbones import freeze_first, keep_statistics
from maskrec.errors import UserError


class FreezeBackbone(Callback):
    """Freezes the first share of a backbone's parameters, and statistics of batch-norm.

    Args:
        fraction: Share of the parameters, counted from the input, in whole layers: a layer that would pass the
            share stays trainable.
        batch_norm: Keep the statistics of all batch-norms, also of layers that train on.
        module: The method's attribute that holds the backbone.

    Raises:
        UserError: The fraction is not within [0, 1], or the method has no such attribute.
    """

    def __init__(self, fraction: float = 0.5, batch_norm: bool = True, module: str = "backbone") -> None:
        if not 0 <= fraction <= 1:
            raise UserError(f"FreezeBackbone.fraction {fraction}: expected a share between 0 and 1")
        self.fraction = fraction
        self.batch_norm = batch_norm
        self.module = module

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze before the optimiser is made."""
        if stage != "fit":
            return
        freeze_first(self._backbone(pl_module), self.fraction)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lightning puts everything in training mode as an epoch begins; frozen parts go back."""
        keep_statistics(self._backbone(pl_module), of_trained=self.batch_norm)

    def _backbone(self, pl_module: LightningModule) -> nn.Module:
        backbone = getattr(pl_module, self.module, None)
        if not isinstance(backbone, nn.Module):
            raise UserError(f"FreezeBackbone.module: {type(pl_module).__name__} has no network '{self.module}'")
        return backbone
