"""`maskrec landmarks`: detects what is missing in a folder's file of landmarks, in several processes.

The file is written whole at the start, with the pictures still to be detected marked as such, and filled in place:
whatever ends the process, all but the last few pictures are kept, and a full disk is noticed before the work.
"""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from maskrec.data.images import read_image
from maskrec.data.landmarks import (
    Status,
    Table,
    are_faces,
    find_names,
    find_table,
    list_pictures,
    open_table,
    place_to_write,
    write_table,
)
from maskrec.data.records import describe
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.masking.base import Points
from maskrec.masking.landmarks import FaceMesh
from maskrec.masking.layout import NUM_LANDMARKS
from maskrec.processes import in_silence, process_pool

CHUNK = 64  # pictures a process takes at a time: half a second's work, lost at most when it is killed
NAMED = 3  # pictures without landmarks that the summary names


class Detected(NamedTuple):
    """What a folder's file of landmarks says."""

    file: Path
    found: int
    without: list[tuple[str, str]]
    """(why, name) of each picture without landmarks, in order."""

    @property
    def list_file(self) -> Path:
        """Where the pictures without landmarks are listed."""
        return self.file.with_name(f"{self.file.stem}-not-found.txt")

    def summary(self) -> str:
        """How many, and the first without."""
        counts = Counter(why for why, _ in self.without)
        parts = [f"{self.found:,} found", *(f"{count:,} {why}" for why, count in sorted(counts.items(), reverse=True))]
        text = f"{self.found + len(self.without):,} pictures: {', '.join(parts)}"
        if self.without:
            first = ", ".join(describe(name) for _, name in self.without[:NAMED])
            text += f" ({first}{', ...' if len(self.without) > NAMED else ''}; all in {self.list_file})"
        return f"{text}\nlandmarks: {self.file}"


def detect_landmarks(root: Path, processes: int | None = None) -> Detected:
    """Detect the landmarks of every picture below a folder that is new, was changed, or was left over by a kill.

    Args:
        root: The folder; what is not in it any more is dropped from its file.
        processes: Processes that detect; default: one a core.

    Raises:
        UserError: The folder holds no pictures, or the file cannot be written.
    """
    table, file = list_pictures(root), find_table(root)
    known = _known(file)
    if known is not None:
        if file is not None and _is_complete(known, table):
            return _detected(file, known)
        _take_over(table, known)
    file = place_to_write(root)
    try:
        write_table(file, table)
        _detect_missing(root, file, table, processes)
        detected = _detected(file, table)
        with replacing(detected.list_file) as partial:
            lines = "".join(f"{why}\t{name}\n" for why, name in detected.without)
            partial.write_text(lines, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"landmarks {file}: {error.strerror or error}; what was detected is kept") from error
    except BrokenProcessPool as error:
        raise UserError(f"landmarks {file}: a process was killed (memory?); start again, and it goes on") from error
    return detected


def _known(file: Path | None) -> Table | None:
    """What was detected before; of a damaged file, nothing."""
    try:
        return None if file is None else open_table(file)
    except UserError:
        return None


def _is_complete(known: Table, listed: Table) -> bool:
    """Whether there is nothing to detect, and nothing to drop."""
    return (
        len(known) == len(listed)
        and all((known[field] == listed[field]).all() for field in ("name", "size", "modified"))
        and not (known["status"] == Status.TO_DETECT).any()
    )


def _take_over(table: Table, known: Table) -> None:
    """Fill in what is known of pictures that did not change."""
    records = find_names(known, table["name"])
    is_same = (records >= 0) & (known["size"][records] == table["size"])
    is_same &= known["modified"][records] == table["modified"]
    for field in ("status", "shape", "points"):
        table[field][is_same] = known[field][records[is_same]]


def _detected(file: Path, table: Table) -> Detected:
    why = {Status.NOT_FOUND: "not found", Status.BROKEN: "broken"}
    found = table["status"] == Status.FOUND
    without = zip(table["status"][~found].tolist(), table["name"][~found].tolist(), strict=True)
    return Detected(file, int(found.sum()), [(why[status], os.fsdecode(name)) for status, name in without])


def _detect_missing(root: Path, file: Path, table: Table, processes: int | None) -> None:
    """Detect, and write each record to its place."""
    missing = np.flatnonzero(table["status"] == Status.TO_DETECT)
    chunks = np.array_split(missing, -(-len(missing) // CHUNK)) if missing.size else []
    start = file.stat().st_size - table.nbytes  # behind the header
    with file.open("r+b") as out, process_pool(processes, in_silence) as pool:
        paths = ([os.path.join(root, os.fsdecode(name)) for name in table["name"][chunk]] for chunk in chunks)
        work = {pool.submit(_detect, batch): chunk for batch, chunk in zip(paths, chunks, strict=True)}
        columns = TextColumn("detecting landmarks"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        try:  # the processes were started before the bar, whose thread they are better off without
            with Progress(*columns, transient=True) as progress:
                bar = progress.add_task("", total=len(missing))
                for done in as_completed(work):
                    chunk = work.pop(done)
                    for field, values in zip(("status", "shape", "points"), done.result(), strict=True):
                        table[field][chunk] = values
                    for record in chunk.tolist():
                        out.seek(start + record * table.itemsize)
                        out.write(table[record].tobytes())
                    out.flush()
                    progress.advance(bar, len(chunk))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


# In the processes.


@cache
def face_mesh() -> FaceMesh:
    """The detector of this process."""
    return FaceMesh()


def _detect(paths: Sequence[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], Points]:
    """Status (N,), height and width (N, 2), and landmarks (N, 96, 2), NaN where there are none."""
    status = np.full(len(paths), Status.NOT_FOUND, dtype=np.uint8)
    shapes = np.zeros((len(paths), 2), dtype=np.int32)
    points = np.full((len(paths), NUM_LANDMARKS, 2), np.nan, dtype=np.float32)
    for row, path in enumerate(paths):
        try:
            image = read_image(path)
        except UserError:
            status[row] = Status.BROKEN
            continue
        shapes[row] = image.shape[:2]
        found = face_mesh().detect(image)
        if found is not None:
            points[row] = found
    status[are_faces(points, shapes)] = Status.FOUND
    return status, shapes, points
