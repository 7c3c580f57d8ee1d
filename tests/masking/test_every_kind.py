"""What holds for every kind of mask."""

import pickle

import albumentations as A
import cv2
import numpy as np
import pytest

from maskrec import masking
from maskrec.errors import UserError
from maskrec.masking import KEYPOINTS, MG, MaskTransform
from maskrec.masking.base import Face
from maskrec.masking.layout import MIRROR

OTHERS = ("MaskTransform", "IAMGANMask", "OneOf")  # none; a whole picture: test_gan.py; several kinds: test_one_of.py
NAMES = [name for name in masking.__all__ if isinstance(getattr(masking, name), type) and name not in OTHERS]
KINDS = [*(pytest.param(getattr(masking, name)(p=1), id=name) for name in NAMES)]
KINDS.append(pytest.param(MG(shading=False), id="MG-flat"))
every_kind = pytest.mark.parametrize("kind", KINDS)


def draw(kind: MaskTransform, portrait: Face, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return kind.render(*portrait, kind.sample(np.random.default_rng(seed)))


@every_kind
def test_a_mask_is_drawn_within_its_region_and_can_be_drawn_again(kind: MaskTransform, portraits: list[Face]) -> None:
    for number, (image, landmarks) in enumerate(portraits[:20]):
        before = image.copy(), landmarks.copy()
        parameters = kind.sample(np.random.default_rng(number))
        masked, region = kind.render(image, landmarks, parameters)
        again = kind.render(image, landmarks, pickle.loads(pickle.dumps(parameters)))
        assert masked.shape == image.shape
        assert masked.dtype == np.uint8
        assert region.shape == image.shape[:2]
        assert region.dtype == bool
        assert region.any()
        np.testing.assert_array_equal(masked[~region], image[~region])
        np.testing.assert_array_equal(masked, again[0])
        np.testing.assert_array_equal(region, again[1])
        np.testing.assert_array_equal(image, before[0])
        np.testing.assert_array_equal(landmarks, before[1])


@every_kind
def test_parameters_follow_from_the_generator_alone(kind: MaskTransform) -> None:
    first, second = ([kind.sample(np.random.default_rng(seed)) for seed in range(5)] for _ in range(2))
    assert first == second


@every_kind
def test_a_mirrored_face_wears_its_mask_in_a_compose(kind: MaskTransform, portrait: Face) -> None:
    image, landmarks = portrait
    blank = np.zeros(image.shape[:2], dtype=np.uint8)
    compose = A.Compose([A.HorizontalFlip(p=1), kind], keypoint_params=KEYPOINTS, seed=4)
    seen = compose(image=image, mask=blank, keypoints=landmarks)
    flipped, region = seen["image"], seen["mask"] > 0
    np.testing.assert_array_equal(flipped[~region], image[:, ::-1][~region])
    assert len(seen["keypoints"]) == 96
    # The kind alone, given the mirrored face as if it had been photographed so.
    mirrored = landmarks.copy()
    mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
    alone = A.Compose([kind], keypoint_params=KEYPOINTS, seed=4)
    photographed = alone(image=image[:, ::-1].copy(), mask=blank, keypoints=mirrored[MIRROR])
    np.testing.assert_array_equal(photographed["image"], flipped)
    np.testing.assert_array_equal(photographed["mask"] > 0, region)


@every_kind
def test_the_share_of_masked_faces_is_p(kind: MaskTransform, portrait: Face) -> None:
    kind = pickle.loads(pickle.dumps(kind))
    kind.p = 0.3
    small = cv2.resize(portrait[0], (28, 28)), portrait[1] / 4
    compose = A.Compose([kind], keypoint_params=KEYPOINTS, seed=0)
    blank = np.zeros((28, 28), dtype=np.uint8)
    masked = [compose(image=small[0], mask=blank, keypoints=small[1])["mask"].any() for _ in range(200)]
    assert 0.2 < np.mean(masked) < 0.4


@every_kind
def test_it_pickles(kind: MaskTransform, portrait: Face) -> None:
    np.testing.assert_array_equal(draw(pickle.loads(pickle.dumps(kind)), portrait)[0], draw(kind, portrait)[0])


@every_kind
@pytest.mark.parametrize("size", [(16, 16), (40, 90), (300, 200)])
def test_any_size(kind: MaskTransform, portrait: Face, size: tuple[int, int]) -> None:
    image = cv2.resize(portrait[0], size)
    landmarks = (portrait[1] * (np.array(size) / portrait[0].shape[0])).astype(np.float32)
    masked, region = draw(kind, (image, landmarks))
    assert region.any()
    np.testing.assert_array_equal(masked[~region], image[~region])


@pytest.mark.parametrize("kind", [MG(), masking.MANMask(p=1), masking.KPSYN(), masking.NIST()], ids=str)
def test_a_photograph_of_12_megapixels(kind: MaskTransform, portrait: Face) -> None:
    image = cv2.resize(portrait[0], (4000, 3000))
    masked, region = draw(kind, (image, (portrait[1] * 3000 / 112).astype(np.float32)))
    assert 0.05 < region.mean() < 0.6
    np.testing.assert_array_equal(masked[~region], image[~region])


EXTREME = {
    "far outside": lambda points: points + np.float32(1e6),
    "above": lambda points: points - np.float32((0, 300)),
    "partly outside": lambda points: points - np.float32((60, 10)),
    "one point": lambda points: np.full_like(points, 50),
    "one line": lambda points: points * np.float32((1, 0)) + np.float32((0, 60)),
    "upright line": lambda points: points * np.float32((0, 1)) + np.float32((60, 0)),
    "huge": lambda points: points * np.float32(1e4) - np.float32(5e5),
    "upside down": lambda points: 111 - points,
    "shuffled": lambda points: np.random.default_rng(0).permutation(points),
}


@every_kind
@pytest.mark.parametrize("change", EXTREME.values(), ids=EXTREME.keys())
def test_landmarks_that_make_no_face(kind: MaskTransform, portrait: Face, change: object) -> None:
    image, landmarks = portrait
    with np.errstate(all="raise", under="ignore"):
        masked, region = draw(kind, (image, change(landmarks)))  # type: ignore[operator]
    np.testing.assert_array_equal(masked[~region], image[~region])


@every_kind
def test_missing_landmarks_are_an_error_or_fall_back(kind: MaskTransform, portrait: Face) -> None:
    compose = A.Compose([kind], keypoint_params=KEYPOINTS)
    bad = portrait[1].copy()
    bad[5] = np.nan
    if kind.needs_landmarks:
        with pytest.raises(UserError, match="96 finite landmarks"):
            kind(image=portrait[0])
        with pytest.raises(UserError, match="got 0"):
            compose(image=portrait[0], keypoints=np.zeros((0, 2)))
    else:
        assert kind(image=portrait[0], mask=np.zeros((112, 112)))["mask"].any()


@every_kind
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((112, 112), np.uint8),
        np.zeros((112, 112, 1), np.uint8),
        np.zeros((112, 112, 4), np.uint8),
        np.zeros((112, 112, 3), np.uint16),
        np.zeros((112, 112, 3), np.float32),
        np.zeros((15, 112, 3), np.uint8),
    ],
    ids=lambda image: f"{image.dtype}-{image.shape}",
)
def test_what_is_no_rgb_picture_is_an_error(kind: MaskTransform, portrait: Face, image: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"RGB picture.*got"):
        A.Compose([kind], keypoint_params=KEYPOINTS)(image=image, keypoints=portrait[1])
