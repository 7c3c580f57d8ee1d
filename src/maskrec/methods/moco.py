"""MoCo v2: a representation learnt from faces alone, with no identity told.

Chen et al., "Improved Baselines with Momentum Contrastive Learning" (2020), after He et al., "Momentum Contrast for
Unsupervised Visual Representation Learning" (CVPR 2020). Seneviratne et al., "Multi-dataset training for masked face
recognition with a contrastive Siamese network", start from it (Sec. 3.4). Two views of each face meet, `data.views: 2`,
of which either may wear a mask; all other faces are negatives, those of the same person, too.

Key batches are shuffled before batch-norm (Sec. 3.3 of MoCo): over the ranks, and in groups within a rank, so that one
process does what several do. Each group has statistics of its own.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn

from maskrec.backbones import create_backbone
from maskrec.distributed import gather_ranks, rank_and_ranks
from maskrec.errors import UserError
from maskrec.losses import InfoNCE, KeyQueue
from maskrec.methods.base import CosineSimilarity, FaceMethod
from maskrec.types import FaceBatch


class MoCoV2(CosineSimilarity, FaceMethod):
    """A query encoder that is trained, and a key encoder that follows it; the former's pooled features embed.

    B: batch of all ranks, b: of this rank, C: channels of the backbone's last map, D: dim of queries and keys.

    Args:
        backbone: Its name; see `maskrec backbones`.
        projection_dim: D.
        queue_length: Keys of earlier batches that are negatives; a multiple of B.
        temperature: Of the loss.
        momentum: Share of its own weights the key encoder keeps each step.
        groups: How many groups with batch-norm statistics of their own the keys of all ranks are split into; a rank
            has one at least. With 1, in one process, nothing keeps the network from telling keys by their batch.
        weights: A file to start the backbone from.
        start_from: A checkpoint of this method to go on from with other faces, queue and key encoder included.
        input_size: (H, W); default: the size of the weights, or 112x112.
        **kwargs: As for `FaceMethod`.

    Raises:
        UserError: There is no group.
    """

    batches: ClassVar[Mapping[str, Any]] = {"views": 2}

    def __init__(
        self,
        backbone: str = "resnet50",
        projection_dim: int = 128,
        queue_length: int = 65536,
        temperature: float = 0.2,
        momentum: float = 0.999,
        groups: int = 4,
        weights: str | None = None,
        start_from: str | None = None,
        input_size: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if groups < 1:
            raise UserError(f"model.groups {groups}: expected 1 or more")
        self.backbone = create_backbone(backbone, None, weights, input_size)
        channels = self.backbone.embedding_dim
        self.projection = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, projection_dim))
        self.key_encoder = deepcopy(nn.Sequential(self.backbone, self.projection)).requires_grad_(False)
        self.queue = KeyQueue(queue_length, projection_dim)
        self.loss = InfoNCE(temperature)
        self.momentum = momentum
        self.groups = groups
        if start_from is not None:
            self.go_on_from(start_from)

    def setup(self, stage: str) -> None:
        """Refuse steps of several batches, between which keys would follow a query network that stands still."""
        super().setup(stage)
        if stage == "fit" and self.trainer.accumulate_grad_batches > 1:
            raise UserError("MoCoV2: trainer.accumulate_grad_batches: expected 1; give data.batch_size more instead")

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to unit rows, (B, C)."""
        return F.normalize(self.backbone(images).float(), dim=1)

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """First views, (b, ...), are queries, second ones keys; the queue then takes the keys of all ranks."""
        first, second = batch.row.tensor_split(2)
        if not torch.equal(first, second):
            raise UserError("MoCoV2 trains on two views of each face: expected data.views 2")
        query_image, key_image = batch.image.chunk(2)
        self._follow()
        keys = self._keys(key_image)
        query = F.normalize(self.projection(self.backbone(query_image)).float(), dim=1)
        rank, ranks = rank_and_ranks()
        loss: Tensor = self.loss(query, keys.chunk(ranks)[rank], self.queue.keys)
        self.queue.push(keys)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    @torch.no_grad()
    def _follow(self) -> None:
        """Keys' k <- m k + (1 - m) q (Eq. 2), of weights alone: batch-norm statistics are each encoder's own."""
        trained = [*self.backbone.parameters(), *self.projection.parameters()]
        get_ema_multi_avg_fn(self.momentum)([*self.key_encoder.parameters()], trained, 0)

    @torch.no_grad()
    def _keys(self, image: Tensor) -> Tensor:
        """Views of this rank, (b, 3, H, W), to the keys of all ranks in their order, (B, D)."""
        images = gather_ranks(image)
        rank, ranks = rank_and_ranks()
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(self.global_step))
        order = order.to(image.device)
        groups = order.chunk(ranks)[rank].chunk(math.ceil(self.groups / ranks))
        keys = [self.key_encoder(images[group].contiguous(memory_format=torch.channels_last)) for group in groups]
        return gather_ranks(F.normalize(torch.cat(keys).float(), dim=1))[order.argsort()]
