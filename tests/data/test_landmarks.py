"""Landmarks read from a folder's file."""

import os
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from helpers import tiny_faces
from test_datasets import Dot

from data_modules import LFW, FaceFolder
from maskrec import UserError
from maskrec.data import index_faces
from maskrec.data.generated import face_landmarks
from maskrec.data.landmarks import (
    FILE,
    Status,
    are_faces,
    find_table,
    list_pictures,
    open_table,
    place_to_write,
    read_landmarks,
    template_landmarks,
    write_table,
)
from maskrec.masking import DE
from maskrec.masking.layout import LEFT_EYE, MIRROR, OUTER_LIPS, RIGHT_EYE, TEMPLATE


def change(root: Path, row: int, **fields: Any) -> None:
    """Change a record of a folder's file."""
    table = np.array(open_table(root / FILE))
    for field, value in fields.items():
        table[field][row] = value
    write_table(root / FILE, table)


def test_generated_faces_have_their_exact_landmarks(drawn_faces: Path) -> None:
    landmarks = read_landmarks(drawn_faces, index_faces(drawn_faces).paths())
    np.testing.assert_allclose(landmarks.of(6, (112, 112)), face_landmarks(0, 1, 2), atol=1e-4)
    assert not landmarks.is_fallback.any()


def test_generated_faces_are_masked_by_their_landmarks() -> None:
    few = {"identities": 2, "images": 4, "val_identities": 2, "test_identities": 2, "test_images": 2, "pairs": 10}
    data = tiny_faces(**few, masking=Dot(), val_masking=None, test_masking=None)
    data.prepare_data()
    (batch,) = data.train_dataloader()
    assert batch.landmarks.shape == (8, 96, 2)
    _, y, x = (batch.image[:, 0] > 127).nonzero().T
    torch.testing.assert_close(torch.stack([x, y], dim=1).float(), batch.landmarks[:, 36], atol=0.51, rtol=0)


def test_landmarks_are_found_by_name_in_any_order_and_depth(faces: Path) -> None:
    paths = index_faces(faces).paths()
    below = faces.rename(faces.parent / "below")
    (faces / "masked").mkdir(parents=True)
    below.rename(faces / "masked" / "below")
    table = list_pictures(faces)
    assert table["name"][0] == b"masked/below/0000000/0000.jpg"
    table["status"], table["shape"], table["points"] = Status.FOUND, 112, TEMPLATE + np.arange(24).reshape(-1, 1, 1)
    write_table(faces / FILE, table)
    wanted = [str(faces / "masked" / "below" / Path(path).relative_to(faces)) for path in (paths[20], paths[3])]
    landmarks = read_landmarks(faces, wanted)
    for row, offset in enumerate((20, 3)):
        np.testing.assert_array_equal(landmarks.of(row, (112, 112)), TEMPLATE + offset)


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.BROKEN])
def test_a_face_that_was_not_found_takes_the_template(
    faces: Path, status: Status, caplog: pytest.LogCaptureFixture
) -> None:
    change(faces, 7, status=status, points=np.nan)
    caplog.set_level("INFO")
    for _ in range(2):
        landmarks = read_landmarks(faces, index_faces(faces).paths())
    assert landmarks.is_fallback.nonzero()[0].tolist() == [7]
    np.testing.assert_array_equal(landmarks.of(7, (112, 112)), TEMPLATE)
    assert [record.message for record in caplog.records] == [
        f"1 of 24 faces below {faces} have the template's landmarks"
    ]


