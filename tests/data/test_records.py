"""InsightFace's records, against a writer of their own."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_modules import FaceFolder, Glint360K, WebFace42M
from maskrec import UserError
from maskrec.data import index_faces, read_landmarks, record_faces
from maskrec.data.detection import detect_landmarks
from maskrec.data.images import read_image
from maskrec.data.records import read_picture
from maskrec.masking import MANMask

MAGIC = bytes.fromhex("0a23d7ce")


class Writer:
    """Writes a file and its index record by record, as dmlc-core and MXNet do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "train.rec"
        self.content, self.offsets = b"", list[int]()

    def add(self, label: float | list[float], picture: bytes = b"") -> int:
        """A record; returns its key."""
        several = isinstance(label, list)
        header = struct.pack("<IfQQ", len(label) if several else 0, 0 if several else label, len(self.offsets), 0)
        payload = header + (np.array(label, dtype="<f4").tobytes() if several else b"") + picture
        self.offsets.append(len(self.content))
        # Where the magic number stands at a multiple of 4, the record is cut there, and the number left out.
        cuts = [at for at in range(0, len(payload) - 3, 4) if payload[at : at + 4] == MAGIC]
        edges = zip([0, *(cut + 4 for cut in cuts)], [*cuts, len(payload)], strict=True)
        for number, (start, end) in enumerate(edges):
            kind = 0 if not cuts else 1 if number == 0 else 3 if number == len(cuts) else 2
            part = payload[start:end]
            self.content += MAGIC + struct.pack("<I", kind << 29 | len(part)) + part + b"\0" * (-len(part) % 4)
        return len(self.offsets) - 1

    def write(self, newline: str = "\n") -> Path:
        self.file.write_bytes(self.content)
        lines = (f"{key}\t{offset}{newline}" for key, offset in enumerate(self.offsets))
        self.file.with_suffix(".idx").write_text("".join(lines), newline="")
        return self.file


def packed(faces: Path, folder: Path) -> Writer:
    """A folder of identities as InsightFace packs it: record 0, the pictures, a record an identity."""
    writer, index = Writer(folder), index_faces(faces)
    identities = len(index.identities)
    pictures = len(index.files)
    writer.add([pictures + 1, pictures + 1 + identities])
    first = [1]
    for path, label in zip(index.paths(), index.labels(), strict=True):
        # Some packers give a picture one label, some a list of them.
        writer.add(float(label) if label % 2 else [float(label), 0.0], Path(path).read_bytes())
    for count in index.counts:
        first.append(first[-1] + int(count))
        writer.add([float(first[-2]), float(first[-1])])
    return writer


def test_pictures_and_identities_are_those_that_were_packed(faces: Path, tmp_path: Path) -> None:
    file = packed(faces, tmp_path / "rec").write()
    paths, labels = record_faces(file)
    index = index_faces(faces)
    assert labels.tolist() == index.labels().tolist()
    for path, original in zip(paths, index.paths(), strict=True):
        assert read_picture(path) == Path(original).read_bytes()
        assert (read_image(path) == read_image(original)).all()


def test_shuffled_records_come_in_the_order_of_their_identities(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for label in (7, 3, 7, 5, 3):  # no records but pictures
        writer.add(float(label), bytes([label]) * label)
    paths, labels = record_faces(writer.write("\r\n"))
    assert labels.tolist() == [3, 3, 5, 7, 7]
    assert [read_picture(path)[0] for path in paths] == [3, 3, 5, 7, 7]


@pytest.mark.parametrize("before", [0, 2, 4, 8])
def test_a_record_that_holds_the_magic_number_is_put_together(before: int, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    pictures = [b"x" * before + MAGIC + b"yz" + MAGIC * 2 + b"end", b"plain", MAGIC]
    for picture in pictures:
        writer.add(1.0, picture)
    paths, _ = record_faces(writer.write())
    assert [read_picture(path) for path in paths] == pictures


def cut_in_the_last(writer: Writer) -> None:
    writer.content = writer.content[:-6]


def cut_in_a_frame(writer: Writer) -> None:
    writer.content = writer.content[: writer.offsets[3] + 5]


def wrong_magic(writer: Writer) -> None:
    at = writer.offsets[2]
    writer.content = writer.content[:at] + b"\1\2\3\4" + writer.content[at + 4 :]


def short_header(writer: Writer) -> None:
    writer.content = writer.content[: writer.offsets[3]] + MAGIC + struct.pack("<I", 12) + b"\0" * 12


def many_labels(writer: Writer) -> None:
    at = writer.offsets[1] + 8
    writer.content = writer.content[:at] + struct.pack("<I", 1000) + writer.content[at + 4 :]


def begins_in_the_middle(writer: Writer) -> None:
    at = writer.offsets[1] + 4
    (word,) = struct.unpack_from("<I", writer.content, at)
    writer.content = writer.content[:at] + struct.pack("<I", word | 2 << 29) + writer.content[at + 4 :]


def never_ends(writer: Writer) -> None:
    at = writer.offsets[1] + 4
    (word,) = struct.unpack_from("<I", writer.content, at)
    writer.content = writer.content[:at] + struct.pack("<I", word | 1 << 29) + writer.content[at + 4 :]


def beyond_the_end(writer: Writer) -> None:
    writer.offsets[3] = 10_000


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut_in_the_last, r"record 3 at offset 132: ends at byte 176, the file at byte 170"),
        (cut_in_a_frame, r"record 3 at offset 132: cut off, the file ends at byte 137"),
        (wrong_magic, r"record 2 at offset 88: magic number 0x4030201 at byte 88, expected 0xced7230a"),
        (short_header, r"record 3 at offset 132: its header is cut off, 12 of 24 bytes"),
        (many_labels, r"record 1 at offset 44: its header announces 1000 labels, in 36 bytes"),
        (begins_in_the_middle, r"record 1 at offset 44: part of kind 2 at byte 44, expected one of \(0, 1\)"),
        (never_ends, r"record 1 at offset 44: part of kind 0 at byte 88, expected one of \(2, 3\)"),
        (beyond_the_end, r"record 3 at offset 10000: cut off, the file ends at byte 176"),
    ],
)
def test_a_broken_file_is_said_with_record_and_offset(
    damage: Callable[[Writer], None], said: str, tmp_path: Path
) -> None:
    writer = Writer(tmp_path)
    for label in range(4):
        writer.add(float(label), b"0123456789ab")  # 8 + 24 + 12 bytes
    damage(writer)
    with pytest.raises(UserError, match=rf"^{tmp_path}/train\.rec, {said}$"):
        record_faces(writer.write())


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("0\t0\n1\tx\n", r"line 2: expected `<key> TAB <offset>`, got '1\tx'"),
        ("0\t0\n1", "line 2: expected"),
        ("0\t0\n\n1\t44\n", "line 2: expected"),
        ("", "line 1: expected"),
        (None, "No such file or directory; expected train.rec and train.idx beside each other"),
    ],
)
def test_a_broken_index_is_said_with_its_line(index: str | None, said: str, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.add(0.0, b"0123")
    file = writer.write()
    if index is None:
        file.with_suffix(".idx").unlink()
    else:
        file.with_suffix(".idx").write_text(index)
    with pytest.raises(UserError, match=rf"train\.idx.*{said}"):
        record_faces(file)


def test_a_file_without_pictures_or_bytes_is_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "none")
    writer.add([1.0, 1.0])
    with pytest.raises(UserError, match="none of its 1 records holds a picture"):
        record_faces(writer.write())
    empty = Writer(tmp_path / "empty").write()
    empty.with_suffix(".idx").write_text("0\t0\n")
    with pytest.raises(UserError, match=r"train\.rec: empty"):
        record_faces(empty)


