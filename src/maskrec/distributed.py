"""A batch shared by several processes, seen whole by each."""

from typing import Any

import torch
from torch import Tensor, distributed


def rank_and_ranks() -> tuple[int, int]:
    """The number of this process, and of how many; 0 of 1 where there is no group of processes."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def gather_ranks(x: Tensor) -> Tensor:
    """The rows of all ranks in the order of ranks, with gradient: (b, ...) to (B, ...), as many rows from each rank.

    Where every rank takes the same loss of the whole batch, DDP's mean of the ranks' gradients is that loss's gradient
    in one process.
    """
    if rank_and_ranks() == (0, 1):
        return x
    gathered: Tensor = _GatherRanks.apply(x)
    return gathered


class _GatherRanks(torch.autograd.Function):
    """All-gather, whose gradient is the sum over the ranks that used a row."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, x)
        return torch.cat(parts)

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()  # it may be another node's too, and all_reduce writes into it
        distributed.all_reduce(gradient)
        return gradient.chunk(distributed.get_world_size())[distributed.get_rank()]
