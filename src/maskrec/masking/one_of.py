"""A mask of any of several kinds: what is trained on one kind alone learns that kind."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from maskrec.errors import UserError
from maskrec.masking.base import Image, MaskTransform, Points, Region


class OneOfParameters(NamedTuple):
    """One mask."""

    kind: int
    """Its number among the kinds."""
    parameters: Any
    """What that kind drew."""


class OneOf(MaskTransform):
    """A mask of one of several kinds, drawn anew for each face; landmarks are needed, whichever kinds there are.

    Args:
        kinds: What is drawn from; their own p plays no part.
        weights: How often each is drawn, relative to the others; default: all alike.
        p: Probability that a face gets a mask.

    Raises:
        UserError: There is no kind, or not a positive weight for each.
    """

    def __init__(self, kinds: list[MaskTransform], weights: Sequence[float] | None = None, p: float = 1.0) -> None:
        super().__init__(p=p)
        weights = [1.0] * len(kinds) if weights is None else weights
        if not kinds or len(weights) != len(kinds) or min(weights) <= 0:
            raise UserError(f"OneOf: expected kinds, and a weight above 0 for each; got {len(kinds)}, {list(weights)}")
        self.kinds = kinds
        self.weights = weights

    def sample(self, rng: np.random.Generator) -> OneOfParameters:
        """Draw the kind, then what it draws."""
        kind = int(rng.choice(len(self.kinds), p=np.array(self.weights) / sum(self.weights)))
        return OneOfParameters(kind, self.kinds[kind].sample(rng))

    def render(self, image: Image, landmarks: Points, parameters: OneOfParameters) -> tuple[Image, Region]:
        """Draw it in (H, W, 3)."""
        return self.kinds[parameters.kind].render(image, landmarks, parameters.parameters)
