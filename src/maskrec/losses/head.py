"""The classification layer that training puts on an embedding."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class IdentityLoss(nn.Module, ABC):
    """A classification loss over identities; it holds constants, the head holds the weights."""

    @abstractmethod
    def forward(self, embedding: Tensor, weight: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (K, D), (B,) to the mean loss over the batch."""


class IdentityHead(nn.Module):
    """One weight vector an identity, held in fp32, and the loss taken against them.

    The loss runs outside autocast in at least fp32: bf16 would round a cosine of 0.999 to 1.

    B: batch, K: identities, D: embedding dim.

    Args:
        embedding_dim: D.
        num_identities: K.
        loss: What scores the embedding against the weights.
        std: Deviation of the normal distribution the weights start from.
    """

    def __init__(self, embedding_dim: int, num_identities: int, loss: IdentityLoss, std: float = 0.01) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_identities, embedding_dim).normal_(std=std))
        self.loss = loss

    def forward(self, embedding: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (B,) to the scalar loss."""
        with torch.autocast(embedding.device.type, enabled=False):
            loss: Tensor = self.loss(lift_precision(embedding), lift_precision(self.weight), identity)
        return loss


def lift_precision(x: Tensor) -> Tensor:
    """Half precisions become fp32; fp32 and float64 stay."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def cosine_to_weights(embedding: Tensor, weight: Tensor) -> Tensor:
    """Cosine of every embedding to every weight vector: (B, D), (K, D) to (B, K)."""
    return F.normalize(embedding, dim=1) @ F.normalize(weight, dim=1).T
