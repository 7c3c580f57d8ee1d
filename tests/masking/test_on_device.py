"""Masks drawn in batches on the device against those that MG draws one by one."""

from pathlib import Path
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
import torch

from data_modules import FaceFolder
from maskrec.data.detection import detect_landmarks
from maskrec.data.generated import draw_face
from maskrec.data.images import read_image
from maskrec.data.landmarks import read_landmarks
from maskrec.errors import UserError
from maskrec.masking import DE, MG
from maskrec.masking.base import Face
from maskrec.masking.mg import MGParameters
from maskrec.masking.on_device import NUM_PARAMETERS, BatchedMG, encode, raster, render
from maskrec.masking.styles import choose
from maskrec.types import FaceBatch


def drawn_parameters(mg: MG, count: int) -> list[MGParameters]:
    """Every style in turn."""
    rng = np.random.default_rng(0)
    return [mg.sample(rng)._replace(style=mg.styles[number % len(mg.styles)]) for number in range(count)]


def on_device(mg: MG, faces: list[Face], parameters: list[MGParameters], device: str = "cpu") -> tuple[Any, Any]:
    """Images (B, H, W, 3) and regions (B, H, W)."""
    images = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _ in faces]))
    landmarks = torch.from_numpy(np.stack([landmarks for _, landmarks in faces]))
    rows = torch.from_numpy(np.stack([encode(row, mg.styles) for row in parameters]))
    masked, regions = BatchedMG(mg).to(device)(images.to(device), landmarks.to(device), rows.to(device))
    return masked.permute(0, 2, 3, 1).cpu().numpy(), regions.cpu().numpy()


def assert_same(
    mg: MG, faces: list[Face], parameters: list[MGParameters], device: str = "cpu", mean: float = 0.05
) -> None:
    """Within two grey levels."""
    masked, regions = on_device(mg, faces, parameters, device)
    one_by_one = [mg.render(*face, row) for face, row in zip(faces, parameters, strict=True)]
    levels = np.stack([np.abs(a.astype(int) - b[0]).max(axis=2) for a, b in zip(masked, one_by_one, strict=True)])
    others = np.stack([a != b[1] for a, b in zip(regions, one_by_one, strict=True)])
    assert (levels > 2).mean(axis=(1, 2)).max() <= 1e-3
    assert (levels > 2).mean() <= 1e-4
    assert levels.mean(axis=(1, 2)).max() <= mean
    assert others.mean(axis=(1, 2)).max() <= 1e-3
    assert others.mean() <= 1e-4


