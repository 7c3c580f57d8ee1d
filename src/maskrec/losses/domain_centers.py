"""Two centres an identity: one of its full faces, one of its masked faces."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from maskrec.losses.groups import sum_by_group


class DomainCenters(nn.Module):
    """The centre banks of DCR, which follow their identities by Eq. 12 (Geng et al., ACM MM 2020).

    Domain 0 is full faces, domain 1 masked ones. A batch costs memory and time by its size alone, not by K.

    B: batch of all ranks, K: identities, D: embedding dim; the banks are (2, K, D), fp32.

    Args:
        embedding_dim: D.
        num_identities: K.
        beta: Momentum (Eq. 12).
        first_sight: An identity's first features in a domain set its centre there; else every centre starts at 0. The
            paper does not say.
    """

    same_on_every_rank: ClassVar[tuple[str, ...]] = ("centers", "is_seen")
    centers: Tensor
    is_seen: Tensor

    def __init__(self, embedding_dim: int, num_identities: int, beta: float = 0.5, first_sight: bool = True) -> None:
        super().__init__()
        self.beta = beta
        self.first_sight = first_sight
        self.register_buffer("centers", torch.zeros(2, num_identities, embedding_dim))
        self.register_buffer("is_seen", torch.zeros(2, num_identities, dtype=torch.bool))

    @torch.no_grad()
    def forward(self, features: Tensor, identity: Tensor, is_masked: Tensor) -> tuple[Tensor, Tensor]:
        """The centres the batch's loss is taken against, C^t; in training the banks then move on to C^(t+1).

        Args:
            features: (B, D).
            identity: (B,).
            is_masked: (B,) bool.

        Returns:
            (2, B, D) both centres of each face's identity, and (2, B) bool, whether they were set yet.
        """
        if not self.training:
            return self.centers[:, identity], self.is_seen[:, identity]
        bank, is_seen = self.centers.view(-1, self.centers.shape[-1]), self.is_seen.view(-1)
        present, sums, counts = sum_by_group(features, identity + is_masked * self.centers.shape[1])
        means = (sums / counts).to(bank)
        if self.first_sight:
            bank[present] = bank[present].where(is_seen[present].unsqueeze(1), means)
            is_seen[present] = True
        before = self.centers[:, identity], self.is_seen[:, identity]
        bank[present] = self.beta * bank[present] + (1 - self.beta) * means
        is_seen[present] = True
        return before
