"""What every worn mask is: sampled parameters, and a rendering of them."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeAlias

import albumentations as A
import numpy as np
import numpy.typing as npt

from maskrec.errors import UserError
from maskrec.masking.layout import CENTRES, MIRROR, NUM_LANDMARKS

Image: TypeAlias = npt.NDArray[np.uint8]
Region: TypeAlias = npt.NDArray[np.bool_]
Points: TypeAlias = npt.NDArray[np.float32]
Face: TypeAlias = tuple[Image, Points]
"""(H, W, 3) RGB, and its landmarks, (96, 2) x, y in pixels."""

SMALLEST = 16  # pixels a side, below which a picture is no face

# How landmarks go through `A.Compose`: those outside the picture stay, for a mask may reach there.
KEYPOINTS = A.KeypointParams(format="xy", remove_invisible=False)


class MaskTransform(A.DualTransform, ABC):
    """Puts a mask on a face; an albumentations transform, usable on its own in `A.Compose`.

    Landmarks are keypoints, (96, 2) as `masking.layout` numbers them: `A.Compose([...], keypoint_params=KEYPOINTS)`.
    What stands before the mask moves them along, and a mirrored face is seen to be one.
    Given `mask=`, an array of zeros, the call returns in it the region of the worn mask as ones.
    `sample` draws a plain value, `render` draws a picture from it, so that any masked face can be drawn again.

    Args:
        p: Probability that a face gets a mask.
    """

    needs_landmarks: ClassVar[bool] = True
    always_on_device: ClassVar[bool] = False
    """Whether training draws it on the device in any case, as workers would be too slow."""

    def __init__(self, p: float = 1.0) -> None:
        super().__init__(p=p)

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Any:
        """Draw the parameters of one mask."""

    @abstractmethod
    def render(self, image: Image, landmarks: Points, parameters: Any) -> tuple[Image, Region]:
        """Draw the mask.

        Args:
            image: (H, W, 3) RGB; not changed.
            landmarks: (96, 2) x, y in pixels; NaN where there are none and none are needed.
            parameters: What `sample` drew.

        Returns:
            The masked image, and the region that was drawn on, (H, W).
        """

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Sample once, render once: both targets below are read from here."""
        image = data["image"]
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < SMALLEST:
            raise UserError(
                f"a mask needs an RGB picture, uint8 (H, W, 3) of at least {SMALLEST} pixels a side; "
                f"got {image.dtype} {image.shape}"
            )
        landmarks = np.full((NUM_LANDMARKS, 2), np.nan, dtype=np.float32)
        given = np.asarray(data.get("keypoints", landmarks[:0]), dtype=np.float32)[:, :2]
        if self.needs_landmarks or (given.shape == landmarks.shape and np.isfinite(given).all()):
            landmarks = unmirrored(given)
        image, region = self.render(image, landmarks, self.sample(self.random_generator))
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


def unmirrored(landmarks: Points) -> Points:
    """Landmarks with left and right as the layout has them, whether or not the picture was mirrored.

    Raises:
        UserError: They are not 96 finite points.
    """
    if landmarks.shape != (NUM_LANDMARKS, 2) or not np.isfinite(landmarks).all():
        finite = np.isfinite(landmarks).all(axis=-1).sum()
        raise UserError(f"a mask needs {NUM_LANDMARKS} finite landmarks as keypoints, got {finite}")
    (right_x, right_y), (left_x, left_y), (chin_x, chin_y) = (CENTRES @ landmarks).tolist()
    is_mirrored = (left_x - right_x) * (chin_y - right_y) < (left_y - right_y) * (chin_x - right_x)
    return landmarks[MIRROR] if is_mirrored else landmarks
