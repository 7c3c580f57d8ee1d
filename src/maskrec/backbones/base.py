"""What every backbone promises."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

State = dict[str, Tensor]
Pool = Literal["avg", "max"]


class Backbone(nn.Module, ABC):
    """A network from aligned RGB faces in [-1, 1], (B, 3, H, W), to features, (B, D).

    Attributes:
        embedding_layers: Names of the layers behind the last map.
        map_channels: C, channels of the last map.
        pool: How the last map is pooled where these layers were left out; else None.

    Args:
        embedding_dim: D.
        input_size: (height, width) in pixels the network is built for.
    """

    embedding_layers: ClassVar[tuple[str, ...]]
    map_channels: int

    def __init__(self, embedding_dim: int, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.embedding_dim = embedding_dim
        self.input_size = input_size
        self.pool: Pool | None = None

    def without_embedding(self, pool: Pool) -> None:
        """Leave out what stands behind the last map: from now on the features are that map, pooled, and D is C."""
        for name in self.embedding_layers:
            delattr(self, name)
        self.embedding_dim = self.map_channels
        self.pool = pool

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to (B, D)."""
        features = self.feature_map(image)
        if self.pool is None:
            return self.embedded(features)
        return features.amax(dim=(2, 3)) if self.pool == "max" else features.mean(dim=(2, 3))

    @abstractmethod
    def feature_map(self, image: Tensor) -> Tensor:
        """The last map of features, (B, C, H', W'), before pooling and embedding."""

    @abstractmethod
    def embedded(self, features: Tensor) -> Tensor:
        """The last map to the embedding, (B, D)."""

    def adapt_state(self, state: State) -> State:
        """Public weights of this architecture under our parameter names."""
        return state
