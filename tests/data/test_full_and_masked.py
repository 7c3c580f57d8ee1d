"""Batches that hold full and masked faces of every identity."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import tiny_faces

from data_modules import FaceFolder
from maskrec import UserError
from maskrec.data import Draw, IdentityBatchSampler, index_faces
from maskrec.masking import DE, KPCVX, MG
from maskrec.types import FaceBatch


def batches(root: Path, **changes: Any) -> list[FaceBatch]:
    options: dict[str, Any] = {"image_size": (48, 48), "batch_size": 12, "images_per_identity": 6, "num_workers": 0}
    options |= {"held_out": 0.0, "masked_per_identity": 3, "masking": DE()}
    return list(FaceFolder(str(root), **(options | changes)).train_dataloader())


@pytest.mark.parametrize("masked", [0, 2, 3, 6])
def test_each_identity_has_its_share_of_masked_faces(faces: Path, masked: int) -> None:
    for batch in batches(faces, masked_per_identity=masked):
        of_identity = batch.is_masked.view(2, 6)
        assert (batch.identity.view(2, 6) == batch.identity[::6, None]).all()
        assert of_identity.sum(dim=1).tolist() == [masked, masked]
        lower_is_erased = batch.image[:, :, -5:].flatten(1).eq(0).all(dim=1)
        assert torch.equal(lower_is_erased, batch.is_masked)


def test_masks_drawn_on_the_device_go_to_the_same_faces() -> None:
    options = {"batch_size": 12, "images_per_identity": 6, "masked_per_identity": 3, "masking": MG()}
    data = tiny_faces(image_size=(48, 48), masking_on_device=True, **options)
    data.prepare_data()
    for batch in data.train_dataloader():
        drawn = data.on_after_batch_transfer(batch, 0)
        assert drawn.is_masked.view(2, 6).sum(dim=1).tolist() == [3, 3]


@pytest.mark.parametrize("pictures", [1, 2])
def test_a_poor_identity_never_shows_the_same_pixels(faces: Path, pictures: int) -> None:
    for path in index_faces(faces).paths():
        if sorted(Path(path).parent.iterdir()).index(Path(path)) >= pictures:
            Path(path).unlink()
    for batch in batches(faces):  # no augmentation, and DE draws the same mask each time
        for of_identity in batch.image.view(2, 6, -1):
            assert len(of_identity.unique(dim=0)) == 6


def test_landmarks_follow_a_face_that_is_shown_again(drawn_faces: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(drawn_faces, tmp_path / "faces"))
    (batch,) = batches(root, masking=KPCVX(), batch_size=36, images_per_identity=6)
    first = batch.landmarks[0]
    again = [row for row in range(1, 6) if batch.row[row] == batch.row[0]]
    assert all(0.1 < (batch.landmarks[row] - first).abs().max() < 12 for row in again)


def test_ranks_share_identities_and_masks() -> None:
    labels = torch.arange(8).repeat_interleave(5).numpy()
    whole = [IdentityBatchSampler(labels, 24, 6, 3, seed=1), *(
        IdentityBatchSampler(labels, 24, 6, 3, seed=1, rank=rank, world_size=2) for rank in range(2)
    )]  # fmt: skip
    one, first, second = map(list, whole)
    assert [[*a, *b] for a, b in zip(first, second, strict=True)] == one
    assert all(isinstance(draw, Draw) and draw.is_masked == (at % 6 >= 3) for at, draw in enumerate(one[0]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images_per_identity": None}, "masked_per_identity: is a part of data.images_per_identity"),
        ({"masking": None}, "masked_per_identity 3: needs a data.masking with p 1; it is none"),
        ({"masking": DE(p=0.5)}, "needs a data.masking with p 1; it is DE with p 0.5"),
        ({"masked_per_identity": 7}, "masked_per_identity 7: expected 0 to images_per_identity, 6"),
    ],
)
def test_what_does_not_go_together_is_refused(faces: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        batches(faces, **changes)
