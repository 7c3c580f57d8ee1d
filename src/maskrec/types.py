"""The values that pass between data, methods and evaluation."""

from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

Embedding: TypeAlias = Any
"""A tensor, or any nesting of tuples, lists and dicts of tensors, each with one row a face."""


class FaceBatch(NamedTuple):
    """Faces on their way from a loader to a method.

    B: faces in the batch, H x W: image size in pixels.
    """

    image: Tensor
    """(B, 3, H, W) RGB; uint8 in a loader, float in [-1, 1] once on the device."""
    identity: Tensor
    """(B,) int64, the number of the identity in its set."""
    is_masked: Tensor
    """(B,) bool, whether the face wears a mask."""
    row: Tensor
    """(B,) int64, the row of the face in its set."""
    landmarks: Tensor
    """(B, 96, 2) float32, x and y in pixels of the image, as `masking.layout` numbers them; those of a picture that
    was mirrored are numbered anew. NaN where neither masks nor augmentation need them."""
    mask_parameters: Tensor = torch.empty(0)
    """(B, N) float32, the masks still to be drawn on the device, as `masking.on_device` writes them, NaN where a face
    gets none; (B, 0) where workers draw masks."""
    pair: Tensor = torch.empty(0)
    """(B,) int64, where faces come in pairs, the number of the pair, rising: the first face of each is its reference,
    the others are probes; (B, 0) elsewhere."""


class SegmentationBatch(NamedTuple):
    """Masked faces with the region of the mask.

    B: faces in the batch, H x W: image size in pixels.
    """

    image: Tensor
    """(B, 3, H, W) RGB; uint8 in a loader, float in [-1, 1] once on the device."""
    region: Tensor
    """(B, H, W) bool, where the mask is."""


class UnpairedBatch(NamedTuple):
    """Full faces, and masked faces of anybody.

    B: faces of each kind, H x W: image size in pixels.
    """

    image: Tensor
    """(B, 3, H, W) RGB of full faces; uint8 in a loader, float in [-1, 1] once on the device."""
    identity: Tensor
    """(B,) int64, whose they are."""
    masked: Tensor
    """(B, 3, H, W) of masked faces, alike."""


class Embedder(Protocol):
    """Whatever embeds faces and knows how two embeddings compare."""

    def embed(self, images: Tensor) -> Embedding:
        """(B, 3, H, W) in [-1, 1] to an embedding of B rows."""

    def similarity(self, probe: Embedding, gallery: Embedding) -> Tensor:
        """Scores of all P x G pairs, (P, G), higher = more alike."""

    def pairwise_similarity(self, first: Embedding, second: Embedding) -> Tensor:
        """Scores of N pairs row by row, (N,), higher = more alike."""
