"""Where aligned faces end up, what is kept of them, and what is said."""

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from maskrec import UserError
from maskrec.data import aligned_faces as module
from maskrec.data.aligned_faces import aligned_faces
from maskrec.data.alignment import TARGET, WEIGHTS, FaceDetector, _prominence, align, similarity
from maskrec.data.images import read_image
from maskrec.masking.base import Face, Image, Points
from maskrec.masking.layout import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from maskrec.processes import in_silence, process_pool


class FakeDetector:
    """Finds a face in the middle half of every picture that is not all black."""

    def detect(self, image: Image) -> Points | None:
        return TARGET + 56 if image.any() else None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A detector that costs nothing; the processes are forked, so they have it, too."""
    monkeypatch.setattr(module, "FaceDetector", FakeDetector)
    module._detector.cache_clear()
    return monkeypatch


@pytest.fixture
def raw(faces: Path) -> tuple[Path, list[str]]:
    """8 faces, each in the middle of a picture twice as large."""
    names = sorted(str(path.relative_to(faces)) for path in faces.glob("000000[01]/*.jpg"))
    for name in names:
        image = cv2.copyMakeBorder(cv2.imread(str(faces / name)), 56, 56, 56, 56, cv2.BORDER_REPLICATE)
        cv2.imwrite(str(faces / name), image)
    return faces, names


def moved(image: Image, angle: float, scale: float, size: int) -> tuple[Image, np.ndarray]:
    """A picture turned, scaled and put into the middle of a larger one, with the matrix of the movement."""
    matrix = cv2.getRotationMatrix2D((55.5, 55.5), angle, scale)
    matrix[:, 2] += size / 2 - 56
    return cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8), matrix


def put(points: Points, matrix: np.ndarray) -> Points:
    """Points moved by a matrix."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def test_the_similarity_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(size=(2, 6, 2)).astype(np.float32) * 50
    # x' = a x - b y + c, y' = b x + a y + d: twelve equations in four unknowns.
    rows = [[(x, -y, 1, 0), (y, x, 0, 1)] for x, y in source]
    root = np.sqrt(np.repeat(WEIGHTS, 2))
    a, b, c, d = np.linalg.lstsq(np.reshape(rows, (12, 4)) * root[:, None], target.ravel() * root, rcond=None)[0]
    np.testing.assert_allclose(similarity(source, target, WEIGHTS), [[a, -b, c], [b, a, d]], rtol=1e-6)


@pytest.mark.parametrize(("angle", "scale", "size"), [(0, 1.0, 112), (25, 1.5, 300), (-40, 0.7, 140), (10, 4.0, 900)])
def test_a_face_goes_back_to_where_it_was(portrait: Face, angle: float, scale: float, size: int) -> None:
    image, matrix = moved(portrait[0], angle, scale, size)
    aligned = align(image, put(TARGET, matrix))
    assert aligned.shape == (112, 112, 3)
    assert np.abs(aligned[8:-8, 8:-8].astype(int) - portrait[0][8:-8, 8:-8]).mean() < 5


def detect(images: Sequence[Image]) -> list[Points]:
    """The key-points of faces; in a process of its own: once mediapipe ran here, it could not in a process forked."""
    with process_pool(1, in_silence) as pool:
        found = pool.submit(_detect, images).result()
    assert all(points is not None for points in found)
    return found


def _detect(images: Sequence[Image]) -> list[Points]:
    detector = FaceDetector()
    return [detector.detect(image) for image in images]


def test_detected_faces_are_put_on_the_template(portraits: list[Face]) -> None:
    rng = np.random.default_rng(1)
    drawn = [(moved(image, rng.uniform(-20, 20), rng.uniform(0.9, 1.6), 200), lm) for image, lm in portraits[::6]]
    errors = []
    for ((_, matrix), landmarks), points in zip(drawn, detect([turned for (turned, _), _ in drawn]), strict=True):
        parts = [landmarks[part].mean(axis=0) for part in (RIGHT_EYE, LEFT_EYE, OUTER_LIPS)]
        to_template = similarity(points, TARGET, WEIGHTS)
        placed = put(put(np.array(parts), matrix), to_template)
        errors.append(np.linalg.norm(placed - [(38.3, 51.7), (73.5, 51.5), (56.1, 92.3)], axis=1).mean())
    assert np.median(errors) < 6  # pixels; generated faces are not quite the template's


def test_the_large_face_in_the_middle_is_taken() -> None:
    def face(x: float, y: float, width: float) -> SimpleNamespace:
        box = SimpleNamespace(xmin=x - width / 2, ymin=y - width / 2, width=width, height=width)
        return SimpleNamespace(relative_bounding_box=box)

    middle = _prominence(face(0.5, 0.5, 0.3), (100, 200))
    assert middle > _prominence(face(0.1, 0.5, 0.4), (100, 200))
    assert middle > _prominence(face(0.5, 0.5, 0.2), (100, 200))
    assert middle < _prominence(face(0.5, 0.5, 0.6), (100, 200))


