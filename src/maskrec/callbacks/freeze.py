"""Training a part of a backbone only."""

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from maskrec.backbones import Backbone, freeze_first, keep_statistics
from maskrec.errors import UserError


class FreezeBackbone(Callback):
    """Freezes the first share of each backbone's parameters, and statistics of batch-norm.

    Args:
        fraction: Share of the parameters, counted from the input, in whole layers: a layer that would pass the
            share stays trainable.
        batch_norm: Keep the statistics of all batch-norms, also of layers that train on.
        module: The method's attribute that holds the network to freeze; default: every backbone it has.

    Raises:
        UserError: The fraction is not within [0, 1], or the method has no such network.
    """

    def __init__(self, fraction: float = 0.5, batch_norm: bool = True, module: str | None = None) -> None:
        if not 0 <= fraction <= 1:
            raise UserError(f"FreezeBackbone.fraction {fraction}: expected a share between 0 and 1")
        self.fraction = fraction
        self.batch_norm = batch_norm
        self.module = module

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze before the optimiser is made."""
        if stage == "fit":
            for backbone in self._backbones(pl_module):
                freeze_first(backbone, self.fraction)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put frozen parts in evaluation mode, also where a run goes on in mid-epoch; there they stay."""
        for backbone in self._backbones(pl_module):
            keep_statistics(backbone, of_trained=self.batch_norm)

    def _backbones(self, pl_module: LightningModule) -> list[nn.Module]:
        if self.module is None:
            found: list[nn.Module] = [module for module in pl_module.modules() if isinstance(module, Backbone)]
        else:
            found = [module for name, module in pl_module.named_children() if name == self.module]
        if not found:
            name = self.module or "backbone"
            raise UserError(f"FreezeBackbone.module: {type(pl_module).__name__} has no network '{name}'")
        return found
