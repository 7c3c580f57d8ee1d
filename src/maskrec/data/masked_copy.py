"""`maskrec mask IN OUT`: a masked copy of a folder, with a manifest from which each mask can be drawn again."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from maskrec.data.check import Broken
from maskrec.data.detection import face_mesh
from maskrec.data.images import read_image
from maskrec.data.landmarks import FaceLandmarks, landmarks_for, list_pictures, template_landmarks
from maskrec.data.records import RECORDS
from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.masking import MaskTransform
from maskrec.masking.base import Points
from maskrec.masking.layout import NUM_LANDMARKS
from maskrec.processes import in_silence, process_pool
from maskrec.progress import track

MANIFEST = "manifest.jsonl"
CHUNK = 64  # pictures a process takes at a time
QUALITY = 95  # of JPEGs
NO_FACE = "no face is found under the mask"

NO_LANDMARKS: Points = np.full((NUM_LANDMARKS, 2), np.nan, dtype=np.float32)  # for masks that do without

Record = dict[str, Any]


def mask_folder(
    source: Path,
    target: Path,
    masking: MaskTransform,
    recipe: Record,
    seed: int = 0,
    broken: Broken = "error",
    detectable: bool = False,
) -> list[Record]:
    """Mask every picture below a folder; a copy that was begun is gone on with.

    The mask of a picture is a function of the seed and the picture's name below `source` alone.

    Args:
        source: The folder; hidden files and folders are passed over.
        target: Where the copies go, by the same names, and `manifest.jsonl`: the recipe, then a line for each picture.
        masking: What is put on all of them, whatever its probability.
        recipe: How the masking was asked for; a folder of another recipe is left alone.
        seed: Seed of the masks.
        broken: Pictures that cannot be read end the work (`error`), or are left out and listed (`skip`).
        detectable: Leave out, and list, masked pictures in which FaceMesh finds no face any more, as Seneviratne et
            al. do ("Multi-dataset training for masked face recognition with a contrastive Siamese network").

    Returns:
        The manifest's lines, without the recipe, in order.

    Raises:
        UserError: A folder is not as it should be, landmarks are missing, a picture is broken, or the disk is full.
    """
    source, target = source.resolve(), target.resolve()
    if target.is_relative_to(source) or source.is_relative_to(target):
        raise UserError(f"{target}: choose a folder neither within {source} nor around it")
    if (source / RECORDS).is_file():
        raise UserError(f"{source}: holds {RECORDS}, of which no copy is made; mask it online, by data.masking")
    table = list_pictures(source)
    names = [os.fsdecode(name) for name in table["name"]]
    paths = [os.path.join(source, name) for name in names]
    landmarks = landmarks_for([masking], source, paths)
    stamps = zip(table["size"].tolist(), table["modified"].tolist(), strict=True)
    tasks = [_task(row, names, paths, landmarks, *stamp) for row, stamp in enumerate(stamps)]
    header = {**recipe, "detectable": detectable, "seed": seed, "source": str(source)}
    done = _read_manifest(target, header)
    missing = [task for task in tasks if not _is_done(done.get(task.name, {}), task)]
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    try:
        target.mkdir(parents=True, exist_ok=True)
        _write_manifest(target, header, done.values())  # whole lines only, whatever a kill left
        with (target / MANIFEST).open("a") as manifest, process_pool(None, in_silence) as pool:
            work = [pool.submit(_mask, masking, seed, broken, detectable, target, chunk) for chunk in chunks]
            try:
                for finished in track(as_completed(work), "masking", total=len(work)):
                    for record in finished.result():
                        manifest.write(json.dumps(record) + "\n")
                        done[record["image"]] = record
                    manifest.flush()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        ordered = [done[name] for name in names]
        _write_manifest(target, header, ordered)
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}; what was masked is kept") from error
    except BrokenProcessPool as error:
        raise UserError(f"{target}: a process was killed (memory?); start again, and it goes on") from error
    return ordered


def picture_seed(seed: int, name: str) -> np.random.SeedSequence:
    """A seed for a picture, which no other picture that comes or goes can change."""
    return np.random.SeedSequence((seed, int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:8])))


def _read_manifest(target: Path, header: Record) -> dict[str, Record]:
    """The lines of pictures that are there, by name.

    Raises:
        UserError: The folder holds something else.
    """
    if not target.exists() or not any(target.iterdir()):
        return {}
    lines = []
    try:
        for line in (target / MANIFEST).read_text().splitlines():
            lines.append(json.loads(line))
    except FileNotFoundError as error:
        raise UserError(f"{target}: is not empty, and holds no {MANIFEST}; choose another folder") from error
    except ValueError:
        pass  # a kill tore the last line
    if not lines or lines[0] != header:
        raise UserError(f"{target}: was made otherwise ({lines[0] if lines else 'no recipe'}); choose another folder")
    return {line["image"]: line for line in lines[1:] if "left_out" in line or (target / line["image"]).is_file()}


def _write_manifest(target: Path, header: Record, records: Any) -> None:
    with replacing(target / MANIFEST) as partial:
        partial.write_text("".join(json.dumps(line) + "\n" for line in (header, *records)))


class _Task(NamedTuple):
    name: str
    path: str
    landmarks: Points | None
    given: Record
    """What it is made of: where the landmarks come from, the picture's size in bytes and time of modification."""


def _task(
    row: int, names: Sequence[str], paths: Sequence[str], landmarks: FaceLandmarks | None, size: int, modified: int
) -> _Task:
    points, source = None, "none"
    if landmarks is not None and landmarks.is_fallback[row]:
        source = "template"
    elif landmarks is not None:
        points, source = landmarks.points[landmarks.records[row]], "detected"
    return _Task(names[row], paths[row], points, {"landmarks": source, "size": size, "modified": modified})


def _is_done(record: Record, task: _Task) -> bool:
    """Whether a line of the manifest is of the picture as it is now; one that could not be read is tried again."""
    return record.get("left_out") in (None, NO_FACE) and task.given.items() <= record.items()


def _mask(
    masking: MaskTransform, seed: int, broken: Broken, detectable: bool, target: Path, tasks: Sequence[_Task]
) -> list[Record]:
    """Mask some pictures; their lines of the manifest."""
    records: list[Record] = []
    for name, path, landmarks, given in tasks:
        file = target / name
        try:
            image = read_image(path)
        except UserError as error:
            if broken == "error":
                raise UserError(f"{error}; mend or remove it, or say --broken skip") from error
            records.append({"image": name, "left_out": str(error), **given})
            file.unlink(missing_ok=True)  # of what the picture was before
            continue
        if landmarks is None:
            landmarks = template_landmarks(image.shape) if given["landmarks"] == "template" else NO_LANDMARKS
        parameters = masking.sample(np.random.default_rng(picture_seed(seed, name)))
        masked, _ = masking.render(image, landmarks, parameters)
        if detectable and face_mesh().detect(masked) is None:
            records.append({"image": name, "left_out": NO_FACE, **given})
            file.unlink(missing_ok=True)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        _, content = cv2.imencode(file.suffix, masked[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        with replacing(file) as partial:
            partial.write_bytes(content.tobytes())
        records.append({"image": name, **given, "parameters": _plain(parameters)})
    return records


def _plain(value: Any) -> Any:
    """A mask's parameters as JSON has them."""
    if hasattr(value, "_asdict"):
        return {key: _plain(inner) for key, inner in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value