def test_faces_are_aligned_once(raw: tuple[Path, list[str]], quick: pytest.MonkeyPatch) -> None:
    before = [read_image(raw[0] / name) for name in raw[1]]
    found = aligned_faces(*raw)
    assert found.not_found == []
    for path, image in zip(found.paths, before, strict=True):
        assert Path(path).is_relative_to(found.root)
        np.testing.assert_array_equal(read_image(path), image[56:-56, 56:-56])
    quick.setattr(module, "process_pool", None)
    assert aligned_faces(*raw) == found
    backwards = aligned_faces(raw[0], raw[1][::-1])  # as when others are held out
    assert backwards.paths == found.paths[::-1]


def test_aligned_faces_are_left_alone(faces: Path, quick: pytest.MonkeyPatch) -> None:
    quick.setattr(module, "process_pool", None)
    names = ["0000000/0000.jpg", "0000001/0002.jpg"]
    assert aligned_faces(faces, names) == (faces, [str(faces / name) for name in names], [])
    quick.setattr(module, "read_image", None)  # known by now
    assert aligned_faces(faces, names).root == faces
    assert aligned_faces(faces, ["nowhere.jpg"], aligned=True).paths == [str(faces / "nowhere.jpg")]


def test_one_of_another_size_has_them_all_aligned(raw: tuple[Path, list[str]], quick: pytest.MonkeyPatch) -> None:
    names = ["0000004/0000.jpg", raw[1][0]]
    assert all("aligned-" in path for path in aligned_faces(raw[0], names).paths)


def test_what_has_no_face_is_counted_named_and_cut_from_the_centre(
    raw: tuple[Path, list[str]], quick: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cv2.imwrite(str(raw[0] / raw[1][3]), np.zeros((300, 200, 3), np.uint8))
    caplog.set_level("INFO")
    found = aligned_faces(*raw)
    assert found.not_found == [raw[1][3]]
    assert Path(found.paths[3]) == found.root / "not_found" / f"{raw[1][3]}.png"
    assert read_image(found.paths[3]).shape == (112, 112, 3)
    aligned_faces(*raw)
    assert caplog.text.count(f"8 faces below {raw[0]} were aligned") == 1
    assert f"on 1 pictures no face was found, their centres stand in: {raw[1][3]}" in caplog.text


def test_a_kill_costs_what_was_not_written_yet(raw: tuple[Path, list[str]], quick: pytest.MonkeyPatch) -> None:
    quick.setattr(module, "CHUNK", 2)
    whole = aligned_faces(*raw)
    for path in whole.paths[5:]:
        Path(path).unlink()
    kept = {path: Path(path).stat().st_mtime_ns for path in whole.paths[:5]}
    quick.setattr(FakeDetector, "detect", lambda self, image: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(UserError, match=r"a process was killed .*start again"):
        aligned_faces(*raw)
    quick.setattr(FakeDetector, "detect", lambda self, image: TARGET + 56)
    assert aligned_faces(*raw) == whole
    assert {path: Path(path).stat().st_mtime_ns for path in whole.paths[:5]} == kept


def test_changed_pictures_are_aligned_anew(raw: tuple[Path, list[str]], quick: pytest.MonkeyPatch) -> None:
    before = aligned_faces(*raw)
    shutil.copy(raw[0] / raw[1][0], raw[0] / raw[1][1])
    after = aligned_faces(*raw)
    assert after.root != before.root
    np.testing.assert_array_equal(read_image(after.paths[0]), read_image(after.paths[1]))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "0003.jpg: No such file"), (b"no picture", "0003.jpg: broken, or not a picture")]
)
def test_bad_pictures_are_named(
    content: bytes | None, message: str, raw: tuple[Path, list[str]], quick: pytest.MonkeyPatch
) -> None:
    bad = raw[0] / raw[1][3]
    bad.unlink()
    if content:
        bad.write_bytes(content)
    with pytest.raises(UserError, match=message):
        aligned_faces(*raw)


def test_real_faces_come_to_lie_where_another_aligner_had_them(real_data: Path) -> None:
    paths = sorted((real_data / "lfw_raw").glob("*/*.jpg"))[::3]
    raw = [read_image(path) for path in paths]
    there = detect([read_image(real_data / "lfw" / path.parent.name / path.name) for path in paths])
    here = detect([align(image, points) for image, points in zip(raw, detect(raw), strict=True)])
    errors = [np.abs(one[:2] - other[:2]).mean() for one, other in zip(there, here, strict=True)]
    assert np.median(errors) < 2.5  # pixels, of the eyes
