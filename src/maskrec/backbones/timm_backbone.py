"""Any timm model as a face backbone."""

from typing import Any, ClassVar, cast

import timm
import torch
from torch import Tensor, nn

from maskrec.backbones.base import Backbone, Pool, State
from maskrec.errors import UserError


class TimmBackbone(Backbone):
    """A timm trunk, pooled, and an embedding of D numbers: a linear layer and batch-norm, as IR-ResNets end.

    Images in [-1, 1] are brought to the mean and deviation the trunk was designed for.

    Args:
        name: The model's timm name.
        embedding_dim: D.
        input_size: (height, width) in pixels; given to trunks built for one size, as ViTs are.
    """

    embedding_layers: ClassVar[tuple[str, ...]] = ("embedding",)
    mean: Tensor
    std: Tensor

    def __init__(self, name: str, embedding_dim: int, input_size: tuple[int, int]) -> None:
        super().__init__(embedding_dim, input_size)
        self.trunk = _create_trunk(name, input_size)
        self.map_channels = self.trunk.head_hidden_size
        # Without the batch-norm plain softmax takes three times as long to get off the ground.
        self.embedding = nn.Sequential(
            nn.Linear(self.map_channels, embedding_dim, bias=False), nn.BatchNorm1d(embedding_dim)
        )
        config = self.trunk.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(3, 1, 1), persistent=False)

    def _normalise(self, image: Tensor) -> Tensor:
        return ((image + 1) / 2 - self.mean) / self.std

    def feature_map(self, image: Tensor) -> Tensor:
        """The trunk's unpooled features, in the layout timm gives them."""
        return cast(Tensor, self.trunk.forward_features(self._normalise(image)))

    def without_embedding(self, pool: Pool) -> None:
        """Leave out the embedding; the trunk itself pools, for it knows the layout of its features."""
        super().without_embedding(pool)
        self.trunk.reset_classifier(0, pool)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to (B, D)."""
        features = self.feature_map(image)
        return self.embedded(features) if self.pool is None else cast(Tensor, self.trunk.forward_head(features))

    def embedded(self, features: Tensor) -> Tensor:
        """The trunk's unpooled features to (B, D)."""
        return cast(Tensor, self.embedding(self.trunk.forward_head(features)))

    def adapt_state(self, state: State) -> State:
        """A plain timm state: its classifier goes, our embedding stays as it is."""
        if any(key.startswith("trunk.") for key in state):
            return state
        classifier: Any = self.trunk.pretrained_cfg.get("classifier") or ()
        classifiers = (classifier,) if isinstance(classifier, str) else tuple(classifier)
        trunk = {
            f"trunk.{key}": value
            for key, value in state.items()
            if not key.startswith(tuple(f"{name}." for name in classifiers))
        }
        return trunk | {key: value for key, value in self.state_dict().items() if key.startswith("embedding.")}


def _create_trunk(name: str, input_size: tuple[int, int]) -> Any:
    try:
        return timm.create_model(name, pretrained=False, num_classes=0, img_size=input_size)
    except TypeError:  # convolutional models take any size and know no `img_size`
        return timm.create_model(name, pretrained=False, num_classes=0)
    except AssertionError as error:  # a ViT whose patches do not tile the image
        raise UserError(f"backbone '{name}' cannot be built for {input_size[0]}x{input_size[1]}: {error}") from error
