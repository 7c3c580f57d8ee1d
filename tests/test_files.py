"""Files that are there whole or not at all."""

from pathlib import Path

import pytest

from maskrec.files import replacing


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")

    def fail_half_way() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail_half_way()
    assert path.read_text() == "old"
    with replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
