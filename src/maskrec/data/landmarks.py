"""The landmarks of a folder's pictures: one memory-mapped file, written by `maskrec landmarks ROOT` and read here.

The file, `landmarks.npy` beside the data, is an array of records in the order of their names. A record holds, with its
landmarks, the size of the file and when it was last changed: landmarks of another picture are never used.
Where the data's folder is read-only, the file lies in the cache (`MASKREC_CACHE`, default `~/.cache/maskrec`).
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import albumentations as A
import numpy as np
import numpy.typing as npt
from pytorch_lightning.utilities import rank_zero_info

from maskrec.data.images import fit_points
from maskrec.data.index import cache_folder, find_pictures
from maskrec.data.records import file_of, find_records
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.masking.base import Points
from maskrec.masking.layout import NUM_LANDMARKS, TEMPLATE, TEMPLATE_SIZE

FILE = "landmarks.npy"
LARGEST = 10  # a face wider than so many pictures is none

Table: TypeAlias = npt.NDArray[np.void]
Names: TypeAlias = npt.NDArray[np.bytes_]


class Status(IntEnum):
    """What is known of a picture."""

    TO_DETECT = 0
    FOUND = 1
    NOT_FOUND = 2
    BROKEN = 3


class FaceLandmarks:
    """The landmarks of some pictures, by row.

    Args:
        points: (M, 96, 2) those of a folder, memory-mapped.
        records: (N,) the place of each row's picture among them; -1 where it has no landmarks of its own.
    """

    def __init__(self, points: Points, records: npt.NDArray[np.int64]) -> None:
        self.points = points
        self.records = records

    @property
    def is_fallback(self) -> npt.NDArray[np.bool_]:
        """(N,) whether the picture has no landmarks of its own, and so takes the template's."""
        return self.records < 0

    def of(self, row: int, shape: tuple[int, ...]) -> Points:
        """The landmarks of a picture, (96, 2) x, y in its pixels.

        Args:
            row: Number of the picture.
            shape: Its (height, width, ...).
        """
        points: Points = self.points[self.records[row]]
        return template_landmarks(shape) if self.records[row] < 0 else points


def template_landmarks(shape: tuple[int, ...]) -> Points:
    """The landmarks, (96, 2), of an average aligned face in a picture of (height, width, ...)."""
    return fit_points(TEMPLATE, (TEMPLATE_SIZE, TEMPLATE_SIZE), (shape[0], shape[1]))


