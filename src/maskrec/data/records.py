"""Pictures in InsightFace's `.rec` files, MXNet's RecordIO, read without MXNet.

A record of the file (dmlc-core, recordio.h) is a magic number, a word whose upper 3 bits say whether it is whole (0) or
which part of a record (1 first, 2 middle, 3 last: the magic number stood between two parts) and whose lower 29 are its
length in bytes, and these bytes, padded to 4. They begin with MXNet's IRHeader: flag, label, id, id2; flag > 0 says
that so many labels of 4 bytes follow. Beside the file lies its `.idx`, of lines `<key> TAB <offset>`.

A picture's identity is its label, or the first of several. InsightFace also writes records without a picture: record 0,
and one an identity, which hold ranges of keys. These are passed over: they are float32, and wrong beyond 2^24 records.

Within this package a picture in a record has the path `<file>.rec#<key>@<offset>`.
"""

import mmap
import os
import re
import struct
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskrec.errors import UserError, missing

RECORDS, INDEX = "train.rec", "train.idx"
MAGIC = 0xCED7230A
FRAME = struct.Struct("<II")  # magic number, kind and length
HEADER = struct.Struct("<IfQQ")  # flag, label, id, id2
WHOLE, FIRST, MIDDLE, LAST = range(4)
SEEN = FRAME.size + HEADER.size + 4  # bytes of a record that say all but its picture: up to the first of several labels
AT_ONCE = 2**16  # records looked at together

IN_RECORD = re.compile(r"\.rec#\d+@\d+\Z")

Integers = npt.NDArray[np.int64]


def is_record(path: str) -> bool:
    """Whether a picture's path is that of a record."""
    return IN_RECORD.search(path) is not None


def file_of(path: str) -> str:
    """The file a picture lies in: itself, or that of its record."""
    return path.rpartition("#")[0] if is_record(path) else path


def describe(path: str) -> str:
    """A picture's path as a person reads it."""
    shown = _name(*_parsed(path)) if is_record(path) else path
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # of any bytes


def read_picture(path: str) -> bytes:
    """The picture of a record as it was encoded.

    Raises:
        UserError: The file is missing, or broken there.
    """
    return _unpacked(*_parsed(path))[1]


def record_faces(file: Path) -> tuple[list[str], Integers]:
    """The pictures of a file, (N,) paths, and their labels, (N,), in the order of labels.

    Raises:
        UserError: A file is missing, or broken; pictures themselves are not looked at.
    """
    keys, offsets = _read_index(file.with_suffix(".idx"))
    labels = np.concatenate([_labels(str(file), *part) for part in _parts(keys, offsets)])
    rows = np.flatnonzero(labels >= 0)
    if not rows.size:
        raise UserError(f"{file}: none of its {len(keys):,} records holds a picture")
    rows = rows[labels[rows].argsort(kind="stable")]
    return [f"{file}#{keys[row]}@{offsets[row]}" for row in rows], labels[rows]


def find_records(root: Path) -> list[tuple[bytes, int, int]]:
    """As `find_pictures`, of records: size and time are those of their file. None where the folder has no such file."""
    if not (root / RECORDS).is_file():
        return []
    found = (root / RECORDS).stat()
    prefix = os.path.join(root, "")
    names = sorted(os.fsencode(path.removeprefix(prefix)) for path in record_faces(root / RECORDS)[0])
    return [(name, found.st_size, found.st_mtime_ns) for name in names]


# The index.