@pytest.fixture(scope="module")
def crowd() -> list[Face]:
    """108 faces of 27 people, turned by up to 45 degrees."""
    drawn = [draw_face(17, number // 4, number % 4) for number in range(108)]
    return [(image, landmarks.astype(np.float32)) for image, landmarks in drawn]


@pytest.mark.parametrize("mg", [MG(), MG(shading=False)], ids=["shaded", "flat"])
def test_masks_are_those_drawn_one_by_one(mg: MG, crowd: list[Face]) -> None:
    parameters = drawn_parameters(mg, len(crowd))
    masked, regions = on_device(mg, crowd, parameters)
    assert regions.mean(axis=(1, 2)).min() > 0.05
    assert np.array_equal(masked[~regions], np.stack([image for image, _ in crowd])[~regions])
    assert_same(mg, crowd, parameters)


def test_a_picture_of_a_folder_is_worn_too(tmp_path: Path, crowd: list[Face]) -> None:
    picture = np.zeros((70, 90, 4), dtype=np.uint8)
    picture[20:60, 15:75] = np.random.default_rng(0).integers(0, 256, (40, 60, 4))
    cv2.imwrite(str(tmp_path / "own.png"), picture)
    np.savetxt(tmp_path / "own.csv", choose("cloth").anchors / 2, delimiter=",")
    mg = MG(styles=("own", "n95"), styles_folder=str(tmp_path))
    assert_same(mg, crowd[:20], drawn_parameters(mg, 20))


@pytest.mark.gpu
def test_masks_on_a_gpu(crowd: list[Face]) -> None:
    assert_same(MG(), crowd, drawn_parameters(MG(), len(crowd)), "cuda")


@pytest.mark.slow
def test_masks_on_real_faces(real_data: Path, tmp_path: Path) -> None:
    pictures = sorted((real_data / "lfw").glob("*/*.jpg"))[::40][:300]
    for number, picture in enumerate(pictures):
        (tmp_path / f"{number:03d}.jpg").symlink_to(picture)
    detect_landmarks(tmp_path)
    paths = sorted(map(str, tmp_path.glob("*.jpg")))
    landmarks = read_landmarks(tmp_path, paths)
    images = [read_image(path) for path in paths]
    faces = [(image, landmarks.of(row, image.shape)) for row, image in enumerate(images)]
    assert_same(MG(), faces, drawn_parameters(MG(), len(faces)))


@pytest.mark.parametrize("size", [(16, 16), (96, 80), (150, 300), (400, 400)])
def test_pictures_of_any_size(size: tuple[int, int], crowd: list[Face]) -> None:
    mg = MG()
    scale = np.array(size[::-1], dtype=np.float32) / 112
    scaled = [(cv2.resize(image, size[::-1]), landmarks * scale) for image, landmarks in crowd[:12]]
    # Straps, which are blended in other steps, are a larger part of small pictures.
    assert_same(mg, scaled, drawn_parameters(mg, 12), mean=0.05 if min(size) > 64 else 0.2)


def test_faces_in_the_dark_cropped_or_out_of_the_picture(crowd: list[Face]) -> None:
    mg = MG()
    image, landmarks = crowd[0]
    cropped = image.copy()
    cropped[:, :50] = 0
    odd = [
        (np.zeros_like(image), landmarks),
        (cropped, landmarks),
        (image, np.full_like(landmarks, 50)),
        (image, landmarks + 60),
        (image, landmarks - 1000),
        (image, landmarks * 5 - 200),
        (image, landmarks * (-1, 1) + (112, 0)),
    ]
    odd = [(image, points.astype(np.float32)) for image, points in odd]
    assert_same(mg, odd, drawn_parameters(mg, len(odd)))


def test_a_batch_may_be_drawn_in_parts_and_in_part(crowd: list[Face], monkeypatch: pytest.MonkeyPatch) -> None:
    mg = MG(styles=("cloth", "dust"))
    images = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _ in crowd[:10]]))
    landmarks = torch.from_numpy(np.stack([landmarks for _, landmarks in crowd[:10]]))
    rows = torch.from_numpy(np.stack([encode(row, mg.styles) for row in drawn_parameters(mg, 10)]))
    rows[[0, 4]] = torch.nan
    before = images.clone()
    whole = BatchedMG(mg)(images, landmarks, rows)
    assert torch.equal(images, before)
    assert torch.equal(whole[0][[0, 4]], images[[0, 4]])
    assert whole[1].flatten(1).any(dim=1).tolist() == [number not in (0, 4) for number in range(10)]
    monkeypatch.setattr(render, "FACES_AT_ONCE", 3)
    parts = BatchedMG(mg)(images, landmarks, rows)
    assert torch.equal(parts[0], whole[0])
    assert torch.equal(parts[1], whole[1])
    nothing = BatchedMG(mg)(images[:0], landmarks[:0], rows[:0])
    assert nothing[0].shape == (0, 3, 112, 112)


def test_it_says_which_pictures_it_takes() -> None:
    mg = BatchedMG(MG(styles=("cloth",)))
    for images in (torch.zeros(1, 3, 112, 112), torch.zeros(1, 1, 112, 112).byte(), torch.zeros(1, 3, 8, 112).byte()):
        with pytest.raises(UserError, match=r"uint8 \(B, 3, H, W\) of at least 16 pixels"):
            mg(images, torch.zeros(1, 96, 2), torch.zeros(1, NUM_PARAMETERS))


