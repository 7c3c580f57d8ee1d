"""What a face looks like once it was masked and augmented, and where its landmarks are then."""

import os
from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
import torch

from maskrec import UserError
from maskrec.data import Draw, EvaluationFaces, TrainingFaces, index_faces
from maskrec.data.datasets import collate_sides
from maskrec.data.images import fit_image, fit_points
from maskrec.data.landmarks import read_landmarks
from maskrec.data.texts import Texts
from maskrec.masking import DE, MaskTransform
from maskrec.masking.base import Image, Points, Region
from maskrec.masking.layout import MIRROR
from maskrec.types import FaceBatch

RIGHT_EYE_CORNER = 36


class Dot(MaskTransform):
    """Paints the pixel of one landmark, and no other, white; the rest becomes black."""

    def __init__(self, landmark: int = RIGHT_EYE_CORNER, p: float = 1.0) -> None:
        super().__init__(p=p)
        self.landmark = landmark

    def sample(self, rng: np.random.Generator) -> None:
        """Nothing is random."""

    def render(self, image: Image, landmarks: Points, parameters: None) -> tuple[Image, Region]:
        x, y = landmarks[self.landmark].round().astype(int)
        region = np.zeros(image.shape[:2], dtype=bool)
        region[y, x] = True
        return (region[..., None] * np.full(3, 255)).astype(np.uint8), region


def training(faces: Path, landmarks: bool = True, **options: Any) -> TrainingFaces:
    index = index_faces(faces)
    found = read_landmarks(faces, index.paths()) if landmarks else None
    return TrainingFaces(index.paths(), index.labels(), landmarks=found, **({"image_size": (112, 112)} | options))


def one(faces: TrainingFaces, draw: Draw = Draw(5, 0)) -> FaceBatch:  # noqa: B008
    face = faces[draw]
    assert isinstance(face, FaceBatch)
    return face


def dot(face: FaceBatch) -> list[float]:
    """x, y of the painted pixel."""
    ((y, x),) = face.image[0].gt(127).nonzero().tolist()
    return [x, y]


@pytest.mark.parametrize(
    ("order", "landmark"),
    [
        ({"masking": Dot()}, 36),
        ({"masking": Dot(), "augmentation": [A.HorizontalFlip(p=1)]}, 45),  # painted, then mirrored: it is the left
        ({"augmentation": [A.HorizontalFlip(p=1), Dot()]}, 36),  # mirrored, then the right one is painted
        ({"masking": Dot(), "augmentation": [A.HorizontalFlip(p=1), A.HorizontalFlip(p=1)]}, 36),
    ],
)
def test_landmarks_follow_the_picture_through_mask_and_mirror(
    drawn_faces: Path, order: dict[str, Any], landmark: int
) -> None:
    face = one(training(drawn_faces, **order))
    assert face.is_masked
    np.testing.assert_allclose(dot(face), face.landmarks[landmark], atol=0.51)
    assert face.landmarks[36, 0] < face.landmarks[45, 0]  # the right eye is on the left
    assert face.landmarks.dtype == torch.float32


def test_a_mirrored_face_has_the_landmarks_of_its_mirror_image(drawn_faces: Path) -> None:
    plain, mirrored = (
        one(training(drawn_faces, augmentation=augmentation)) for augmentation in ([], [A.HorizontalFlip(p=1)])
    )
    assert torch.equal(mirrored.image, plain.image.flip(-1))
    expected = plain.landmarks[MIRROR] * torch.tensor([-1, 1]) + torch.tensor([111, 0])
    torch.testing.assert_close(mirrored.landmarks, expected)


def test_texts_are_as_a_list_of_them() -> None:
    listed = ["", "a/b.jpg", os.fsdecode(b"\xe9.png"), "日本.jpg"]
    texts = Texts(listed)
    assert [*texts] == listed
    assert texts[-1] == listed[-1]
    assert texts[1:3] == listed[1:3]
    assert texts[np.int64(2)] == listed[2]
    assert not Texts([])
    with pytest.raises(IndexError):
        texts[4]


def test_without_landmarks_the_batch_has_none_to_use_by_mistake(drawn_faces: Path) -> None:
    assert one(training(drawn_faces, landmarks=False, masking=DE())).landmarks.isnan().all()
    assert EvaluationFaces(index_faces(drawn_faces).paths(), (32, 32))[0].landmarks.isnan().all()


