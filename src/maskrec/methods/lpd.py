"""LPD: a second look at the part of the face that no mask covers.

Ding et al., "Masked Face Recognition with Latent Part Detection" (ACM MM 2020). To the baseline it adds a box that is
learnt, ending at the nose, and the same backbone once more on what lies in it.

As in the authors' public code, the box is found and cut out in the picture itself, not in a map of features, each
branch has a batch-norm of its own, and classifiers have no bias. Beyond the paper: training starts at the full box.
"""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.backbones import create_backbone
from maskrec.errors import UserError
from maskrec.losses import IdentityHead, IdentityLoss, Prior, Softmax, latent_part_loss
from maskrec.methods.base import NO_HEAD, CosineSimilarity, FaceMethod
from maskrec.methods.identity_means import start_from_means
from maskrec.networks import PartLocaliser, resample_box
from maskrec.types import FaceBatch

PICTURE = "input"


class LPD(CosineSimilarity, FaceMethod):
    """L_global + L_partial + lambda L_LPD (Eq. 16); embedded as both branches' features, side by side.

    B: batch, H x W: image size in pixels, D: a branch's features, K: training identities.

    Args:
        backbone: Its name; see `maskrec backbones`.
        embedding_dim: D; None, as in the paper: the last map of features, max-pooled, whatever channels it has.
        num_identities: K, linked from the data when training; without it there are no heads.
        loss: What both heads are trained with, softmax in the paper.
        weights: A file to start the backbone from.
        input_size: (H, W); default: the size of the weights, or 112x112.
        last_stride: Stride of a ResNet's last stage, 1 in the authors' code; see `create_backbone`.
        partial: Whether there is the partial branch; without it this is the paper's Baseline.
        prior_weight: lambda (Sec. 4.2).
        prior: How L_LPD is read; see `latent_part_loss`. None leaves it out, as lambda = 0 does: the spatial
            transformer (STN) of Table 4.
        nose_landmark: Where the box should end, counted from 1; 28 in the paper, between the eyes; 31 is the tip.
        resample: Where the box is found and cut out: `input`, or a layer of the backbone by its name, e.g. `layer1`.
        localiser_rate: Learning rate of the localiser over that of all others; the paper does not say. The box runs out
            of the picture where L_partial moves it faster than L_LPD brings it back.
        start_from_means: As for `FaceClassifier`, of each branch.
        **kwargs: As for `FaceMethod`.

    Raises:
        UserError: The backbone has no such layer, or one that gives no map of features.
    """

    training_only: ClassVar[tuple[str, ...]] = ("global_branch.head.", "partial_branch.head.")

    batches: ClassVar[Mapping[str, Any]] = {"landmarks": True}

    def __init__(
        self,
        backbone: str = "resnet50",
        embedding_dim: int | None = None,
        num_identities: int | None = None,
        loss: IdentityLoss | None = None,
        weights: str | None = None,
        input_size: tuple[int, int] | None = None,
        last_stride: Literal[1, 2] = 2,
        partial: bool = True,
        prior_weight: float = 1.0,
        prior: Prior | None = "mean",
        nose_landmark: int = 28,
        resample: str = PICTURE,
        localiser_rate: float = 1.0,
        start_from_means: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = create_backbone(backbone, embedding_dim, weights, input_size, "max", last_stride)
        self.prior_weight = prior_weight
        self.prior = prior
        self.nose_landmark = nose_landmark
        self.resample = resample
        self.localiser_rate = localiser_rate
        self.start_from_means = start_from_means
        branch, loss = (self.backbone.embedding_dim, num_identities), loss or Softmax()
        self.global_branch = Branch(*branch, loss)
        self.partial_branch = Branch(*branch, copy.deepcopy(loss)) if partial else None  # a loss may count its steps
        self.localiser = PartLocaliser(self._map_size()) if partial else None

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """(B, 3, H, W) to the features of each branch, (B, D), and theta, (B, 4), where there is a partial one."""
        seen, features = self._look(images)
        if self.localiser is None:
            theta, looks = None, [features]
        else:
            theta = self.localiser(seen)
            looks = [features, self._look(images, theta)[1]]
        return [branch.norm(look) for branch, look in zip(self._branches(), looks, strict=True)], theta

    def _look(self, images: Tensor, theta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What a box is cut out of, (B, C, H', W'), and the features, (B, D), of the whole or of the box theta."""
        if self.resample == PICTURE:
            images = images if theta is None else resample_box(images, theta)
            return images, self.backbone(images)
        seen: list[Tensor] = []

        def cut(_layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            seen.append(output)
            return output if theta is None else resample_box(output, theta)

        with self.backbone.get_submodule(self.resample).register_forward_hook(cut):
            features = self.backbone(images)
        return seen[0], features

    def _map_size(self) -> tuple[int, int]:
        """(H', W') of what the box is cut out of."""
        if self.resample == PICTURE:
            return self.backbone.input_size
        if self.resample not in dict(self.backbone.named_modules()):
            raise UserError(f"model.resample '{self.resample}': expected 'input' or a layer of the backbone")
        with torch.no_grad():
            seen, _ = self.eval()._look(torch.zeros(1, 3, *self.backbone.input_size))
        self.train()
        if seen.ndim != 4:
            raise UserError(f"model.resample '{self.resample}': {tuple(seen.shape[1:])} a face is no map of features")
        return seen.shape[2], seen.shape[3]

    def _branches(self) -> "list[Branch]":
        return [branch for branch in (self.global_branch, self.partial_branch) if branch is not None]

    def embed(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to unit rows, (B, 2 D)."""
        return F.normalize(torch.cat(self(images)[0], dim=1).float(), dim=1)

    def on_fit_start(self) -> None:
        """Set the heads' weights, if asked to."""
        heads = [branch.head for branch in self._branches() if branch.head is not None]
        if self.start_from_means and heads:
            start_from_means(self, heads, lambda images: [F.normalize(x.float(), dim=1) for x in self(images)[0]])

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The localiser at a rate of its own."""
        if self.localiser is None:
            return super().parameter_groups()
        own = list(self.localiser.parameters())
        (group,) = super().parameter_groups()
        shared = [parameter for parameter in group["params"] if not any(parameter is other for other in own)]
        return [{"params": shared}, {"params": own, "rate": self.localiser_rate}]

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """L_global + L_partial + lambda L_LPD, each logged as it is summed."""
        features, theta = self(batch.image)
        terms: dict[str, Tensor] = {}
        for name, branch, look in zip(("global", "partial"), self._branches(), features, strict=False):
            if branch.head is None:
                raise UserError(NO_HEAD)
            terms[name] = branch.head(look, batch.identity)
        if theta is not None and self.prior is not None and self.prior_weight:
            terms["LPD"] = self.prior_weight * self._prior_loss(theta, batch, self.prior)
        return self.log_loss(terms)

    def _prior_loss(self, theta: Tensor, batch: FaceBatch, prior: Prior) -> Tensor:
        pixels = batch.image.shape[2]
        nose = (batch.landmarks[:, self.nose_landmark - 1, 1] + 0.5) / pixels  # a pixel's centre is at whole numbers
        if not self.global_step and nose.isnan().any():
            raise UserError("LPD's prior needs landmarks, and the batch has none: set data.init_args.landmarks to true")
        _, _, height, top = theta.unbind(dim=1)
        return latent_part_loss(height, top, nose, pixels, prior)


class Branch(nn.Module):
    """What is a branch's own: a batch-norm, and a classifier while training.

    Args:
        dim: D.
        num_identities: K; without it there is no classifier.
        loss: What the classifier is trained with.
    """

    def __init__(self, dim: int, num_identities: int | None, loss: IdentityLoss) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        # 0.001: the authors' public code.
        self.head = None if num_identities is None else IdentityHead(dim, num_identities, loss, std=0.001)
