"""What every backbone promises."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

State = dict[str, Tensor]


class Backbone(nn.Module, ABC):
    """A network from aligned RGB faces in [-1, 1], (B, 3, H, W), to features, (B, D).

    Args:
        embedding_dim: D.
        input_size: (height, width) in pixels the network is built for.
    """

    def __init__(self, embedding_dim: int, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.input_size = input_size

    @abstractmethod
    def feature_map(self, image: Tensor) -> Tensor:
        """The last map of features, (B, C, H', W'), before pooling and embedding."""

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to (B, D)."""

    def adapt_state(self, state: State) -> State:
        """Public weights of this architecture under our parameter names."""
        return state