@pytest.mark.parametrize("size", [(112, 112), (112, 96), (128, 128), (48, 48), (56, 28), (97, 201)])
@pytest.mark.parametrize("shape", [(112, 112), (250, 200), (33, 60)])
def test_points_are_fitted_as_pixels_are(shape: tuple[int, int], size: tuple[int, int]) -> None:
    point = np.array([[shape[1] * 0.48, shape[0] * 0.6]], dtype=np.float32)
    grid = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1)
    blob = 255 * np.exp(-((grid - point) ** 2).sum(axis=-1) / (2 * 2.0**2))
    fitted = fit_image(cv2.merge([blob.astype(np.uint8)] * 3), size)[..., 0].astype(float)
    grid = np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0])), axis=-1)
    centre = (grid * fitted[..., None]).sum(axis=(0, 1)) / fitted.sum()
    np.testing.assert_allclose(fit_points(point, shape, size)[0], centre, atol=0.15)


def test_landmarks_of_an_evaluation_face_are_those_of_the_picture_shown(drawn_faces: Path) -> None:
    paths = index_faces(drawn_faces).paths()
    landmarks = read_landmarks(drawn_faces, paths)
    faces = EvaluationFaces(paths, (56, 48), Dot(), landmarks=landmarks)
    masked = faces[len(paths) + 3]
    np.testing.assert_allclose(dot(masked), masked.landmarks[36], atol=0.51)
    expected = (landmarks.of(3, (112, 112)) + 0.5) / 2 - (4.5, 0.5)  # halved, then 4 columns cut off each side
    np.testing.assert_allclose(masked.landmarks, expected, atol=1e-4)
    assert torch.equal(masked.landmarks, faces[3].landmarks)


def test_a_mask_without_landmarks_says_so(drawn_faces: Path) -> None:
    with pytest.raises(UserError, match="a mask needs 96 finite landmarks as keypoints, got 0"):
        one(training(drawn_faces, landmarks=False, masking=Dot()))


def test_each_transform_draws_on_its_own(tmp_path: Path) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    picture[:8, :8] = 255  # where it ends up shows how the picture was turned
    cv2.imwrite(str(tmp_path / "corner.png"), picture)
    augmentation = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    paths, labels = [str(tmp_path / "corner.png")], np.zeros(1, np.int64)
    faces = TrainingFaces(paths, labels, (20, 20), DE(p=0.5), augmentation)
    shown = [one(faces, Draw(0, epoch)) for epoch in range(400)]
    drawn = [(face.is_masked, face.image[0, :, 0].any(), face.image[0, 0].any()) for face in shown]
    correlation = np.corrcoef(np.array(drawn, dtype=float).T)
    assert (abs(correlation[np.triu_indices(3, 1)]) < 0.15).all()


def test_paired_faces_differ_by_the_mask_alone(drawn_faces: Path) -> None:
    augmentation = [A.HorizontalFlip(), A.RandomBrightnessContrast(p=1), A.Affine(rotate=(-20, 20), p=1)]
    faces = training(drawn_faces, paired=True, masking=DE(), augmentation=augmentation)
    pairs: Any = [faces[Draw(row, 2)] for row in range(8)]
    batch = collate_sides(pairs)
    assert batch.image.shape == (16, 3, 112, 112)
    assert batch.is_masked.tolist() == [False] * 8 + [True] * 8
    assert batch.row.tolist() == [*range(8)] * 2
    assert torch.equal(batch.identity[:8], batch.identity[8:])
    assert torch.equal(batch.landmarks[:8], batch.landmarks[8:])
    unmasked, masked = batch.image[:8], batch.image[8:]
    assert torch.equal(unmasked[:, :, :25], masked[:, :, :25])
    assert (unmasked != masked).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("masking", [None, DE(p=0.5)])
def test_pairs_need_a_mask_on_each_second_face(drawn_faces: Path, masking: MaskTransform | None) -> None:
    with pytest.raises(UserError, match=r"data.paired: .*give data.masking with p 1"):
        training(drawn_faces, paired=True, masking=masking)
