"""Balanced Feature Matching: whole faces are compared by one network, and pairs with a mask by another.

Huang, Tsao and Chen, "Robust Masked Face Recognition via Balanced Feature Matching". To the baseline it adds a second
extractor, E_P, trained on each face without and with a mask to give the same features for both, and a small
classifier, C, that says of each face whether it wears a mask: where neither of a pair does, the features of E_F are
compared, else those of E_P. Batches hold each face in both ways: `data.paired`.

Where the paper is silent: s = 64 and m = 0.5 are ArcFace's own, the gradient of L_guided goes to both sides, and C and
E_P see both kinds of faces in one batch, with common statistics of batch-norm.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.backbones import create_backbone
from maskrec.errors import UserError
from maskrec.evaluation import Evaluation, MaskClassification
from maskrec.losses import ArcFace, IdentityHead, IdentityLoss, guided_perceptual_loss, mask_loss
from maskrec.masking import DE
from maskrec.methods.base import NO_HEAD, FaceMethod
from maskrec.methods.identity_means import start_from_means
from maskrec.networks import MaskClassifier
from maskrec.types import FaceBatch

Routing = Literal["classifier", "label", "full", "partial"]
Measure = Literal["l2", "cosine"]


class BalancedEmbedding(NamedTuple):
    """What two faces are compared by; B: faces, D: embedding dim."""

    partial: Tensor
    """(B, D) features of E_P."""
    full: Tensor
    """(B, D) features of E_F; zero where `is_masked`: there they are never asked for."""
    mask_probability: Tensor
    """(B,) that the face wears a mask, as C has it."""
    is_masked: Tensor
    """(B,) bool, what pairs are routed by."""


class BalancedMatching(FaceMethod):
    """L_mask + L_guided + L_arc^full + L_arc^partial (Eq. 7), and pairs routed by what C says.

    B: pairs in a batch, H x W: image size in pixels, D: embedding dim, K: training identities.

    Args:
        backbone: Of E_F and E_P, each with its own weights; see `maskrec backbones`. The paper's ResNet-50 of 6.3 G
            multiply-adds is ArcFace's.
        embedding_dim: D (Table I).
        num_identities: K, linked from the data when training; without it there are no heads.
        loss: What both heads are trained with, ArcFace in the paper (Eqs. 2 and 5).
        weights: A file to start both extractors from.
        input_size: (H, W); default: the size of the weights, or 112x112.
        routing: What calls a face masked: C (`classifier`); the label given to `embed` (`label`, an oracle); nothing,
            so that all pairs are compared by E_F (`full`); or everything, by E_P (`partial`).
        measure: The score of two features: `l2`, minus their squared distance (Sec. IV-B), or `cosine`, which orders
            pairs as the distance of features of length 1 does.
        start_from_means: As for `FaceClassifier`, of both heads.
        **kwargs: As for `FaceMethod`.
    """

    training_only: ClassVar[tuple[str, ...]] = ("full_head.", "partial_head.")
    batches: ClassVar[Mapping[str, Any]] = {"paired": True, "masking": DE()}

    def __init__(
        self,
        backbone: str = "iresnet50",
        embedding_dim: int = 512,
        num_identities: int | None = None,
        loss: IdentityLoss | None = None,
        weights: str | None = None,
        input_size: tuple[int, int] | None = None,
        routing: Routing = "classifier",
        measure: Measure = "l2",
        start_from_means: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.full_extractor = create_backbone(backbone, embedding_dim, weights, input_size)
        self.partial_extractor = create_backbone(backbone, embedding_dim, weights, input_size)
        self.mask_classifier = MaskClassifier(self.full_extractor.input_size)
        self.routing = routing
        self.measure = measure
        self.start_from_means = start_from_means
        self.full_head: IdentityHead | None = None
        self.partial_head: IdentityHead | None = None
        if num_identities is not None:
            loss = loss or ArcFace()
            self.full_head = IdentityHead(embedding_dim, num_identities, loss)
            # A loss may count its steps: each head has one of its own.
            self.partial_head = IdentityHead(embedding_dim, num_identities, copy.deepcopy(loss))

    def embed(self, images: Tensor, is_masked: Tensor | None = None) -> BalancedEmbedding:
        """(B, 3, H, W) to what pairs are compared by; E_F runs only on faces that are not called masked.

        Args:
            images: (B, 3, H, W) in [-1, 1].
            is_masked: (B,) bool, the labels of `routing="label"`.

        Raises:
            UserError: The labels are missing.
        """
        probability = self.mask_classifier.probability(images)
        is_masked = self._called_masked(probability, is_masked)
        partial = self._features(self.partial_extractor(images))
        full, whole = torch.zeros_like(partial), (~is_masked).nonzero().flatten()
        if len(whole):
            full = full.index_copy(0, whole, self._features(self.full_extractor(images[whole])))
        return BalancedEmbedding(partial, full, probability, is_masked)

    def embed_labelled(self, batch: FaceBatch) -> BalancedEmbedding:
        """With the batch's labels where they are asked for."""
        return self.embed(batch.image, batch.is_masked if self.routing == "label" else None)

    def _called_masked(self, probability: Tensor, label: Tensor | None) -> Tensor:
        if self.routing == "classifier":
            return probability >= 0.5
        if self.routing != "label":
            return torch.full_like(probability, self.routing == "partial", dtype=torch.bool)
        if label is None:
            raise UserError("model.routing label: needs to know who wears a mask, which only test sets tell")
        return label

    def _features(self, features: Tensor) -> Tensor:
        return F.normalize(features.float(), dim=1) if self.measure == "cosine" else features.float()

    def similarity(self, probe: BalancedEmbedding, gallery: BalancedEmbedding) -> Tensor:
        """Scores of all pairs, (P, G), in four blocks: faces without and with a mask on either side."""
        scores = probe.partial.new_empty(len(probe.is_masked), len(gallery.is_masked))
        for probes in (False, True):
            rows = (probe.is_masked == probes).nonzero().flatten()
            for others in (False, True):
                columns = (gallery.is_masked == others).nonzero().flatten()
                one, other = (probe.partial, gallery.partial) if probes or others else (probe.full, gallery.full)
                scores[rows.unsqueeze(1), columns] = self._table(one[rows], other[columns])
        return scores

    def _table(self, probe: Tensor, gallery: Tensor) -> Tensor:
        if self.measure == "cosine":
            return probe @ gallery.T
        # -|p - g|^2 = 2 p g - |p|^2 - |g|^2
        squares = torch.addmm(gallery.square().sum(dim=1), probe, gallery.T, beta=-1, alpha=2)
        return squares.sub_(probe.square().sum(dim=1, keepdim=True))  # in place: another table would cost as much again

    def pairwise_similarity(self, first: BalancedEmbedding, second: BalancedEmbedding) -> Tensor:
        """Scores of N pairs row by row, (N,)."""
        has_mask = (first.is_masked | second.is_masked).unsqueeze(1)
        one, other = (torch.where(has_mask, face.partial, face.full) for face in (first, second))
        return (one * other).sum(dim=1) if self.measure == "cosine" else -(one - other).square().sum(dim=1)

    def extended(self, evaluation: Evaluation) -> Evaluation:
        """With the accuracy of C on all faces, and on those without and with a mask (Table III)."""
        is_masked = evaluation.is_masked
        if is_masked is None:
            return evaluation
        kinds = {"faces": torch.ones_like(is_masked), "unmasked_faces": ~is_masked, "masked_faces": is_masked}
        told = {
            name: MaskClassification(kind.nonzero().flatten(), is_masked, lambda faces: faces.mask_probability)
            for name, kind in kinds.items()
            if kind.any()
        }
        return replace(evaluation, protocols={**evaluation.protocols, **told})

    def networks(self) -> dict[str, nn.Module]:
        """C, and the extractors, of which E_F runs on faces without a mask alone."""
        return {"mask_classifier": self.mask_classifier, **super().networks()}

    def on_fit_start(self) -> None:
        """Set the heads' weights, if asked to."""
        if self.start_from_means and self.full_head is not None and self.partial_head is not None:
            extractors = self.full_extractor, self.partial_extractor
            start_from_means(
                self,
                (self.full_head, self.partial_head),
                lambda images: [F.normalize(extractor(images).float(), dim=1) for extractor in extractors],
            )

    def training_step(self, batch: FaceBatch, batch_idx: int) -> Tensor:
        """The sum of the four losses (Eq. 7), each of which is logged; B faces, then the same with their masks."""
        if self.full_head is None or self.partial_head is None:
            raise UserError(NO_HEAD)
        unmasked, identity = (part.chunk(2)[0] for part in (batch.image, batch.identity))
        partial = self.partial_extractor(batch.image)
        terms = {
            "mask": mask_loss(self.mask_classifier(batch.image), batch.is_masked),
            "guided": guided_perceptual_loss(*partial.chunk(2)),
            "full": self.full_head(self.full_extractor(unmasked), identity),
            "partial": 2 * self.partial_head(partial, batch.identity),  # Eq. 5 adds up both faces of a pair
        }
        return self.log_loss(terms)
