"""What every loss on embeddings shares: it sees the whole batch of all ranks, in at least fp32."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from maskrec.distributed import gather_ranks
from maskrec.losses.head import lift_precision


class EmbeddingLoss(nn.Module, ABC):
    """A loss on the embeddings themselves, added to a head's.

    Args:
        weight: What the loss is multiplied by.
    """

    same_on_every_rank: ClassVar[tuple[str, ...]] = ()
    """Buffers that every rank starts and updates alike: DDP need not send them round."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def allocate(self, embedding_dim: int, num_identities: int) -> None:
        """Make room for what the loss keeps of each identity; called once, before training."""

    def forward(self, embedding: Tensor, identity: Tensor) -> Tensor:
        """This rank's (b, D) and (b,) to the weighted loss of the batch of all ranks, the same on each."""
        with torch.autocast(embedding.device.type, enabled=False):
            return self.weight * self.batch_loss(gather_ranks(lift_precision(embedding)), gather_ranks(identity))

    @abstractmethod
    def batch_loss(self, embedding: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (B,) to the mean loss, not weighted."""
