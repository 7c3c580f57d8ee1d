"""Files that are there whole or not at all."""

from pathlib import Path

import pytest

from maskrec.files import replacing


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="in the middle"), replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError("in the middle")
    assert path.read_text() == "old"
    with replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
