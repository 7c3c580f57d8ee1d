"""Contrastive Siamese: one network sees both faces of a pair, and learns whether they are of one person.

Seneviratne et al., "Multi-dataset training for masked face recognition with a contrastive Siamese network", Secs. 3.2
to 3.4 and 3.8. The backbone starts from MoCo v2, from other weights or from scratch. Pairs are an unmasked reference
and a masked probe: `data.pair_draw`. Where it draws several impostors for a reference, the one that the network as it
is now finds most alike is trained on; they are compared here, in one batch on the device, not while data are loaded.

Sec. 3.4 takes the L2 distance of the two faces, Sec. 3.3 and the authors' public code the absolute difference, the
default here. The paper validates at the output (Sec. 3.4), and tests at the backbone.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.backbones import create_backbone, evaluating, freeze_first, keep_statistics
from maskrec.data import UniformDraw
from maskrec.errors import UserError
from maskrec.masking import DE
from maskrec.methods.base import FaceMethod
from maskrec.types import Embedder, FaceBatch

Level: TypeAlias = Literal["output", "head", "backbone"]
Distance: TypeAlias = Literal["absolute", "l2"]
Features: TypeAlias = dict[str, Tensor]
DISTANCES: dict[Distance, Callable[[Tensor], Tensor]] = {
    "absolute": torch.abs,
    "l2": lambda difference: torch.linalg.vector_norm(difference, dim=-1, keepdim=True),
}
NUMBERS_AT_ONCE = 2**24  # differences of two faces' head features, held at a time


class ContrastiveSiamese(FaceMethod):
    """Backbone, linear layer and sigmoid for each face; distance of the two and linear layer for the pair (Fig. 3).

    B: faces, P: pairs of a batch, C: channels of the backbone's last map, D: dim of the head.

    Args:
        backbone: Its name; see `maskrec backbones`.
        head_dim: D (Sec. 3.2: "generally 512").
        distance: Of two faces' head features: `absolute`, D differences, or `l2`, one number.
        level: Where faces are compared: `output`, its sigmoid; `head` or `backbone`, 1 / (1 + L2) of these features
            (Sec. 3.2).
        all_levels: Test at the other levels, too.
        frozen_fraction: Share of the backbone's parameters, from the input, that are not trained (Table 3).
        weights: A file to start the backbone from.
        start_from: A checkpoint of this method to go on from, head included (Table 3, "Base").
        input_size: (H, W); default: the size of the weights, or 112x112.
        **kwargs: As for `FaceMethod`.

    Raises:
        UserError: The share is not within [0, 1].
    """

    training_only: ClassVar[tuple[str, ...]] = ()
    batches: ClassVar[Mapping[str, Any]] = {"pair_draw": UniformDraw(hardest_of=2), "masking": DE()}

    def __init__(
        self,
        backbone: str = "resnet50",
        head_dim: int = 512,
        distance: Distance = "absolute",
        level: Level = "backbone",
        all_levels: bool = False,
        frozen_fraction: float = 0.0,
        weights: str | None = None,
        start_from: str | None = None,
        input_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= frozen_fraction <= 1:
            raise UserError(f"model.frozen_fraction {frozen_fraction}: expected a share between 0 and 1")
        self.backbone = create_backbone(backbone, None, weights, input_size)
        self.head = nn.Sequential(nn.Linear(self.backbone.embedding_dim, head_dim), nn.Sigmoid())
        self.distance = DISTANCES[distance]
        self.output = nn.Linear(1 if distance == "l2" else head_dim, 1)
        self.level = level
        self.all_levels = all_levels
        if start_from is not None:
            self.go_on_from(start_from)
        freeze_first(self.backbone, frozen_fraction)

    def embed(self, images: Tensor) -> Features:
        """(B, 3, H, W) to `backbone`, (B, C), and `head`, (B, D)."""
        features = self.backbone(images)
        return {"backbone": features.float(), "head": self.head(features).float()}

    def logit(self, first: Tensor, second: Tensor) -> Tensor:
        """Head features, (..., D) each, to the output before its sigmoid, (...)."""
        logit: Tensor = self.output(self.distance(first - second)).squeeze(-1)
        return logit.float()

    def similarity(self, probe: Features, gallery: Features) -> Tensor:
        """All pairs, (P, G) in [0, 1], at the method's level."""
        return AtLevel(self, self.level).similarity(probe, gallery)

    def pairwise_similarity(self, first: Features, second: Features) -> Tensor:
        """N pairs row by row, (N,) in [0, 1], at the method's level."""
        return AtLevel(self, self.level).pairwise_similarity(first, second)

    def embedders(self, stage: str) -> Mapping[str, Embedder]:
        """Validation at the output (Sec. 3.4), test at the method's level and, if asked, at the others."""
        if stage == "val":
            return {"": AtLevel(self, "output")}
        others = [level for level in get_args(Level) if self.all_levels and level != self.level]
        return {"": self, **{f"_{level}": AtLevel(self, level) for level in others}}

    def on_train_start(self) -> None:
        """Frozen batch-norms keep their statistics, also where a run goes on in mid-epoch."""
        keep_statistics(self.backbone)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """Binary cross-entropy over the pairs, of each impostor pair the hardest."""
        reference, probe = self.pairs(batch)
        first, second = self.head(self.backbone(batch.image[torch.cat([reference, probe])])).chunk(2)
        logit = self.logit(first, second)
        is_genuine = batch.identity[reference] == batch.identity[probe]
        loss = F.binary_cross_entropy_with_logits(logit, is_genuine.float())
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/accuracy", ((logit > 0) == is_genuine).float().mean())
        return loss

    def pairs(self, batch: FaceBatch) -> tuple[Tensor, Tensor]:
        """The pictures of a batch that are references, (P,), and the probe of each, (P,).

        Raises:
            UserError: The faces do not come in pairs.
        """
        if not batch.pair.numel():
            raise UserError("ContrastiveSiamese trains on pairs: give data.pair_draw, e.g. maskrec.data.UniformDraw")
        count = batch.pair.unique_consecutive(return_counts=True)[1]
        reference = count.cumsum(0) - count
        probe = reference + 1
        if (several := count > 2).any():
            impostors = probe[several, None] + torch.arange(int(count.max()) - 1, device=probe.device)
            probe[several] = self._most_alike(batch.image, reference[several], impostors)
        return reference, probe

    @torch.no_grad()
    def _most_alike(self, image: Tensor, reference: Tensor, impostors: Tensor) -> Tensor:
        """Of the candidates of each reference, pictures (I,) and (I, n), the hardest, (I,)."""
        images = image[torch.cat([reference, impostors.flatten()])]
        # Weights that autocast keeps from here would have no gradient in the training step.
        half = torch.is_autocast_enabled(image.device.type)
        with evaluating(self), torch.autocast(image.device.type, enabled=half, cache_enabled=False):
            head = self.head(self.backbone(images))
            others = head[len(reference) :].unflatten(0, impostors.shape)
            hardest = self.logit(head[: len(reference), None], others).argmax(dim=1, keepdim=True)
        return impostors.gather(1, hardest).squeeze(1)


class AtLevel(NamedTuple):
    """A Siamese network whose embeddings are compared at one level."""

    method: ContrastiveSiamese
    level: Level

    def embed(self, images: Tensor) -> Features:
        """As the network embeds."""
        return self.method.embed(images)

    def similarity(self, probe: Features, gallery: Features) -> Tensor:
        """All pairs, (P, G)."""
        if self.level != "output":
            # In float64: |a|^2 - 2ab + |b|^2 loses half of the digits of near neighbours' distance.
            distance = torch.cdist(probe[self.level].double(), gallery[self.level].double())
            return (1 / (1 + distance)).float()
        faces = gallery["head"]
        some = max(1, NUMBERS_AT_ONCE // max(1, faces.numel()))
        return torch.cat([self.method.logit(rows[:, None], faces).sigmoid() for rows in probe["head"].split(some)])

    def pairwise_similarity(self, first: Features, second: Features) -> Tensor:
        """N pairs row by row, (N,)."""
        if self.level != "output":
            distance: Tensor = torch.linalg.vector_norm(first[self.level] - second[self.level], dim=1)
            return 1 / (1 + distance)
        return self.method.logit(first["head"], second["head"]).sigmoid()
