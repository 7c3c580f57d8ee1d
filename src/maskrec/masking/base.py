"""What every worn mask is: sampled parameters, and a rendering of them."""

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import albumentations as A
import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
Region: TypeAlias = npt.NDArray[np.bool_]


class MaskTransform(A.DualTransform, ABC):
    """Puts a mask on a face; an albumentations transform, usable on its own in `A.Compose`.

    Given `mask=`, an array of zeros, the call returns in it the region of the worn mask as ones.
    `sample` draws a plain value, `render` draws a picture from it, so that any masked face can be drawn again.

    Args:
        p: Probability that a face gets a mask.
    """

    def __init__(self, p: float = 1.0) -> None:
        super().__init__(p=p)

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Any:
        """Draw the parameters of one mask."""

    @abstractmethod
    def render(self, image: Image, parameters: Any) -> tuple[Image, Region]:
        """Draw the mask: (H, W, 3) RGB to the masked image and its mask region, (H, W)."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Sample once, render once: both targets below are read from here."""
        image, region = self.render(data["image"], self.sample(self.random_generator))
        return {"rendered": image, "region": region}

    def apply(self, img: Image, rendered: Image, **params: Any) -> Image:
        """The masked image."""
        return rendered

    def apply_to_mask(self, mask: npt.NDArray[Any], region: Region, **params: Any) -> npt.NDArray[Any]:
        """The given array, 1 where the mask is worn."""
        return np.where(region, np.ones_like(mask), mask)

    def apply_to_keypoints(self, keypoints: npt.NDArray[Any], **params: Any) -> npt.NDArray[Any]:
        """Landmarks stay where they are under a mask."""
        return keypoints
