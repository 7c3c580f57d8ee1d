"""Processes that train networks of their own: no gradient is averaged, nothing is copied unasked."""

from typing import Any

from pytorch_lightning.strategies import DDPStrategy, StrategyRegistry
from pytorch_lightning.trainer.states import TrainerFn


class MemberPerRank(DDPStrategy):
    """Opens a group of processes and wraps nothing; `trainer.strategy: member_per_rank`.

    In training every rank sees the same batches, and validates on all faces by itself; a test is shared by the ranks.

    Args:
        **kwargs: As for `DDPStrategy`.
    """

    def configure_ddp(self) -> None:
        """Leave the network as it is: DDP would average gradients, and send rank 0's weights to all."""

    @property
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        """How faces are shared out."""
        module = self.lightning_module
        is_training = module is not None and module.trainer.state.fn == TrainerFn.FITTING
        return {"num_replicas": 1, "rank": 0} if is_training else super().distributed_sampler_kwargs


StrategyRegistry.register("member_per_rank", MemberPerRank, MemberPerRank.__doc__)