@pytest.mark.parametrize("reach", [60, 1000, 4000])
def test_triangles_own_the_pixels_opencv_gives_them(reach: int) -> None:
    rng = np.random.default_rng(reach)
    drawn, different = 0, 0
    for _ in range(60):
        centres = rng.integers(-200, 2000, (20, 1, 2))
        corners = centres + rng.integers(-reach, reach, (20, 3, 2))  # sixteenths of a pixel
        expected = np.zeros((90, 100), dtype=np.uint8)
        for number, triangle in enumerate(corners.astype(np.int32), start=1):
            cv2.fillConvexPoly(expected, triangle, (number,), cv2.LINE_8, 4)
        faces, numbers = torch.zeros(20, dtype=torch.int64), torch.arange(1, 21)
        boxes = torch.tensor([[7, 5, 107, 95]])
        owned = raster.owners(torch.from_numpy(corners), faces, numbers, boxes, (1, 120, 130)).view(120, 130)
        assert not owned[:5].any()
        assert not owned[:, 107:].any()
        drawn += (expected > 0).sum()
        different += (owned[5:95, 7:107].numpy() != expected).sum()
    assert different <= 1e-4 * drawn


# The data module.


def module(faces: Path, **changes: Any) -> FaceFolder:
    options: dict[str, Any] = {"held_out": 0.0, "batch_size": 8, "masking": MG(p=0.6), "num_workers": 0, "seed": 3}
    return FaceFolder(str(faces), **(options | changes))


def epoch(data: FaceFolder) -> list[FaceBatch]:
    return [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]


def levels(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first - second).abs() * 127.5


@pytest.mark.parametrize("paired", [False, True])
def test_masks_are_those_the_workers_would_draw(paired: bool, faces: Path) -> None:
    options: dict[str, Any] = {"paired": paired, "masking": MG(p=1.0 if paired else 0.6)}
    by_workers, on_it = (epoch(module(faces, masking_on_device=where, **options)) for where in (False, True))
    masks = 0
    for one, other in zip(by_workers, on_it, strict=True):
        assert torch.equal(one.is_masked, other.is_masked)
        assert torch.equal(one.row, other.row)
        assert (levels(one.image, other.image) > 2.5).float().mean() < 1e-5
        masks += int(one.is_masked.sum())
    assert masks == 24 if paired else 0 < masks < 24


def test_workers_and_augmentation_do_not_change_which_masks_are_worn(faces: Path) -> None:
    options: dict[str, Any] = {"masking_on_device": True}
    alone, helped = (epoch(module(faces, num_workers=workers, **options)) for workers in (0, 2))
    flipped = epoch(module(faces, augmentation=[A.HorizontalFlip(p=1)], **options))
    for one, other, mirrored in zip(alone, helped, flipped, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(one.mask_parameters, mirrored.mask_parameters, rtol=0, atol=0, equal_nan=True)


def test_masks_are_drawn_on_augmented_faces(faces: Path) -> None:
    options: dict[str, Any] = {"augmentation": [A.HorizontalFlip(), A.RandomBrightnessContrast(p=1)], "masking": MG()}
    data = module(faces, masking_on_device=True, **options)
    (batch, *_) = data.train_dataloader()
    assert not batch.is_masked.any()
    masked = data.on_after_batch_transfer(batch, 0)
    assert masked.is_masked.all()
    mg = options["masking"]
    for image, landmarks, row, seen in zip(
        batch.image, batch.landmarks, batch.mask_parameters.tolist(), masked.image, strict=True
    ):
        colours = (tuple(row[1:4]), tuple(row[4:7]), tuple(row[7:10]))
        parameters = MGParameters(mg.styles[int(row[0])], colours, (row[10], row[11]))
        expected, _ = mg.render(image.permute(1, 2, 0).numpy(), landmarks.numpy(), parameters)
        expected = torch.from_numpy(expected).permute(2, 0, 1) / 127.5 - 1
        assert (levels(seen, expected) > 2.5).float().mean() < 1e-4


def test_evaluation_sets_are_masked_by_workers(faces: Path) -> None:
    options: dict[str, Any] = {"held_out": 0.5, "val_pairs": 10, "val_masking": MG()}
    first, second = (module(faces, masking_on_device=where, **options) for where in (False, True))
    for one, other in zip(first.val_dataloader()[0], second.val_dataloader()[0], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(second.on_after_batch_transfer(other, 0).is_masked, other.is_masked)


@pytest.mark.parametrize(("masking", "name"), [(DE(), "DE"), (None, "none")])
def test_what_is_not_drawn_on_the_device(faces: Path, masking: Any, name: str) -> None:
    expected = f"data.masking_on_device: .* is MG or IAMGANMask; data.masking is {name}"
    with pytest.raises(UserError, match=expected):
        module(faces, masking=masking, masking_on_device=True)
