"""The cached list of a folder of identities."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from maskrec import UserError
from maskrec.data import LabelledFaces, index_faces, readable_faces
from maskrec.data import index as index_module


def labelled(root: Path) -> LabelledFaces:
    index = index_faces(root)
    return LabelledFaces(index.paths(), index.labels())


def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the identities whose folders are listed from now on."""
    names: list[str] = []
    original = index_module._list_identity

    def spy(root: Path, name: str) -> list[str]:
        names.append(name)
        return original(root, name)

    monkeypatch.setattr(index_module, "_list_identity", spy)
    return names


def test_identities_and_pictures_in_order(faces: Path) -> None:
    (faces / ".hidden").mkdir()
    (faces / "0000000" / "Thumbs.db").touch()
    index = index_faces(faces)
    assert index.identities == [f"{i:07d}" for i in range(6)]
    assert index.counts.tolist() == [4] * 6
    assert index.labels().tolist() == np.repeat(range(6), 4).tolist()
    assert index.paths()[5] == str(faces / "0000001" / "0001.jpg")


def test_a_later_start_lists_only_what_changed(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = index_faces(faces)
    names = listed(monkeypatch)
    assert index_faces(faces).files == before.files
    assert names == []
    source = faces / "0000002" / "0000.jpg"
    os.link(source, faces / "0000002" / "new.jpg")
    os.utime(faces / "0000002", ns=(1, 1))
    after = index_faces(faces)
    assert names == ["0000002"]
    assert after.counts.tolist() == [4, 4, 5, 4, 4, 4]
    assert index_faces(faces).files == after.files
    assert names == ["0000002"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short"])
def test_a_damaged_cache_is_made_anew(faces: Path, cache: Path, content: bytes) -> None:
    before = index_faces(faces)
    for file in cache.glob("index-*.npz"):
        file.write_bytes(content)
    assert index_faces(faces).files == before.files


def test_a_cache_that_cannot_be_written_costs_nothing_else(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKREC_CACHE", str(faces / "0000000" / "0000.jpg" / "no_folder"))
    assert len(index_faces(faces).files) == 24


def test_bad_roots_are_named(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASKREC_DATA", raising=False)
    with pytest.raises(
        UserError, match=r"nowhere: No such file.*expected <identity>/<image> folders \(MASKREC_DATA.*is not set"
    ):
        index_faces(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no folder of an identity"):
        index_faces(tmp_path / "empty")
    (faces / "nobody").mkdir()
    with pytest.raises(UserError, match=r"identity .*nobody: holds no picture"):
        index_faces(faces)
    (faces / "nobody" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"image .*notes.txt: not a picture"):
        index_faces(faces)


def test_broken_pictures_stop_or_are_left_out(faces: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = faces / "0000001" / "0002.jpg"
    broken.write_bytes(broken.read_bytes()[:60])
    (faces / "0000003" / "0001.jpg").write_bytes(b"")
    for _ in range(2):  # the second time from the record
        with pytest.raises(UserError, match=r"2 of 24 pictures cannot be read, the first .*0000001/0002.jpg"):
            readable_faces(labelled(faces), "error")
    kept = readable_faces(labelled(faces), "skip")
    assert len(kept.paths) == 22
    assert str(broken) not in kept.paths
    assert str(broken) in caplog.text
    assert kept.num_identities == 6


def test_a_picture_that_changes_is_read_again(faces: Path) -> None:
    assert len(readable_faces(labelled(faces), "error").paths) == 24
    (faces / "0000001" / "0002.jpg").write_bytes(b"no picture any more")
    with pytest.raises(UserError, match=r"1 of 24 pictures cannot be read, the first .*0000001/0002.jpg"):
        readable_faces(labelled(faces), "error")


def test_names_of_any_bytes_and_pictures_of_any_size_are_recorded(faces: Path) -> None:
    broken = os.fsencode(faces / "0000001") + b"/\xe9.png"
    size = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)  # more pixels than are read
    header = b"IHDR" + size
    chunk = struct.pack(">I", len(size)) + header + struct.pack(">I", zlib.crc32(header))
    with open(broken, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk)
    for _ in range(2):  # the second time from the record
        kept = readable_faces(labelled(faces), "skip")
        assert len(kept.paths) == 24


def test_an_identity_without_readable_pictures_goes(faces: Path) -> None:
    for picture in (faces / "0000002").iterdir():
        picture.write_bytes(b"no picture")
    kept = readable_faces(labelled(faces), "skip")
    assert kept.num_identities == 5
    assert np.bincount(kept.labels).tolist() == [4] * 5