def are_faces(points: Points, shapes: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """(N,) whether landmarks can be those of a face: finite, apart, not all outside the picture.

    Args:
        points: (N, 96, 2) x, y in pixels.
        shapes: (N, 2) height and width of each picture.
    """
    is_face = np.ones(len(points), dtype=bool)
    for axis, length in enumerate(shapes.T[::-1]):  # one at a time: both at once take ten times as long
        low, high = points[..., axis].min(axis=1), points[..., axis].max(axis=1)
        with np.errstate(invalid="ignore"):  # NaN fails every comparison
            extent = high - low
        is_face &= (extent > 1) & (extent < LARGEST * length) & (low < length) & (high > 0)
    return is_face


def read_landmarks(root: Path, paths: Sequence[str]) -> FaceLandmarks:
    """The landmarks of pictures that were detected before.

    Args:
        root: The folder `maskrec landmarks` was run on.
        paths: (N,) pictures below it.

    Raises:
        UserError: There are none, they do not cover the pictures, or a picture was changed since.
    """
    advice = f"run `maskrec landmarks {root}`"
    file = find_table(root)
    if file is None:
        raise UserError(f"data root {root}: landmarks are needed, and none were detected: {advice}")
    table = open_table(file)
    prefix = os.path.join(root, "")
    names = np.array([os.fsencode(path.removeprefix(prefix)) for path in paths], dtype=np.bytes_)
    records = find_names(table, names)
    status = table["status"][records]
    missed = np.flatnonzero((records < 0) | (status == Status.TO_DETECT))
    if missed.size:
        raise UserError(f"landmarks {file}: lack {missed.size} pictures, the first {paths[missed[0]]}: {advice}")
    try:
        stamps = np.array([(found.st_size, found.st_mtime_ns) for found in map(os.stat, map(file_of, paths))], np.int64)
    except OSError as error:
        raise UserError(f"image {error.filename}: {error.strerror}") from error
    size, modified = stamps.reshape(-1, 2).T
    stale = np.flatnonzero((table["size"][records] != size) | (table["modified"][records] != modified))
    if stale.size:
        raise UserError(f"image {paths[stale[0]]}: changed after its landmarks were detected: {advice}")
    is_found = (table["status"] == Status.FOUND) & are_faces(table["points"], table["shape"])
    records = np.where(is_found[records], records, -1)
    if (records < 0).any():
        _say_once(f"{(records < 0).sum():,} of {len(paths):,} faces below {root} have the template's landmarks")
    return FaceLandmarks(np.asarray(table["points"]), records)


def landmarks_for(
    transforms: Sequence[A.BasicTransform | None], root: Path, paths: Sequence[str]
) -> FaceLandmarks | None:
    """The landmarks of pictures below a folder, where one of the transforms needs them."""
    return read_landmarks(root, paths) if _need_landmarks(transforms) else None


def joined_landmarks(parts: Sequence[FaceLandmarks | None]) -> FaceLandmarks | None:
    """The landmarks of several folders' pictures, one folder after the other; None where none are needed."""
    known = [part for part in parts if part is not None]
    if len(known) < 2:
        return known[0] if known else None
    records = [part.records for part in known]
    starts = np.cumsum([0, *(len(part.points) for part in known[:-1])])
    shifted = [np.where(of_part < 0, -1, of_part + start) for of_part, start in zip(records, starts, strict=True)]
    return FaceLandmarks(np.concatenate([part.points for part in known]), np.concatenate(shifted))


def _need_landmarks(transforms: Iterable[Any]) -> bool:
    """Whether one of the transforms is a mask that needs landmarks, or holds such a one, as `A.OneOf` may."""
    return any(
        getattr(transform, "needs_landmarks", False) or _need_landmarks(getattr(transform, "transforms", ()))
        for transform in transforms
    )


@cache
def _say_once(line: str) -> None:
    """Loaders are built anew now and then."""
    rank_zero_info(line)


# The file.


def find_table(root: Path) -> Path | None:
    """The file with the landmarks of a folder, the newer one if there is one in the cache too."""
    files = [file for file in (root / FILE, _cached(root)) if file.is_file()]
    return max(files, key=lambda file: file.stat().st_mtime_ns, default=None)


def place_to_write(root: Path) -> Path:
    """Where landmarks of a folder are written: beside the data, or in the cache where the folder is read-only."""
    # Its mode is looked at, too: root may write to what others made read-only, and should not.
    is_writable = os.access(root, os.W_OK) and stat.S_IMODE(root.stat().st_mode) & 0o222
    return root / FILE if is_writable else _cached(root)


def _cached(root: Path) -> Path:
    return cache_folder() / f"landmarks-{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]}.npy"


def open_table(file: Path) -> Table:
    """Memory-map the records of a folder.

    Raises:
        UserError: The file cannot be read, or holds something else.
    """
    try:
        table: Table = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"landmarks {file}: {error}; run `maskrec landmarks` again") from error
    fields: Mapping[str, Any] = table.dtype.fields or {}
    if "name" not in fields or table.dtype != record_type(fields["name"][0].itemsize):
        raise UserError(f"landmarks {file}: not as this version writes them; run `maskrec landmarks` again")
    return table


def record_type(name_length: int) -> np.dtype[np.void]:
    """A record, whose name takes so many bytes; `modified` in nanoseconds."""
    points = ("points", np.float32, (NUM_LANDMARKS, 2))
    stamps = [("size", np.int64), ("modified", np.int64)]
    return np.dtype(
        [points, *stamps, ("shape", np.int32, (2,)), ("status", np.uint8), ("name", f"S{name_length}")], align=True
    )


def list_pictures(root: Path) -> Table:
    """A record for each picture of a folder, of which nothing is known yet.

    Pictures are those in its `train.rec`, or else all below it; what is hidden is passed over.

    Raises:
        UserError: The folder is missing, or holds no picture.
    """
    names, sizes, modified = zip(*(find_records(root) or find_pictures(root)), strict=True)
    table = np.zeros(len(names), record_type(max(map(len, names))))
    table["name"], table["size"], table["modified"], table["points"] = names, sizes, modified, np.nan
    return table


def find_names(table: Table, names: Names) -> npt.NDArray[np.int64]:
    """(N,) the records of these names, -1 where there is none."""
    known = np.ascontiguousarray(table["name"])
    records = np.searchsorted(known, names).clip(max=len(known) - 1)
    return np.where(known[records] == names, records, -1)


def write_table(file: Path, table: Table) -> None:
    """Write all records; the file is there whole or not at all, and what was there before is no one else's loss."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as partial, partial.open("wb") as out:
        np.lib.format.write_array_header_2_0(out, np.lib.format.header_data_from_array_1_0(table))
        out.write(table.view(np.uint8).data)  # `np.save` would not say that the disk is full