def test_the_template_is_fitted_to_the_picture() -> None:
    np.testing.assert_array_equal(template_landmarks((112, 112, 3)), TEMPLATE)
    np.testing.assert_allclose(template_landmarks((112, 96)), TEMPLATE - (8, 0))
    np.testing.assert_allclose(template_landmarks((224, 224)), TEMPLATE * 2 + 0.5)
    mirrored = TEMPLATE[MIRROR] * (-1, 1) + (112, 0)
    assert np.abs(mirrored - TEMPLATE).max() < 1
    eyes = [TEMPLATE[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    np.testing.assert_allclose(eyes, [[38.3, 51.7], [73.5, 51.5]], atol=1.5)  # where alignment puts them
    np.testing.assert_allclose(TEMPLATE[OUTER_LIPS][[0, 6]], [[41.5, 92.4], [70.7, 92.2]], atol=2)


@pytest.mark.parametrize(
    ("points", "is_plausible"),
    [
        (TEMPLATE, True),
        (TEMPLATE - (100, 0), False),  # all outside
        (TEMPLATE - (60, 0), True),  # half a face
        (np.full((96, 2), 50.0), False),
        (np.where(np.arange(96)[:, None] == 3, np.nan, TEMPLATE), False),
        (np.where(np.arange(96)[:, None] == 3, np.inf, TEMPLATE), False),
        (TEMPLATE * 1000, False),
        (TEMPLATE * (1, 0), False),  # all on one line
    ],
)
def test_what_cannot_be_a_face_counts_as_not_found(faces: Path, points: Any, is_plausible: bool) -> None:
    shape = np.array([[112, 112]], dtype=np.int32)
    assert are_faces(np.float32(points)[None], shape) == is_plausible  # type: ignore[index]
    change(faces, 3, points=points)
    landmarks = read_landmarks(faces, index_faces(faces).paths())
    assert landmarks.is_fallback.sum() == (not is_plausible)
    np.testing.assert_allclose(landmarks.of(3, (112, 112)), points if is_plausible else TEMPLATE, rtol=1e-6)


def masked_folder(root: Path, **options: Any) -> FaceFolder:
    return FaceFolder(str(root), **({"held_out": 0.5, "val_pairs": 10, "masking": Dot(), "num_workers": 0} | options))


def test_landmarks_that_are_missing_or_stale_are_one_clear_line(faces: Path) -> None:
    data = masked_folder(faces, held_out=0.0)
    assert len(data.training_faces()) == 24
    picture = faces / "0000002" / "0001.jpg"
    os.utime(picture, ns=(1, 1))
    with pytest.raises(UserError, match=rf"{picture}: changed after its landmarks.*`maskrec landmarks {faces}`"):
        data.training_faces()
    change(faces, 9, modified=1)
    data.training_faces()
    change(faces, 9, status=Status.TO_DETECT)
    with pytest.raises(UserError, match=rf"lack 1 pictures, the first {picture}: run `maskrec landmarks {faces}`"):
        data.training_faces()
    change(faces, 9, name=b"0000002/0001.jpeg", status=Status.FOUND)
    with pytest.raises(UserError, match=rf"lack 1 pictures, the first {picture}"):
        data.training_faces()
    (faces / FILE).unlink()
    with pytest.raises(UserError, match=rf"{faces}: landmarks are needed.*run `maskrec landmarks {faces}`"):
        data.training_faces()


@pytest.mark.parametrize(
    "options",
    [
        {"masking": Dot()},
        {"masking": None, "augmentation": [A.OneOf([A.Sequential([Dot(), DE()]), DE()])]},
        {"masking": None, "val_masking": Dot()},
    ],
)
def test_whatever_needs_landmarks_asks_for_them(faces: Path, options: dict[str, Any]) -> None:
    (faces / FILE).unlink()
    data = masked_folder(faces, **options)
    with pytest.raises(UserError, match="maskrec landmarks"):
        data.training_faces(), data.val_dataloader()


def test_what_needs_no_landmarks_does_not_ask(faces: Path) -> None:
    (faces / FILE).unlink()
    data = masked_folder(faces, masking=DE(), augmentation=[A.HorizontalFlip()], val_masking=DE())
    assert data.training_faces().landmarks is None
    assert len(data.validation_sets()) == 1


def test_lfw_takes_those_of_its_root(faces: Path) -> None:
    (faces / "Ann").mkdir()
    for number in (1, 2):
        (faces / "0000001" / f"000{number}.jpg").rename(faces / "Ann" / f"Ann_000{number}.jpg")
    (faces / "0000001" / "0003.jpg").rename(faces / "0000001" / "0000001_0001.jpg")
    (faces / "pairs.txt").write_text("1\t1\nAnn\t1\t2\nAnn\t1\t0000001\t1\n")
    LFW(str(faces), DE()).prepare_data()
    with pytest.raises(UserError, match=rf"lack 3 pictures, the first .*Ann_0001.jpg: run `maskrec landmarks {faces}`"):
        LFW(str(faces), Dot()).prepare_data()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY cut short", b"something else"])
def test_a_damaged_file_is_named(faces: Path, content: bytes) -> None:
    (faces / FILE).write_bytes(content)
    with pytest.raises(UserError, match=rf"landmarks {faces / FILE}: .*run `maskrec landmarks` again"):
        read_landmarks(faces, index_faces(faces).paths())
    np.save(faces / FILE, TEMPLATE)
    with pytest.raises(UserError, match="not as this version writes them; run"):
        read_landmarks(faces, index_faces(faces).paths())


def test_of_two_files_the_newer_one_counts(faces: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MASKREC_CACHE", str(tmp_path / "cache"))
    faces.chmod(0o555)
    in_cache = place_to_write(faces)
    assert in_cache.parent == tmp_path / "cache"
    write_table(in_cache, list_pictures(faces))
    os.utime(in_cache, ns=(1, 1))
    assert find_table(faces) == faces / FILE
    os.utime(in_cache)
    assert find_table(faces) == in_cache
    faces.chmod(0o755)
    assert place_to_write(faces) == faces / FILE
