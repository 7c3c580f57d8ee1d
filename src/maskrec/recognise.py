"""`maskrec verify` and `maskrec identify`: who is on a picture, by any checkpoint."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jsonargparse
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from maskrec.checkpoints import method_of_run
from maskrec.commands import Parser, write
from maskrec.data.alignment import SIZE, FaceDetector, align
from maskrec.data.images import Image, fit_image, normalise, read_image, to_tensor
from maskrec.data.index import find_pictures
from maskrec.errors import UserError
from maskrec.methods import FaceClassifier, FaceMethod
from maskrec.processes import in_silence, process_pool
from maskrec.progress import track
from maskrec.report.run import read_run
from maskrec.report.words import THRESHOLD
from maskrec.rescue.inputs import read_recogniser
from maskrec.types import Embedding
from maskrec.weight_files import SUFFIXES

SAME, DIFFERENT = 0, 1
AT_ONCE = 32  # faces embedded at a time
Worn = Literal["masked", "unmasked", "not known"]


class Threshold(NamedTuple):
    """The score from which on two faces are one person's."""

    score: float
    source: str
    """Where it comes from, in words."""
    fmr: float | None
    """The share of impostor pairs that reach it, where that is known."""


class Recogniser:
    """Any checkpoint, and what faces are looked for with.

    Args:
        checkpoint: A run's folder, or a weight file.
        backbone: Of a weight file.
        is_aligned: Pictures are aligned faces already: nothing is detected.

    Raises:
        UserError: It is neither, or cannot be read.
    """

    def __init__(self, checkpoint: Path, backbone: str | None, is_aligned: bool) -> None:
        self.run = None if checkpoint.suffix in SUFFIXES else checkpoint
        # In processes of their own: once mediapipe ran here, it could not in a process forked later.
        self.pool = None if is_aligned else process_pool(begin=in_silence)
        self.method: FaceMethod
        if self.run is None:
            if backbone is None:
                raise UserError(
                    f"--checkpoint {checkpoint}: a weight file; say which network it is of: --backbone NAME"
                )
            found = read_recogniser(str(checkpoint), backbone)
            options: dict[str, Any] = {"weights": str(found.weights), "input_size": found.input_size, "mirror": True}
            self.method = FaceClassifier(found.backbone, found.embedding_dim, **options).eval()
        else:
            self.method = method_of_run(self.run)
        self.size: Any = next(network.input_size for network in self.method.networks().values())

    def faces(self, paths: Sequence[Path]) -> list[Image | UserError]:
        """The one face of each picture, aligned, or why there is none: it cannot be read, or shows no face, or several.

        Raises:
            UserError: A process that detects was killed.
        """
        if self.pool is None:
            return [self._aligned(path) for path in paths]
        try:
            return list(self.pool.map(_detect, paths))
        except BrokenProcessPool as error:
            raise UserError(f"picture {paths[0]}: a process that detects was killed (memory?); start again") from error

    def _aligned(self, path: Path) -> Image | UserError:
        image = _read(path)
        if isinstance(image, UserError) or image.shape[:2] in ((SIZE, SIZE), tuple(self.size)):
            return image
        height, width = image.shape[:2]
        return UserError(f"picture {path}: {width} x {height}, so no aligned face; leave out --aligned")

    def face(self, path: Path) -> Image:
        """The one face of a picture, aligned.

        Raises:
            UserError: It cannot be read, or shows no face, or several.
        """
        (found,) = self.faces([path])
        if isinstance(found, UserError):
            raise found
        return found

    @torch.inference_mode()
    def embed(self, faces: Sequence[Image]) -> Embedding:
        """The embedding of B aligned faces."""
        images = torch.stack([to_tensor(fit_image(face, self.size)) for face in faces])
        return self.method.embed(normalise(images))

    def threshold(
        self, score: float | None, fmr: str | None, comparison: str | None, worn: Sequence[Worn]
    ) -> Threshold:
        """What was given, else what the run's results have.

        Args:
            score: The threshold itself.
            fmr: As in `1e-3`; default: the lowest that the comparison has.
            comparison: `<set>/<comparison>`; default: by who wears a mask, and where that is not known
                `unmasked_masked`, of the first set that has it.
            worn: Of both faces.

        Raises:
            UserError: There is none.
        """
        if score is not None:
            return Threshold(score, "given", None)
        if self.run is None:
            raise UserError("--threshold: a weight file brings none; say the score from which on it is one person")
        thresholds = _thresholds(self.run)
        number = worn.count("masked")
        kind = ("unmasked_unmasked", "unmasked_masked", "masked_masked")[1 if "not known" in worn else number]
        fitting = {
            key: of for key, of in thresholds.items() if key == comparison or (not comparison and _kind(key) == kind)
        }
        points = [
            (key, point) for key, of in fitting.items() for point in sorted(of, key=float) if fmr in (None, point)
        ]
        if not points:
            there = "; ".join(f"{key} at {', '.join(of)}" for key, of in thresholds.items()) or "none"
            wanted = f"{comparison or kind}{f' at FMR {fmr}' if fmr else ''}"
            raise UserError(f"{self.run}: no threshold of {wanted}; there are: {there}; or say --threshold")
        key, point = points[0]
        return Threshold(thresholds[key][point], f"{key} at FMR {point}", float(point))


