"""What a data module shows does not depend on how it is loaded."""

from pathlib import Path
from typing import Any

import albumentations as A
import pytest
import torch

from data_modules import FaceFolder, Holdout
from maskrec import UserError
from maskrec.data import FaceDataModule
from maskrec.data.images import fit_image, read_image, to_tensor
from maskrec.masking import DE
from maskrec.types import FaceBatch


def module(faces: Path, **changes: Any) -> FaceFolder:
    options: dict[str, Any] = {
        "held_out": 0.0,
        "batch_size": 8,
        "image_size": (32, 32),
        "masking": DE(p=0.5),
        "augmentation": [A.HorizontalFlip(), A.RandomBrightnessContrast(p=1)],
        "num_workers": 0,
        "seed": 3,
    }
    return FaceFolder(str(faces), **(options | changes))


def epoch(data: FaceFolder, number: int = 0) -> list[FaceBatch]:
    loader = data.train_dataloader()
    loader.batch_sampler.set_epoch(number)  # type: ignore[union-attr]
    return list(loader)


def test_workers_do_not_change_what_is_seen(faces: Path) -> None:
    alone, helped = epoch(module(faces)), epoch(module(faces, num_workers=2))
    for one, other in zip(alone, helped, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_epochs_show_a_face_with_another_mask_and_augmentation(faces: Path) -> None:
    data = module(faces)
    first, second = (dict(zip(b.row.tolist(), b.image, strict=True)) for b in (epoch(data)[0], epoch(data, 1)[0]))
    both = first.keys() & second.keys()
    assert both
    assert not any(torch.equal(first[row], second[row]) for row in both)


def test_is_masked_says_what_was_drawn(faces: Path) -> None:
    batch = epoch(module(faces, augmentation=[]))[0]
    assert batch.is_masked.any()
    assert not batch.is_masked.all()
    lower = batch.image[:, :, -10:]
    assert torch.equal(lower.flatten(1).eq(0).all(dim=1), batch.is_masked)


def test_paired_batches_hold_each_drawn_face_twice(faces: Path) -> None:
    for batch in epoch(module(faces, paired=True, masking=DE(), num_workers=2)):
        assert batch.image.shape == (16, 3, 32, 32)
        assert batch.is_masked.tolist() == [False] * 8 + [True] * 8
        assert len(set(batch.row[:8].tolist())) == 8
        assert torch.equal(batch.row[:8], batch.row[8:])


def test_the_split_keeps_identities_apart(faces: Path) -> None:
    data = module(faces, held_out=0.5, val_pairs=10)
    training = {Path(path).parent.name for path in data.training_faces().paths}
    held_out = {Path(path).parent.name for path in data.validation_sets()[0].pairs.paths}  # type: ignore[attr-defined]
    assert len(training) == data.num_identities == 3
    assert not training & held_out
    assert module(faces, max_identities=2).num_identities == 2


def test_evaluation_masks_are_always_the_same(faces: Path) -> None:
    data = module(faces, held_out=0.5, val_pairs=10, val_masking=DE())
    (loader,) = data.val_dataloader()
    faces_seen = FaceBatch(*(torch.cat(parts) for parts in zip(*loader, strict=True)))
    half = len(faces_seen.row) // 2
    assert faces_seen.is_masked.tolist() == [False] * half + [True] * half
    assert faces_seen.row.tolist() == list(range(2 * half))
    assert (faces_seen.image[half:, :, -10:] == 0).all()
    assert torch.equal(faces_seen.image[:half, :, :10], faces_seen.image[half:, :, :10])


def test_pixels_become_floats_between_minus_one_and_one(faces: Path) -> None:
    data = module(faces)
    batch = epoch(data)[0]
    assert batch.image.dtype == torch.uint8
    image = data.on_after_batch_transfer(batch, 0).image
    torch.testing.assert_close(image, (batch.image.float() - 127.5) / 127.5)


def test_fit_image_cuts_the_centre(faces: Path) -> None:
    image = read_image(faces / "0000000" / "0000.jpg")
    assert image.shape == (112, 112, 3)
    assert (fit_image(image, (112, 96)) == image[:, 8:104]).all()
    assert fit_image(image, (128, 128)).shape == (128, 128, 3)
    assert fit_image(image, (56, 28)).shape == (56, 28, 3)
    assert to_tensor(image).shape == (3, 112, 112)


def test_read_image_is_rgb(tmp_path: Path) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "red.png"), np.array([[[0, 0, 255]]], dtype=np.uint8))  # OpenCV writes BGR
    assert read_image(tmp_path / "red.png").tolist() == [[[255, 0, 0]]]
    with pytest.raises(UserError, match=r"none.png: No such file"):
        read_image(tmp_path / "none.png")


def test_a_mask_that_is_not_always_worn_cannot_test(faces: Path) -> None:
    with pytest.raises(UserError, match=r"'held_out': p is 0.5, but every masked face needs its mask: use p 1"):
        module(faces, held_out=0.5, val_masking=DE(p=0.5)).validation_sets()


def test_results_of_one_set_cannot_take_those_of_another(faces: Path) -> None:
    sets = [Holdout(FaceFolder(str(faces), held_out=1.0), name) for name in ("lfw", "lfw_de", "lfw")]
    with pytest.raises(UserError, match=r"data.test_sets: 'lfw' is the name of several; give each a `name` of its own"):
        module(faces, test_sets=sets)
    assert module(faces, test_sets=sets[:2]).evaluation_sets("test") == sets[:2]


def test_a_base_module_says_what_it_lacks() -> None:
    with pytest.raises(UserError, match="holds no training faces"):
        FaceDataModule().train_dataloader()
    with pytest.raises(UserError, match=r"test_sets is empty"):
        FaceDataModule().test_dataloader()
