"""Linear softmax: plain cross-entropy over a bias-free linear layer."""

from torch import Tensor
from torch.nn import functional as F

from maskrec.losses.head import IdentityLoss


class Softmax(IdentityLoss):
    """Cross-entropy over the logits x W^T."""

    def forward(self, embedding: Tensor, weight: Tensor, identity: Tensor) -> Tensor:
        """(B, D), (K, D), (B,) to the mean loss."""
        return F.cross_entropy(embedding @ weight.T, identity)
