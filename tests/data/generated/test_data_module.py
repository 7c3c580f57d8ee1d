"""GeneratedFaces, the data module."""

from pathlib import Path

import numpy as np
import pytest
from helpers import tiny_faces

from data_modules import GeneratedFaces
from maskrec.data.images import read_image
from maskrec.masking import MG


def test_the_number_of_identities_is_known_before_a_face_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKREC_CACHE", str(tmp_path))
    assert GeneratedFaces(identities=100_000, images=2).num_identities == 100_000
    assert not list(tmp_path.iterdir())


def test_training_validation_and_test_show_other_people() -> None:
    data = tiny_faces()
    data.prepare_data()
    faces = [read_image(data.root(split) / "0000000" / "0000.jpg").astype(int) for split in ("train", "val", "test")]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(faces[first] - faces[second]).mean() > 10
    assert len(data.training_faces()) == 12 * 6
    (held_out,), (test,) = data.evaluation_sets("val"), data.evaluation_sets("test")
    assert held_out.evaluation().name == "held_out"
    assert set(test.evaluation().protocols) == {"unmasked_unmasked", "unmasked_masked", "masked_masked"}


def test_test_sets_take_the_place_of_the_generated_pairs() -> None:
    data = tiny_faces()
    data.prepare_data()
    (other,) = data.validation_sets()
    assert tiny_faces(test_sets=[other]).evaluation_sets("test") == [other]


def test_masks_find_their_landmarks() -> None:
    data = tiny_faces(masking=MG(), test_masking=MG())
    data.prepare_data()
    batch = next(iter(data.train_dataloader()))
    assert batch.is_masked.all()
    assert batch.landmarks.isfinite().all()
    data.evaluation_sets("test")
