"""Styles from a folder of pictures."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskrec.errors import UserError
from maskrec.masking import MG
from maskrec.masking.base import Face
from maskrec.masking.styles import choose

POINTS = choose("cloth").anchors


def write(folder: Path, name: str, channels: int = 4, landmarks: object = POINTS.tolist()) -> None:
    cover = choose("cloth").cover
    picture = np.zeros((*cover.shape, channels), dtype=np.uint8)
    picture[..., 2] = 255  # red, in OpenCV's order
    if channels == 4:
        picture[..., 3] = 255 * cover
    cv2.imwrite(str(folder / f"{name}.png"), picture)
    if landmarks is not None:
        (folder / f"{name}.json").write_text(json.dumps(landmarks), encoding="utf-8")


def test_a_picture_with_landmarks_is_a_style(tmp_path: Path, portrait: Face) -> None:
    write(tmp_path, "red")
    write(tmp_path, "other", landmarks=None)
    np.savetxt(tmp_path / "other.csv", POINTS, delimiter=",")
    assert {"red", "other", "n95"} <= set(MG(styles_folder=str(tmp_path)).styles)
    mg = MG(styles=("red",), styles_folder=str(tmp_path), shading=False)
    masked, _ = mg.render(*portrait, mg.sample(np.random.default_rng(0)))
    for x, y in np.rint(portrait[1][[30, 51, 57]]).astype(int):
        assert (np.abs(masked[y, x].astype(int) - (255, 0, 0)) <= 2).all()
    shaded = MG(styles=("other",), styles_folder=str(tmp_path))
    assert shaded.render(*portrait, shaded.sample(np.random.default_rng(0)))[1].any()


@pytest.mark.parametrize(
    ("channels", "landmarks", "message"),
    [
        (4, None, r"style.png: has no landmarks beside it; expected style.csv or style.json"),
        (4, POINTS.tolist()[:5], r"style.json: holds \(5, 2\); expected 19 points x, y: 1, 3, "),
        (4, [["a", "b"]], r"style.json: could not convert"),
        (4, {"points": 3}, r"style.json: .*expected 19 points"),
        (4, [[float("nan"), 0]] * 19, r"style.json: .*expected 19 points"),
        (3, POINTS.tolist(), r"style.png: has shape .*; a style needs RGBA of 8 bits"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, channels: int, landmarks: object, message: str) -> None:
    write(tmp_path, "style", channels, landmarks)
    with pytest.raises(UserError, match=message):
        MG(styles_folder=str(tmp_path))


def test_files_that_are_no_styles(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no PNG"):
        MG(styles_folder=str(tmp_path))
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(UserError, match=r"broken.png: cannot be read as a picture"):
        MG(styles_folder=str(tmp_path))
    (tmp_path / "broken.png").unlink()
    cv2.imwrite(str(tmp_path / "clear.png"), np.zeros((60, 60, 4), np.uint8))
    with pytest.raises(UserError, match=r"clear.png: is all transparent"):
        MG(styles_folder=str(tmp_path))
