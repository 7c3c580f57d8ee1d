"""IAMGAN's masks: drawn by a generator that was trained to.

Geng et al., "Masked Face Recognition with Generative Data Augmentation and Domain Constrained Ranking" (ACM MM 2020),
Sec. 4.1. Needs no landmarks. A generator draws the whole picture anew: what is not mask changes a little, too.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskrec.errors import UserError
from maskrec.masking.base import Image, MaskTransform, Points, Region
from maskrec.networks import ResNetGenerator, UNet, read_network
from maskrec.types import FaceBatch
from maskrec.weight_files import find_weights, read_file

STRIDE = 4  # of the generator: sides are padded to multiples of it
PIXELS_AT_ONCE = 64 * 112 * 112  # a face of 112 x 112 takes some 30 MB while it is drawn


class IAMGANMask(MaskTransform):
    """Masks of a trained IAMGAN; in training drawn in batches, on the device, after the augmentation.

    Args:
        weights: A checkpoint of `IAMGAN`.
        p: Probability that a face gets a mask.

    Raises:
        UserError: There is no such file.
    """

    needs_landmarks: ClassVar[bool] = False
    always_on_device: ClassVar[bool] = True

    def __init__(self, weights: str, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.weights = str(find_weights(weights))

    def sample(self, rng: np.random.Generator) -> tuple[()]:
        """Nothing: the face alone says which mask it gets."""
        return ()

    def render(self, image: Image, landmarks: Points, parameters: tuple[()]) -> tuple[Image, Region]:
        """Draw (H, W, 3) anew, on the CPU; the region is the one that S finds."""
        masked, regions = self._drawing(torch.from_numpy(image.transpose(2, 0, 1).copy())[None])
        return masked[0].numpy().transpose(1, 2, 0).copy(), regions[0].numpy()

    @cached_property
    def _drawing(self) -> "BatchedIAMGAN":
        return BatchedIAMGAN(self)


class BatchedIAMGAN(nn.Module):
    """Draws the masks of `IAMGANMask` on batches of faces.

    A generator knows masks at one scale: faces are drawn on at the size of those it was trained on, which its
    checkpoint tells. Of a larger face what is no mask stays as it is, as sharp as it was.

    B: faces, H x W: image size in pixels.

    Args:
        masking: Names the weights.

    Raises:
        UserError: They are not those of an IAMGAN.
    """

    def __init__(self, masking: IAMGANMask) -> None:
        super().__init__()
        self.generator = read_network(ResNetGenerator, masking.weights, "generators.full_to_masked.", "IAMGAN")
        self.segmenter = read_network(UNet, masking.weights, "segmenter.", "IAMGAN")
        content = read_file(find_weights(masking.weights), mmap=True)
        self.trained_at: tuple[int, int] | None = content.get("iamgan", {}).get("image_size")

    def wear(self, batch: FaceBatch) -> FaceBatch:
        """The batch with the masks drawn that it carries."""
        images, is_masked = batch.image.clone(), batch.is_masked.clone()
        worn = batch.mask_parameters.isfinite().all(dim=1).nonzero()[:, 0]
        height, width = self.trained_at or images.shape[2:]
        for rows in worn.split(max(PIXELS_AT_ONCE // (height * width), 1)):
            images[rows], _ = self._draw(images[rows], find_regions=False)
            is_masked[rows] = True
        return batch._replace(image=images, is_masked=is_masked)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Draw a mask on each face.

        Args:
            images: (B, 3, H, W) RGB, uint8.

        Returns:
            The masked images, and the regions in which S finds the masks, (B, H, W).

        Raises:
            UserError: The images are no such pictures.
        """
        masked, regions = self._draw(images, find_regions=True)
        assert regions is not None
        return masked, regions

    @torch.inference_mode()
    def _draw(self, images: Tensor, find_regions: bool) -> tuple[Tensor, Tensor | None]:
        """As `forward`; S, as slow as the generator, is asked where its regions are wanted or shape the picture."""
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise UserError(f"masks need RGB pictures, uint8 (B, 3, H, W); got {images.dtype} {tuple(images.shape)}")
        size = images.shape[2:]
        height, width = self.trained_at or size
        larger = height < size[0] or width < size[1]
        given, regions = images / 127.5 - 1, None
        faces = F.pad(_resized(given, (height, width)), (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        with _autocast(images.device):
            drawn = self.generator(faces)
            if find_regions or larger:
                regions = (self.segmenter(drawn) > 0)[:, None, :height, :width]
                regions = _resized(regions.float(), size)[:, 0] > 0.5
        drawn = _resized(drawn.float()[..., :height, :width], size)
        if larger:
            assert regions is not None
            drawn = torch.where(regions[:, None], drawn, given)
        return ((drawn + 1) * 127.5).round().clamp(0, 255).to(torch.uint8), regions


def _resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    if maps.shape[2:] == (*size,):
        return maps
    return F.interpolate(maps, [*size], mode="bilinear", antialias=True)


def _autocast(device: torch.device) -> torch.autocast | nullcontext[None]:
    """Half precision where it is quicker: within a grey level of fp32."""
    if device.type != "cuda":
        return nullcontext()
    return torch.autocast("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16)
