"""DE, the erased lower face."""

import albumentations as A
import numpy as np
import pytest

from maskrec.masking import DE, MaskTransform

IMAGE = np.full((100, 80, 3), 200, dtype=np.uint8)
KINDS: list[MaskTransform] = [DE()]


def test_the_lower_40_percent_is_black() -> None:
    seen = DE()(image=IMAGE, mask=np.zeros((100, 80), dtype=np.uint8))
    assert (seen["image"][60:] == 0).all()
    assert (seen["image"][:60] == 200).all()
    assert seen["mask"][60:].all()
    assert not seen["mask"][:60].any()
    assert (IMAGE == 200).all()  # the input is left alone


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_a_mask_can_be_drawn_again(kind: MaskTransform) -> None:
    parameters = kind.sample(np.random.default_rng(3))
    first, second = (kind.render(IMAGE, np.zeros((96, 2), np.float32), parameters) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert first[1].any()


def test_it_works_in_a_compose_with_landmarks() -> None:
    compose = A.Compose([DE(), A.HorizontalFlip(p=1)], keypoint_params=A.KeypointParams("xy"))
    seen = compose(image=IMAGE, mask=np.zeros((100, 80), dtype=np.uint8), keypoints=[(10.0, 20.0)])
    assert (seen["image"][60:] == 0).all()
    assert seen["mask"][60:].all()
    np.testing.assert_allclose(seen["keypoints"], [[69, 20]])  # moved by the flip alone


def test_the_share_of_masked_faces_is_p() -> None:
    compose = A.Compose([DE(p=0.3)], seed=0)
    masked = [compose(image=IMAGE, mask=np.zeros((100, 80), dtype=np.uint8))["mask"].any() for _ in range(500)]
    assert 0.24 < np.mean(masked) < 0.36