def _thresholds(run: Path) -> dict[str, dict[str, float]]:
    """By comparison and FMR, those of the run's results that have any."""
    found = {
        key: {name.removeprefix(THRESHOLD): value for name, value in of.numbers.items() if name.startswith(THRESHOLD)}
        for key, of in read_run(run).comparisons.items()
    }
    return {key: of for key, of in found.items() if of}


def _kind(key: str) -> str:
    """`lfw/unmasked_masked` and `rmfd/unmasked_masked_all` as `unmasked_masked`."""
    return re.sub("_all$", "", key.split("/", 1)[1])


def _worn(embedding: Embedding) -> list[Worn]:
    """Who of B faces wears a mask, where the method tells."""
    is_masked: Tensor | None = getattr(embedding, "is_masked", None)
    if is_masked is None:
        return []
    return ["masked" if masked else "unmasked" for masked in is_masked.tolist()]


def _parser(verb: str, description: str) -> Parser:
    parser = Parser(prog=f"maskrec {verb}", description=description)
    parser.add_argument("--checkpoint", type=Path, required=True, help="A run's folder, or a weight file.")
    parser.add_argument("--backbone", type=str, help="Of a weight file; see `maskrec backbones`.")
    parser.add_argument("--threshold", type=float, help="Score from which on it is one person; default: the run's own.")
    parser.add_argument("--fmr", type=Literal["1e-2", "1e-3", "1e-4", "1e-5", "1e-6"], help="Of the run's threshold.")
    parser.add_argument("--comparison", type=str, help="Whose threshold, as in results.json; default: by the masks.")
    parser.add_argument("--aligned", action="store_true", help="Pictures are aligned faces: nothing is detected.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    return parser


def verify(args: list[str]) -> int:
    """Whether two pictures show one person; 0 if so, 1 if not.

    Raises:
        UserError: The command is wrong, a picture has no face or several, or there is no threshold.
    """
    parser = _parser("verify", "Whether two pictures show one person.")
    parser.add_argument("first", type=Path, help="A picture: the reference.")
    parser.add_argument("second", type=Path, help="Another: the probe.")
    given = parser.parse_args(args)
    recogniser = Recogniser(given.checkpoint, given.backbone, given.aligned)
    both = recogniser.embed([recogniser.face(path) for path in (given.first, given.second)])
    first, second = (tree_map(lambda leaf, i=i: leaf[i : i + 1], both) for i in range(2))
    score = float(recogniser.method.pairwise_similarity(first, second))
    worn = _worn(both) or ["not known"] * 2
    threshold = recogniser.threshold(given.threshold, given.fmr, given.comparison, worn)
    is_same = score >= threshold.score
    if given.json:
        _write_json(threshold, same=is_same, score=score, masks=dict(zip(("first", "second"), worn, strict=True)))
    else:
        write(f"{'same person' if is_same else 'different people'}: score {score:.4f}, {_in_words(threshold)}")
        write(f"masks: {', '.join(f'{path} {of}' for path, of in zip((given.first, given.second), worn, strict=True))}")
    return SAME if is_same else DIFFERENT


def identify(args: list[str]) -> int:
    """Who of a gallery is on a picture; 0 if somebody is found, 1 if nobody.

    Raises:
        UserError: The command is wrong, the probe has no face or several, the gallery has none at all, or there is no
            threshold.
    """
    parser = _parser("identify", "Who of a gallery is on a picture. The threshold is that of one comparison.")
    parser.add_argument("probe", type=Path, help="A picture.")
    parser.add_argument("gallery", type=Path, help="A folder: <identity>/<image>, or a picture a person.")
    parser.add_argument("--top", type=jsonargparse.typing.PositiveInt, default=5, help="People to list.")
    given = parser.parse_args(args)
    pictures = [Path(os.fsdecode(name)) for name, _, _ in find_pictures(given.gallery)]
    recogniser = Recogniser(given.checkpoint, given.backbone, given.aligned)
    probe = recogniser.embed([recogniser.face(given.probe)])
    worn = _worn(probe) or ["not known"]
    threshold = recogniser.threshold(given.threshold, given.fmr, given.comparison, [*worn, "unmasked"])
    left_out: dict[str, str] = {}
    best: dict[str, tuple[float, Path]] = {}
    for picture, score in _scores(recogniser, probe, given.gallery, pictures, left_out):
        person = picture.parts[0] if len(picture.parts) > 1 else picture.stem
        best[person] = max(best.get(person, (score, picture)), (score, picture))
    if not best:
        raise UserError(f"gallery {given.gallery}: no picture is of use, the first: {next(iter(left_out.values()))}")
    ranking = sorted(best.items(), key=lambda of: of[1], reverse=True)[: given.top]
    is_found = ranking[0][1][0] >= threshold.score
    people = [{"identity": who, "score": score, "picture": str(picture)} for who, (score, picture) in ranking]
    if given.json:
        found = people[0]["identity"] if is_found else None
        _write_json(threshold, found=found, top=people, masks={"probe": worn[0]}, left_out=left_out)
    else:
        write(f"{people[0]['identity'] if is_found else 'nobody'}: {_in_words(threshold)}; the probe's mask: {worn[0]}")
        for who, (score, picture) in ranking:
            write(f"{score:.4f}  {who}  ({picture})")
        for why in left_out.values():
            write(f"left out: {why}")
    return SAME if is_found else DIFFERENT


def _scores(
    recogniser: Recogniser, probe: Embedding, folder: Path, pictures: Sequence[Path], left_out: dict[str, str]
) -> Iterator[tuple[Path, float]]:
    """Each picture of a gallery with its score; into `left_out` goes why a picture has none."""
    batches = [pictures[start : start + AT_ONCE] for start in range(0, len(pictures), AT_ONCE)]
    for batch in track(batches, "Gallery"):
        found = dict(zip(batch, recogniser.faces([folder / picture for picture in batch]), strict=True))
        faces = {picture: face for picture, face in found.items() if not isinstance(face, UserError)}
        left_out |= {str(picture): str(face) for picture, face in found.items() if isinstance(face, UserError)}
        if faces:
            scores = recogniser.method.similarity(probe, recogniser.embed(list(faces.values())))
            yield from zip(faces, scores[0].tolist(), strict=True)


def _in_words(threshold: Threshold) -> str:
    return f"threshold {threshold.score:.4f} ({threshold.source})"


def _write_json(threshold: Threshold, **found: Any) -> None:
    write(json.dumps(found | {"threshold": threshold.score, "threshold_from": threshold.source, "fmr": threshold.fmr}))


def _read(path: Path) -> Image | UserError:
    try:
        return read_image(path)
    except UserError as error:
        return error


# In the processes.


@cache
def _detector() -> FaceDetector:
    return FaceDetector()


def _detect(path: Path) -> Image | UserError:
    image = _read(path)
    if isinstance(image, UserError):
        return image
    faces = _detector().count(image)
    points = _detector().detect(image) if faces == 1 else None
    if points is None:
        many = f"{faces} faces were found; cut out the one that is meant" if faces else "no face was found"
        return UserError(f"picture {path}: {many} (--aligned takes {SIZE} x {SIZE} faces as they are)")
    return align(image, points)