def _read_index(file: Path) -> tuple[Integers, Integers]:
    """Keys and offsets, (N,) each."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise missing(f"index {file}", error, f"{RECORDS} and {INDEX} beside each other") from error
    with warnings.catch_warnings():  # of what is not a number; it is found below
        warnings.simplefilter("ignore", DeprecationWarning)
        numbers = np.fromstring(content.decode("ascii", "replace"), dtype=np.int64, sep=" ")
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if not content or numbers.size != 2 * lines:
        for line, text in enumerate(content.splitlines() or [b""], start=1):
            if not re.fullmatch(rb"\d+\t\d+\s*", text):
                said = text[:40].decode("ascii", "replace")
                raise UserError(f"index {file}, line {line}: expected `<key> TAB <offset>`, got '{said}'")
    keys, offsets = numbers.reshape(-1, 2).T
    return keys, offsets


def _parts(keys: Integers, offsets: Integers) -> list[tuple[Integers, Integers]]:
    starts = range(0, len(keys), AT_ONCE)
    return [(keys[start : start + AT_ONCE], offsets[start : start + AT_ONCE]) for start in starts]


def _labels(file: str, keys: Integers, offsets: Integers) -> Integers:
    """(N,) the label of each record's picture, -1 where it holds none."""
    content = np.frombuffer(_mapped(file), dtype=np.uint8)
    at = (offsets[:, None] + np.arange(SEEN)).clip(0, len(content) - 1)
    magic, word, flag, label, _, _, _, _, first = content[at].view("<u4").T
    kind, length = word >> 29, (word & (2**29 - 1)).astype(np.int64)
    beyond = HEADER.size + 4 * flag.astype(np.int64)
    is_good = (magic == MAGIC) & (kind == WHOLE) & (length >= beyond)
    is_good &= (offsets >= 0) & (offsets + FRAME.size + length <= len(content))
    of_record = np.where(flag > 0, first, label).astype("<u4").view("<f4")
    labels = np.where(is_good & (length > beyond), of_record, -1).astype(np.int64)
    for row in np.flatnonzero(~is_good):  # in several parts, or broken: that is said
        found, picture = _unpacked(file, int(keys[row]), int(offsets[row]))
        labels[row] = found if picture else -1
    return labels


# A record.


def _parsed(path: str) -> tuple[str, int, int]:
    file, _, record = path.rpartition("#")
    key, _, offset = record.partition("@")
    return file, int(key), int(offset)


def _name(file: str, key: int, offset: int) -> str:
    return f"{file}, record {key} at offset {offset}"


def _unpacked(file: str, key: int, offset: int) -> tuple[int, bytes]:
    """The label of a record, and its picture."""
    record = _read(file, key, offset)
    if len(record) < HEADER.size:
        raise UserError(f"{_name(file, key, offset)}: its header is cut off, {len(record)} of {HEADER.size} bytes")
    flag, label, _, _ = HEADER.unpack_from(record)
    start = HEADER.size + 4 * flag
    if start > len(record):
        raise UserError(f"{_name(file, key, offset)}: its header announces {flag} labels, in {len(record)} bytes")
    if flag:
        (label,) = struct.unpack_from("<f", record, HEADER.size)
    return int(label), record[start:]


def _read(file: str, key: int, offset: int) -> bytes:
    """The bytes of a record, its parts put together."""
    content, parts, at, expected = _mapped(file), [], offset, (WHOLE, FIRST)
    while True:
        if not 0 <= at <= len(content) - FRAME.size:
            raise UserError(f"{_name(file, key, offset)}: cut off, the file ends at byte {len(content)}")
        magic, word = FRAME.unpack_from(content, at)
        if magic != MAGIC:
            raise UserError(f"{_name(file, key, offset)}: magic number {magic:#x} at byte {at}, expected {MAGIC:#x}")
        kind, start = word >> 29, at + FRAME.size
        end = start + (word & (2**29 - 1))
        if kind not in expected:
            raise UserError(f"{_name(file, key, offset)}: part of kind {kind} at byte {at}, expected one of {expected}")
        if end > len(content):
            raise UserError(f"{_name(file, key, offset)}: ends at byte {end}, the file at byte {len(content)}")
        parts.append(content[start:end])
        if kind in (WHOLE, LAST):
            return MAGIC.to_bytes(4, "little").join(parts)
        at, expected = end + (start - end) % 4, (MIDDLE, LAST)


@lru_cache(maxsize=8)
def _mapped(file: str) -> mmap.mmap:
    try:
        with open(file, "rb") as content:
            return mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise UserError(f"records {file}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"records {file}: empty") from error
