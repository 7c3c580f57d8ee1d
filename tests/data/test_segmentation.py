"""Masked faces with labels of the mask."""

from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pytest
import torch

from data_modules import MFSRSEG
from maskrec import UserError
from maskrec.data import MaskSegmentation
from maskrec.data.images import read_levels


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """12 pictures whose white part is labelled 2, the rest 1 or 0."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        image, labels = np.full((64, 64, 3), 40, np.uint8), np.zeros((64, 64), np.uint8)
        labels[8:] = 1
        top, left = rng.integers(30, 40), rng.integers(0, 20)
        image[top:, left:], labels[top:, left:] = 255, 2
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), image)
        cv2.imwrite(str(tmp_path / "labels" / f"{number}.png"), labels)
    return tmp_path


def test_the_region_follows_the_picture(labelled: Path) -> None:
    flips = [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)]
    data = MaskSegmentation(str(labelled), (32, 32), 5, mask_level=2, augmentation=flips, num_workers=0)
    batches = list(data.train_dataloader())
    assert [len(batch.image) for batch in batches] == [5, 5]  # 11 of 12 are trained on
    for batch in batches:
        shown = data.on_after_batch_transfer(batch, 0)
        assert shown.image.min() >= -1
        assert torch.equal(batch.image[:, 0] > 147, batch.region)
    assert len({bool(batch.region[at, -1, -1]) for batch in batches for at in range(5)}) == 2  # some were flipped
    (held_out,) = data.val_dataloader()
    assert held_out.region.shape == (1, 32, 32)
    again = MaskSegmentation(str(labelled), (32, 32), 5, mask_level=2, augmentation=flips, num_workers=0)
    assert all(torch.equal(a.image, b.image) for a, b in zip(batches, again.train_dataloader(), strict=True))


def test_mfsr_seg_takes_all_that_is_labelled_for_mask(labelled: Path) -> None:
    batch = next(iter(MFSRSEG(str(labelled), image_size=(64, 64), batch_size=2, num_workers=0).train_dataloader()))
    assert batch.region[:, 8:].all()
    assert not batch.region[:, :8].any()


def test_levels_are_read_as_they_are_stored(labelled: Path) -> None:
    file = labelled / "labels" / "3.png"
    levels = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    for stored in (levels.astype(np.uint16), np.repeat(levels[..., None], 3, axis=2)):
        cv2.imwrite(str(file), stored)
        assert np.array_equal(read_levels(file), levels)
    colours = np.array([[0, 0, 0], [0, 0, 128], [0, 128, 0]], dtype=np.uint8)  # what a palette is decoded to
    cv2.imwrite(str(file), colours[levels])
    with pytest.raises(UserError, match=r"labels .*3\.png: expected grey levels, got colours"):
        read_levels(file)


def test_what_is_missing_is_named(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere/images: No such file.*expected images/<name>\.jpg and labels"):
        _ = MFSRSEG(str(tmp_path / "nowhere")).split
    (labelled / "labels" / "3.png").unlink()
    with pytest.raises(UserError, match=r"3\.png: has no labels \(1 such pictures\)"):
        _ = MFSRSEG(str(labelled)).split
    cv2.imwrite(str(labelled / "labels" / "3.png"), np.zeros((32, 64), np.uint8))
    with pytest.raises(UserError, match=r"labels .*3\.png: \(32, 64\) pixels, the picture has \(64, 64\)"):
        list(MFSRSEG(str(labelled), held_out=0, batch_size=1, num_workers=0).train_dataloader())


def test_real_labels(real_data: Path) -> None:
    data = MaskSegmentation(str(real_data / "maskseg" / "CWM"), (64, 64), 8, mask_level=2, num_workers=0)
    batch = next(iter(data.train_dataloader()))
    share = batch.region.float().mean(dim=(1, 2))
    assert (share > 0.02).all()
    assert (share < 0.6).all()
