"""Generated faces on disk."""

import errno
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from maskrec import UserError
from maskrec.data import index_faces
from maskrec.data.generated import draw_face, generate_faces, store


def files(root: Path) -> dict[str, tuple[int, int]]:
    """Every file with its inode and the time it was written."""
    return {str(p.relative_to(root)): (p.stat().st_ino, p.stat().st_mtime_ns) for p in root.rglob("*") if p.is_file()}


def test_what_is_written_is_what_was_drawn(drawn_faces: Path) -> None:
    index = index_faces(drawn_faces)
    assert index.counts.tolist() == [4] * 6
    picture, _ = draw_face(0, 2, 3)
    written = cv2.imread(str(drawn_faces / "0000002" / "0003.jpg"))[..., ::-1]
    assert np.abs(written.astype(int) - picture).mean() < 4  # JPEG


def test_a_second_call_draws_nothing(faces: Path) -> None:
    before = files(faces)
    generate_faces(faces, 6, 4, 0)
    assert files(faces) == before


def test_what_is_missing_is_drawn_and_nothing_else(faces: Path) -> None:
    before = files(faces)
    picture = (faces / "0000003" / "0001.jpg").read_bytes()
    (faces / "0000003" / "0001.jpg").unlink()
    (faces / "0000005" / "0000.jpg").unlink()
    generate_faces(faces, 6, 4, 0)
    after = files(faces)
    assert before.keys() == after.keys()
    assert (faces / "0000003" / "0001.jpg").read_bytes() == picture
    untouched = [name for name in before if name.startswith(("0000000", "0000001", "0000002", "0000004"))]
    assert all(before[name] == after[name] for name in untouched)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, "version is 0, not"),
        ({"seed": 9}, "seed is 9, not 0"),
        ({"images": 7}, "images is 7, not 4"),
    ],
)
def test_another_recipe_is_left_alone(faces: Path, change: dict[str, int], message: str) -> None:
    recipe = faces / "recipe.json"
    recipe.write_text(json.dumps(json.loads(recipe.read_text()) | change))
    before = files(faces)
    with pytest.raises(UserError, match=f"{message}.*remove the folder"):
        generate_faces(faces, 6, 4, 0)
    assert files(faces) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(UserError, match=r"no readable recipe\.json"):
        generate_faces(tmp_path, 2, 2, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


def test_a_full_disk_is_one_line_and_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def fill(self: Path, content: Any) -> int:
        if self.name == "0001.jpg" and "0000001" in self.parent.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    root = tmp_path / "faces"
    monkeypatch.setattr(Path, "write_bytes", fill)  # in the processes that draw, too: they are forked
    with pytest.raises(UserError, match="No space left on device; MASKREC_CACHE names the folder"):
        generate_faces(root, 3, 2, 0)
    assert not (root / "0000001").exists()
    assert not [path for path in root.iterdir() if path.is_dir() and path.name.startswith(".")]
    monkeypatch.undo()
    generate_faces(root, 3, 2, 0)
    assert index_faces(root).counts.tolist() == [2, 2, 2]


def test_the_order_of_landmarks_is_that_of_files() -> None:
    names = [store.folder_name(number) for number in (0, 9, 10, 99_999, 1_000_000)]
    assert names == sorted(names)
