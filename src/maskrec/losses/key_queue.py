"""The keys of the last batches, for contrastive losses that need more negatives than a batch has."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.errors import UserError


class KeyQueue(nn.Module):
    """A ring of keys, the oldest of which each batch replaces (He et al., CVPR 2020, Sec. 3.2).

    K: its length, D: dim, B: batch of all ranks. It starts with random unit rows, the same ones everywhere.

    Args:
        length: K.
        dim: D.
    """

    same_on_every_rank: ClassVar[tuple[str, ...]] = ("keys", "place")
    keys: Tensor
    place: Tensor

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        random = torch.randn(length, dim, generator=torch.Generator().manual_seed(0))
        self.register_buffer("keys", F.normalize(random, dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Put the keys of all ranks, (B, D), in the place of the oldest.

        Raises:
            UserError: The queue is no multiple of the batch.
        """
        length, batch = len(self.keys), len(keys)
        if length % batch:
            raise UserError(
                f"model.queue_length {length}: expected a multiple of the batch over all processes, {batch}"
            )
        self.keys[self.place + torch.arange(batch, device=keys.device)] = keys.to(self.keys)
        self.place.add_(batch).remainder_(length)