def test_a_picture_that_cannot_be_decoded_is_named_or_left_out(faces: Path, tmp_path: Path) -> None:
    writer = packed(faces, tmp_path)
    key = writer.add(0.0, b"no picture")
    writer.write()
    with pytest.raises(UserError, match=rf"1 of 25 pictures cannot be read, the first .*train\.rec, record {key} at"):
        _ = Glint360K(str(tmp_path)).num_identities
    assert Glint360K(str(tmp_path), broken="skip", held_out=0).num_identities == 6
    with pytest.raises(
        UserError, match=rf"train\.rec, record {key} at offset {writer.offsets[key]}: broken, or not a pic"
    ):
        read_image(f"{writer.file}#{key}@{writer.offsets[key]}")


@pytest.mark.parametrize("data", [Glint360K, WebFace42M])
def test_records_and_folders_hold_the_same_faces(data: type[FaceFolder], faces: Path, tmp_path: Path) -> None:
    packed(faces, tmp_path / "rec").write()
    shown = []
    for root in (faces, tmp_path / "rec"):
        module = data(str(root), held_out=0.34, val_pairs=10, batch_size=4, num_workers=0)
        assert module.num_identities == 4
        (held_out,) = module.validation_sets()
        assert held_out.evaluation().protocols
        batches = [*module.train_dataloader()]
        assert len(batches) == 4
        shown.append((batches[0].image, batches[0].identity, held_out.faces((112, 112))[3].image))
    for one, other in zip(*shown, strict=True):
        assert (one == other).all()
    with pytest.raises(
        UserError, match=f"expected {data.__name__}'s train.rec and train.idx, or <root>/<identity>/<imag"
    ):
        _ = data(str(tmp_path / "nowhere")).num_identities


def test_masks_find_the_landmarks_of_records(faces: Path, tmp_path: Path) -> None:
    root = tmp_path / "rec"
    writer = packed(faces, root)
    writer.write()
    masking = MANMask(p=1.0)
    with pytest.raises(
        UserError, match=f"landmarks are needed, and none were detected: run `maskrec landmarks {root}`"
    ):
        Glint360K(str(root), held_out=0, masking=masking).training_faces()
    (faces / "landmarks.npy").unlink()  # drawn faces know theirs
    detected, of_files = detect_landmarks(root, processes=1), detect_landmarks(faces, processes=1)
    assert detected.found == of_files.found == 24
    paths, _ = record_faces(writer.file)
    for row, path in enumerate(paths):
        expected = read_landmarks(faces, index_faces(faces).paths()).of(row, (112, 112))
        np.testing.assert_allclose(read_landmarks(root, paths).of(row, (112, 112)), expected, atol=1e-3, err_msg=path)
    module = Glint360K(str(root), held_out=0, masking=masking, batch_size=8, num_workers=0)
    batch = next(iter(module.train_dataloader()))
    assert batch.is_masked.all()
    assert batch.landmarks.isfinite().all()
    os.utime(writer.file, ns=(1, 1))
    with pytest.raises(UserError, match=r"train\.rec#.*changed after its landmarks were detected"):
        read_landmarks(root, paths)


def test_pngs_in_records_are_read_too(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
    writer = Writer(tmp_path)
    writer.add(0.0, cv2.imencode(".png", image)[1].tobytes())
    (path,), _ = record_faces(writer.write())
    assert (read_image(path)[..., ::-1] == image).all()
