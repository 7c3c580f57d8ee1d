"""Generated faces: the same everywhere, landmarks where they are drawn, faces to a detector."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskrec.data.generated import draw_face, face_landmarks
from maskrec.data.generated.camera import Camera
from maskrec.data.generated.head import EXPRESSIONS, IDENTITY_MODES, shape
from maskrec.data.generated.properties import detection, thumbnail_accuracy
from maskrec.data.generated.view import MAX_PITCH, MAX_ROLL, MAX_YAW, sample_view
from maskrec.masking.layout import INNER_LIPS, LEFT_EYE, MIRROR, NUM_LANDMARKS, RIGHT_EYE

MEAN, STILL = np.zeros(len(IDENTITY_MODES)), np.zeros(len(EXPRESSIONS))


def test_a_seed_gives_the_same_face_whatever_was_drawn_before() -> None:
    first, marks = draw_face(3, 5, 2)
    draw_face(3, 6, 0)
    again, _ = draw_face(3, 5, 2)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(marks, face_landmarks(3, 5, 2))
    assert first.shape == (112, 112, 3)
    assert marks.shape == (NUM_LANDMARKS, 2)
    for other in ((3, 5, 3), (3, 6, 2), (4, 5, 2)):
        assert np.abs(first.astype(int) - draw_face(*other)[0]).mean() > 5


def test_the_same_within_2_grey_levels_on_an_older_machine(tmp_path: Path) -> None:
    """Without the vector instructions that numpy, OpenBLAS and OpenCV choose by machine."""
    code = (
        "import sys, cv2, numpy as np; cv2.setUseOptimized(False); from maskrec.data.generated import draw_face;"
        "np.save(sys.argv[1], [draw_face(0, identity, 1)[0] for identity in range(12)])"
    )
    target = tmp_path / "faces.npy"
    features = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": features, "OPENBLAS_CORETYPE": "Nehalem"}
    subprocess.run([sys.executable, "-c", code, str(target)], check=True, env=environment, capture_output=True)
    here = np.array([draw_face(0, identity, 1)[0] for identity in range(12)]).astype(int)
    assert np.abs(here - np.load(target)).max() <= 2


def test_the_mean_head_is_symmetric_and_so_are_its_landmarks() -> None:
    head = shape(MEAN, STILL)
    np.testing.assert_allclose(head.landmarks[MIRROR], head.landmarks * (-1, 1, 1), atol=1e-9)
    for mode in range(len(MEAN)):
        marks = shape(np.eye(len(MEAN))[mode] * 2, STILL).landmarks
        np.testing.assert_allclose(marks[MIRROR], marks * (-1, 1, 1), atol=1e-9)
        assert np.abs(marks - head.landmarks).max() < 15  # mm: no mode tears a face apart


def test_every_mode_moves_the_head() -> None:
    mean = shape(MEAN, STILL).vertices
    for mode in range(len(MEAN)):
        moved = np.linalg.norm(shape(np.eye(len(MEAN))[mode], STILL).vertices - mean, axis=1).max()
        assert 0.8 < moved < 9, IDENTITY_MODES[mode][0]
    for mode in range(len(STILL)):
        assert np.linalg.norm(shape(MEAN, np.eye(len(STILL))[mode]).vertices - mean, axis=1).max() > 1


def test_an_open_mouth_opens_between_the_lips() -> None:
    opened = np.zeros(len(EXPRESSIONS))
    opened[EXPRESSIONS.index("jaw_open")] = 1
    upper, lower = shape(MEAN, opened).landmarks[INNER_LIPS][[2, 6]]
    assert 10 < lower[1] - upper[1] < 20  # mm


def test_landmarks_are_what_is_drawn_there() -> None:
    """Eyes are darker than the cheeks below them, wherever pose and expression have moved them."""
    darker = []
    for identity in range(30):
        image, marks = draw_face(1, identity, 0)
        grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 1.0).astype(float)
        for eye in (RIGHT_EYE, LEFT_EYE):
            x, y = marks[eye].mean(axis=0)
            if 4 < x < 107:
                below = grey[round(y) + 9, round(x)]
                darker.append(grey[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].min() < below)
    assert np.mean(darker) > 0.9


def test_views_stay_within_their_bounds_and_use_them() -> None:
    rng = np.random.default_rng(0)
    views = [sample_view(rng) for _ in range(800)]
    for angles, most in (([v.yaw for v in views], MAX_YAW), ([v.pitch for v in views], MAX_PITCH)):
        assert np.abs(angles).max() <= most
        assert np.std(angles) > most / 3
    assert max(abs(v.roll) for v in views) <= MAX_ROLL
    np.testing.assert_allclose([np.linalg.norm(v.light) for v in views], 1)


def test_faces_are_aligned_to_the_template() -> None:
    eyes = np.array([[draw_marks[e].mean(axis=0) for e in (RIGHT_EYE, LEFT_EYE)] for draw_marks in _marks(60)])
    np.testing.assert_allclose(eyes.mean(axis=0), [[38.3, 51.7], [73.5, 51.5]], atol=3)


def _marks(count: int) -> list[np.ndarray]:
    return [face_landmarks(0, identity, 0) for identity in range(count)]


def test_a_camera_without_turn_sees_straight_on() -> None:
    rng = np.random.default_rng(0)
    view = sample_view(rng)
    straight = type(view)(**{**view.__dict__, "yaw": 0.0, "pitch": 0.0, "roll": 0.0, "zoom": 1.0, "shift": (0.0, 0.0)})
    landmarks = shape(MEAN, STILL).landmarks
    marks = Camera.of(straight, landmarks)
    seen = marks.picture(marks.turn(landmarks))
    np.testing.assert_allclose(seen[RIGHT_EYE].mean(axis=0)[1], seen[LEFT_EYE].mean(axis=0)[1], atol=0.5)
    assert abs(seen[8, 0] - 56) < 1  # the chin, in the middle


@pytest.mark.parametrize("side", [-1, 1])
def test_yaw_turns_the_nose_aside(side: int) -> None:
    view = sample_view(np.random.default_rng(0))
    turned = type(view)(**{**view.__dict__, "yaw": 30.0 * side, "pitch": 0.0, "roll": 0.0})
    camera = Camera.of(turned, (landmarks := shape(MEAN, STILL).landmarks))
    nose, right, left = (camera.picture(camera.turn(landmarks))[part, 0] for part in (30, 36, 45))
    assert side * (nose - (right + left) / 2) > 4  # pixels


def test_a_detector_takes_them_for_faces_and_colour_does_not_tell_them_apart() -> None:
    drawn = [draw_face(2, identity, image) for identity in range(40) for image in range(4)]
    found, error = detection(drawn)
    assert found >= 0.97
    assert error <= 0.06
    assert thumbnail_accuracy([image for image, _ in drawn], np.repeat(np.arange(40), 4)) < 0.7
