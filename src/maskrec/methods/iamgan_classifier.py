"""C of IAMGAN, which tells whose face it is, and how networks are held still that a gradient goes through."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from maskrec.backbones import create_backbone
from maskrec.losses import IdentityHead, Softmax


class Classifier(nn.Module):
    """C: a backbone, pooled, and a softmax over identities.

    Args:
        backbone: Its name.
        num_identities: K.
    """

    def __init__(self, backbone: str, num_identities: int) -> None:
        super().__init__()
        self.backbone = create_backbone(backbone, None)
        self.head = IdentityHead(self.backbone.embedding_dim, num_identities, Softmax())

    def forward(self, images: Tensor, identity: Tensor) -> Tensor:
        """(B, 3, H, W), (B,) to the cross entropy."""
        loss: Tensor = self.head(self.backbone(images), identity)
        return loss

    @contextmanager
    def judging(self) -> Iterator[None]:
        """As it is: batch-norm statistics are used, not gathered."""
        modes = {layer: layer.training for layer in self.modules()}
        self.eval()
        try:
            yield
        finally:
            for layer, mode in modes.items():
                layer.training = mode


@contextmanager
def frozen(*networks: nn.Module | None) -> Iterator[None]:
    """Gradients go through the networks, but not into them."""
    parameters = [parameter for network in networks if network is not None for parameter in network.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
