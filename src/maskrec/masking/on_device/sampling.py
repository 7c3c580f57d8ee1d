"""What a worker does for masks that the device draws: it says which faces wear one, and what the mask is like."""

from collections.abc import Callable
from typing import Any, NamedTuple

import albumentations as A
import numpy as np
from torch import nn

from maskrec.errors import UserError
from maskrec.masking.base import MaskTransform
from maskrec.masking.gan import BatchedIAMGAN, IAMGANMask
from maskrec.masking.mg import MG
from maskrec.masking.on_device.parameters import NUM_PARAMETERS, Row, encode
from maskrec.masking.on_device.render import BatchedMG

PARAMETERS = "mask_parameters"  # of a row among what goes through `A.Compose`


class Kind(NamedTuple):
    """How a kind of mask gets to the device."""

    length: int
    """Numbers a row."""
    encode: Callable[[Any, Any], Row]
    """A masking and what it sampled, to a row."""
    drawing: Callable[[Any], nn.Module]
    """A masking to what `wear`s a batch."""


KINDS: dict[type[MaskTransform], Kind] = {
    MG: Kind(NUM_PARAMETERS, lambda masking, parameters: encode(parameters, masking.styles), BatchedMG),
    IAMGANMask: Kind(1, lambda _masking, _parameters: np.ones(1, dtype=np.float32), BatchedIAMGAN),
}


class SampleMask(A.BasicTransform):
    """Draws what `masking` would wear, and leaves the picture as it is.

    In the place of `masking` in an `A.Compose` it draws the same masks for the same faces. A row under `PARAMETERS`,
    NaN for no mask, is replaced by what was drawn.

    Args:
        masking: The mask that is drawn on the device.

    Raises:
        UserError: It is none that can be.
    """

    def __init__(self, masking: MaskTransform | None) -> None:
        kind = KINDS.get(type(masking)) if masking is not None else None
        if masking is None or kind is None:
            known = " or ".join(known.__name__ for known in KINDS)
            given = type(masking).__name__ if masking else "none"
            raise UserError(f"data.masking_on_device: a mask drawn there is {known}; data.masking is {given}")
        super().__init__(p=masking.p)
        self.masking = masking
        self.needs_landmarks = masking.needs_landmarks
        self.unworn = np.full(kind.length, np.nan, dtype=np.float32)

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """What is not named here is not touched."""
        return {PARAMETERS: self.apply_to_parameters}

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Sample once."""
        return {"row": KINDS[type(self.masking)].encode(self.masking, self.masking.sample(self.random_generator))}

    def apply_to_parameters(self, parameters: Row, row: Row, **params: Any) -> Row:
        """What was drawn."""
        return row

    def drawing(self) -> nn.Module:
        """What draws the masks on a batch, by `wear`."""
        return KINDS[type(self.masking)].drawing(self.masking)
