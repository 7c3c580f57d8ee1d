"""Full and masked faces that are not paired."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data_modules import FaceFolder, FullAndMasked
from maskrec import UserError
from maskrec.data import without_borders
from maskrec.data.borders import clear_window


def bordered(top: int, bottom: int, left: int, right: int) -> "np.ndarray":
    """A grey picture of 40 x 40 with a black border, and a black patch that is no part of it."""
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[top:bottom, left:right] = 128
    middle = (top + bottom) // 2, (left + right) // 2
    image[middle[0] - 2 : middle[0] + 2, middle[1] - 2 : middle[1] + 2] = 0
    return image


@pytest.mark.parametrize(
    ("border", "size", "place"),
    [
        ((0, 40, 0, 40), (20, 10), (10, 15)),  # none: the middle
        ((15, 40, 0, 40), (20, 10), (15, 15)),  # as near to it as may be
        ((12, 32, 2, 30), (20, 10), (12, 15)),
        ((12, 31, 2, 30), (20, 10), None),
        ((0, 40, 0, 40), (41, 10), None),
        ((0, 40, 0, 40), (40, 40), (0, 0)),
    ],
)
def test_the_place_without_border(
    border: tuple[int, int, int, int], size: tuple[int, int], place: tuple[int, int] | None
) -> None:
    window = clear_window(bordered(*border), size)
    if place is None:
        assert window is None
    else:
        (top, left), (height, width) = place, size
        assert window == (slice(top, top + height), slice(left, left + width))


def test_both_kinds_are_cut_at_one_place(faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masked = tmp_path / "masked"
    masked.mkdir()
    for number, border in enumerate([(12, 32, 2, 30), (12, 31, 2, 30)]):
        cv2.imwrite(str(masked / f"{number}.png"), bordered(*border))
    sizes = {"image_size": (40, 40), "num_workers": 0}
    full = FaceFolder(str(faces), held_out=0.0)
    (whole,) = FullAndMasked(full, str(masked), **sizes, batch_size=24).train_dataloader()
    (cut,) = FullAndMasked(full, str(masked), **sizes, batch_size=24, cut=(20, 10)).train_dataloader()
    assert whole.masked.shape == whole.image.shape == (24, 3, 40, 40)
    assert cut.masked.shape == (24, 3, 20, 10)
    assert (cut.image == whole.image[:, :, 12:32, 15:25]).all()
    assert (cut.masked[:, :, 0] == 128).all()


def test_masked_faces_that_all_have_wide_borders_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), bordered(12, 31, 2, 30))
    with pytest.raises(UserError, match=r"data.cut \[20, 10\]: none of 1 masked faces is so large without border"):
        without_borders([str(tmp_path / "0.png")], (40, 40), (20, 10))
