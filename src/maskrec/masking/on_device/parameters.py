"""The parameters of masks as one row of numbers each: a worker draws them, the device draws the masks."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import albumentations as A
import numpy as np
import numpy.typing as npt
from torch import Tensor

from maskrec.masking.mg import MG, MGParameters

Row = npt.NDArray[np.float32]

NUM_PARAMETERS = 12  # number of the style, three colours, shift
PARAMETERS = "mask_parameters"  # of a row among what goes through `A.Compose`


class MGRows(NamedTuple):
    """The parameters of B masks."""

    style: Tensor
    """(B,) int64, the number of its name in `MG.styles`."""
    colours: Tensor
    """(B, 3, 3) RGB of fabric, pattern and trim."""
    shift: Tensor
    """(B, 2) as in `MGParameters`."""


def encode(parameters: MGParameters, styles: tuple[str, ...]) -> Row:
    """One mask as (12,) numbers; styles as `MG.styles`."""
    colours = [level for colour in parameters.colours for level in colour]
    return np.array([styles.index(parameters.style), *colours, *parameters.shift], dtype=np.float32)


def decode(rows: Tensor) -> MGRows:
    """(B, 12) numbers as what they say."""
    return MGRows(rows[:, 0].long(), rows[:, 1:10].unflatten(1, (3, 3)), rows[:, 10:])


class SampleMG(A.BasicTransform):
    """Draws what `masking` would wear, and leaves the picture as it is.

    In the place of `masking` in an `A.Compose` it draws the same masks for the same faces. A row under `PARAMETERS`,
    NaN for no mask, is replaced by what was drawn.

    Args:
        masking: The mask that is drawn on the device.
    """

    needs_landmarks: ClassVar[bool] = True

    def __init__(self, masking: MG) -> None:
        super().__init__(p=masking.p)
        self.masking = masking

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """What is not named here is not touched."""
        return {PARAMETERS: self.apply_to_parameters}

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Sample once."""
        return {"row": encode(self.masking.sample(self.random_generator), self.masking.styles)}

    def apply_to_parameters(self, parameters: Row, row: Row, **params: Any) -> Row:
        """What was drawn."""
        return row
