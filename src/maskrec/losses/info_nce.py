"""InfoNCE: each query against its own key and a queue of other ones.

Van den Oord et al., "Representation Learning with Contrastive Predictive Coding" (2018), as He et al. take it in
"Momentum Contrast for Unsupervised Visual Representation Learning" (CVPR 2020), Eq. 1. B: batch, K: queue, D: dim.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from maskrec.losses.head import lift_precision

KEYS_AT_ONCE = 4096


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """Mean over queries of -log(e^(q k+ / t) / (e^(q k+ / t) + sum_i e^(q k_i / t))).

    Its memory is that of B x 4096 logits, however long the queue; it can be differentiated once.

    Args:
        query: (B, D) unit rows.
        key: (B, D) unit rows, k+ of each query.
        queue: (K, D) unit rows, the k_i; no gradient is taken of them.
        temperature: t.

    Returns:
        A scalar.
    """
    loss: Tensor = _InfoNCE.apply(query, key, queue, temperature)
    return loss


class _InfoNCE(torch.autograd.Function):
    """Takes the gradient on the way, some keys at a time: no table of B x K logits has to be kept for it."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
        own = (query * key).sum(dim=1, keepdim=True) / temperature
        highest, total, pull = own, torch.ones_like(own), key  # pull: the keys, each weighed by its e^(...)
        for keys in queue.split(KEYS_AT_ONCE):
            logits = (query @ keys.T).div_(temperature)
            before, highest = highest, torch.maximum(highest, logits.amax(dim=1, keepdim=True))
            weights, shrink = logits.sub_(highest).exp_(), (before - highest).exp()
            total = total * shrink + weights.sum(dim=1, keepdim=True)
            pull = pull * shrink + weights @ keys
        log_share = own - highest - total.log()
        per_query = 1 / (temperature * len(query))
        ctx.save_for_backward((pull / total - key) * per_query, query * (log_share.exp() - 1) * per_query)
        return -log_share.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        of_query, of_key = ctx.saved_tensors
        return gradient * of_query, gradient * of_key, None, None


class InfoNCE(nn.Module):
    """`info_nce`, outside autocast and in at least fp32.

    Args:
        temperature: t.
    """

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
        """(B, D), (B, D), (K, D) to the mean loss."""
        with torch.autocast(query.device.type, enabled=False):
            return info_nce(lift_precision(query), lift_precision(key), lift_precision(queue), self.temperature)
