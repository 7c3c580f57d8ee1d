"""Augmentation that albumentations does not have as it is needed here."""

from typing import Any

import albumentations as A


class RandomZoom(A.RandomResizedCrop):
    """A random part of the picture, scaled to the size of the whole: SimCLR's crop, for pictures of any size.

    Args:
        scale: Least and greatest share of the picture's area.
        ratio: Least and greatest width over height.
        p: Probability.
    """

    def __init__(
        self, scale: tuple[float, float] = (0.2, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3), p: float = 1.0
    ) -> None:
        super().__init__((1, 1), scale=scale, ratio=ratio, area_for_downscale="image", p=p)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the part, and take the picture's size."""
        self.size = params["shape"][:2]
        part: dict[str, Any] = super().get_params_dependent_on_data(params, data)
        return part
