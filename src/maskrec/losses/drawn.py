"""One loss of a pool, as a search draws it."""

from collections.abc import Sequence
from copy import deepcopy

from torch import Tensor, nn

from maskrec.losses.head import IdentityLoss


class DrawnLoss(IdentityLoss):
    """The loss of a pool that is in use.

    Args:
        pool: L losses; copied, for some count the steps they were used in.

    Attributes:
        drawn: The number of the one in use, from 0.
    """

    def __init__(self, pool: Sequence[IdentityLoss]) -> None:
        super().__init__()
        self.pool = nn.ModuleList(deepcopy(loss) for loss in pool)
        self.drawn = 0

    def forward(self, embedding: Tensor, weight: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (K, D), (B,) to the mean loss."""
        loss: Tensor = self.pool[self.drawn](embedding, weight, identity)
        return loss
