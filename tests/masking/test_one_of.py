"""A mask of any of several kinds."""

import numpy as np
import pytest

from maskrec.errors import UserError
from maskrec.masking import DE, KPCVX, NIST, OneOf
from maskrec.masking.base import Face


def test_kinds_are_drawn_by_their_weights_and_drawn_as_they_are(portrait: Face) -> None:
    image, landmarks = portrait
    masking = OneOf([NIST(), KPCVX()], weights=[3, 1])
    drawn = [masking.sample(np.random.default_rng(seed)) for seed in range(400)]
    assert 0.7 < np.mean([of.kind == 0 for of in drawn]) < 0.8
    for of in drawn[:20]:
        expected, region = masking.kinds[of.kind].render(image, landmarks, of.parameters)
        masked, where = masking.render(image, landmarks, of)
        assert np.array_equal(masked, expected)
        assert np.array_equal(where, region)
        assert region.any()


@pytest.mark.parametrize("weights", [[1], [1, 0]])
def test_a_weight_for_each(weights: list[float]) -> None:
    with pytest.raises(UserError, match="a weight above 0 for each"):
        OneOf([DE(), NIST()], weights)
    with pytest.raises(UserError, match="expected kinds"):
        OneOf([])
