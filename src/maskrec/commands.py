"""The verbs beside Lightning's own that make or measure faces, or show what runs found."""

import inspect
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

import jsonargparse
import numpy as np
from jsonargparse import ArgumentParser

from maskrec import experiments
from maskrec.backbones import create_backbone, list_backbones
from maskrec.data.check import Broken
from maskrec.data.detection import detect_landmarks
from maskrec.data.generated import draw_face, measure
from maskrec.data.halves import Half
from maskrec.data.images import write_png
from maskrec.data.mask_quality import measure_masks
from maskrec.data.masked_copy import MANIFEST, NO_FACE, mask_folder
from maskrec.data.realism import Realism, compare_masks
from maskrec.errors import UserError, condense
from maskrec.masking import KINDS, STYLES, MaskTransform
from maskrec.masking.gallery import gallery
from maskrec.networks import UNet, read_network
from maskrec.report import write_ablation, write_report

KINDS_HELP = f"Of {', '.join(KINDS)}; iamgan=CHECKPOINT."
GALLERY_FACES = ((2, 0, 2), (2, 5, 3), (2, 6, 0), (2, 3, 3), (2, 8, 0), (2, 8, 7))  # population, identity, picture


class Parser(ArgumentParser):
    """jsonargparse's parser, whose errors are one line like all others here."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Leave it to `main` to say."""
        raise UserError(condense(message)) from ex


def write(line: str) -> None:
    """A line on standard output."""
    sys.stdout.write(f"{line}\n")


def experiment_list(_args: list[str]) -> None:
    """Every experiment with the first comment of its file."""
    for name, title in experiments.titles().items():
        write(f"{name:24} {title}")


def backbone_list(args: list[str]) -> None:
    """Every backbone whose name contains the given word."""
    for name in list_backbones():
        if all(word in name for word in args):
            write(name)


def faces(args: list[str]) -> None:
    """What generated faces are worth, line by line, and a picture of some."""
    parser = Parser(prog="maskrec faces", description="Measure what generated faces are worth.")
    parser.add_argument("--run", type=Path, default=Path("runs/cosface_generated/latest"), help="A run without masks.")
    parser.add_argument("--sheet", type=Path, default=Path("generated_faces.png"), help="The picture to write.")
    given = parser.parse_args(args)
    for line in measure(given.run / "results.json", given.sheet):
        write(line)


def landmarks(args: list[str]) -> None:
    """Detect the landmarks of a folder, and say of how many pictures.

    Raises:
        UserError: The command is wrong, the file cannot be written, or, under `--strict`, a picture has no landmarks.
    """
    parser = Parser(prog="maskrec landmarks", description="Detect landmarks once, before training with masks.")
    parser.add_argument("root", type=Path, help="Folder of pictures; may hold folders.")
    parser.add_argument("--processes", type=jsonargparse.typing.PositiveInt, help="Default: one a core.")
    parser.add_argument("--strict", action="store_true", help="List the pictures without landmarks, and exit with 2.")
    given = parser.parse_args(args)
    detected = detect_landmarks(given.root, given.processes)
    write(detected.summary())
    if given.strict and detected.without:
        for why, name in detected.without:
            write(f"{why}: {given.root / name}")
        raise UserError(f"{given.root}: {len(detected.without):,} pictures have no landmarks")


def mask(args: list[str]) -> None:
    """A masked copy of a folder, or a picture of all masks.

    Raises:
        UserError: The command is wrong, or the folder cannot be masked.
    """
    parser = Parser(prog="maskrec mask", description="Write a masked copy of a folder, or `--gallery`.")
    parser.add_argument("source", nargs="?", type=Path, help="Folder of pictures; may hold folders.")
    parser.add_argument("target", nargs="?", type=Path, help="Where the copy goes.")
    parser.add_argument("--kind", type=str, default="mg", help=f"One of {', '.join(KINDS)}.")
    parser.add_argument("--style", type=str, help=f"One of {', '.join(STYLES)}; default: any.")
    parser.add_argument("--weights", type=str, help="Of kind iamgan: a checkpoint of IAMGAN.")
    parser.add_argument("--seed", type=int, default=0, help="Of the masks.")
    parser.add_argument("--broken", type=Broken, default="error", help="error, or skip: leave broken pictures out.")
    parser.add_argument("--detectable", action="store_true", help="Leave out what FaceMesh finds no face in any more.")
    parser.add_argument("--gallery", type=Path, help="Draw every kind and style on generated faces into this .png.")
    given = parser.parse_args(args)
    if given.gallery is not None:
        drawn = [draw_face(*number) for number in GALLERY_FACES]
        kinds = {name: kind() for name, kind in KINDS.items() if not _takes(kind, "weights")}
        write_png(given.gallery, gallery(kinds, STYLES, [(image, marks.astype(np.float32)) for image, marks in drawn]))
        write(f"gallery: {given.gallery}")
        return
    if given.source is None or given.target is None:
        raise UserError("say what to mask, and where the copy goes: maskrec mask IN OUT --kind mg")
    recipe = {"kind": given.kind, "style": given.style} | ({"weights": given.weights} if given.weights else {})
    masking, choices = masking_of(**recipe), (given.seed, given.broken, given.detectable)
    records = mask_folder(given.source, given.target, masking, recipe, *choices)
    fallback = sum(record.get("landmarks") == "template" for record in records)
    left_out = {record["image"]: record["left_out"] for record in records if "left_out" in record}
    broken = [image for image, why in left_out.items() if why != NO_FACE]
    write(f"{len(records) - len(left_out):,} pictures masked, {fallback:,} of them by the template's landmarks")
    if given.detectable:
        write(f"{len(left_out) - len(broken):,} left out: {NO_FACE}")
    if broken:
        write(f"{len(broken):,} broken pictures left out: {', '.join(broken)}")
    write(f"manifest: {given.target / MANIFEST}")


def quality(args: list[str]) -> None:
    """Whether masks sit where they should, line by line.

    Raises:
        UserError: The command is wrong, or the folder has no landmarks.
    """
    parser = Parser(prog="maskrec quality", description="Count how well masks sit, on a folder or generated faces.")
    parser.add_argument("root", nargs="?", type=Path, help="Folder with landmarks; default: generated faces.")
    parser.add_argument("--kind", type=str, nargs="+", default=["mg", "kp_syn"], help=KINDS_HELP)
    parser.add_argument("--style", type=str, help=f"One of {', '.join(STYLES)}; default: any.")
    parser.add_argument("--faces", type=jsonargparse.typing.PositiveInt, help="How many; default: all, or 2,000.")
    parser.add_argument("--seed", type=int, default=0, help="Of the masks.")
    given = parser.parse_args(args)
    for line in measure_masks(_maskings(given.kind, given.style), given.root, given.faces, given.seed):
        write(line)


def realism(args: list[str]) -> None:
    """How close masks come to real ones, and what they leave of a face, line by line.

    Raises:
        UserError: The command is wrong, or a folder or a file cannot be used.
    """
    parser = Parser(prog="maskrec realism", description="Measure masks, a generator's too, beside real masks.")
    parser.add_argument("full", type=Path, help="Folder of faces without masks, with landmarks.")
    parser.add_argument("masked", type=Path, help="Folder of faces with real masks.")
    parser.add_argument("--kind", type=str, nargs="+", default=["mg"], help=KINDS_HELP)
    parser.add_argument("--backbone", type=str, required=True, help="Of the recogniser that measures.")
    parser.add_argument("--weights", type=str, required=True, help="Of the recogniser.")
    parser.add_argument("--embedding_dim", type=int, default=128, help="Of the recogniser.")
    parser.add_argument("--segmenter", type=str, required=True, help="S: a checkpoint of MaskSegmenter.")
    parser.add_argument("--faces", type=jsonargparse.typing.PositiveInt, default=500, help="Of each folder.")
    parser.add_argument("--half", type=Half | None, help="Only one half of the folders of real masks: first, second.")
    parser.add_argument("--seed", type=int, default=0, help="Of the masks.")
    parser.add_argument("--picture", type=Path, help="Show all kinds on the same faces in this .png.")
    given = parser.parse_args(args)
    kinds = _maskings(given.kind)
    recogniser = create_backbone(given.backbone, given.embedding_dim, given.weights)
    measured_by = Realism(recogniser, read_network(UNet, given.segmenter, "network.", "MaskSegmenter"))
    folders, choices = (given.full, given.masked), (given.faces, given.half, given.seed, given.picture)
    for line in compare_masks(kinds, *folders, measured_by, *choices):
        write(line)


def masking_of(kind: str, style: str | None = None, weights: str | None = None) -> MaskTransform:
    """A mask by the name of its kind, its style and its weights.

    Raises:
        UserError: There is no such kind or style, or the kind takes none, or it needs weights.
    """
    if kind not in KINDS:
        raise UserError(f"--kind {kind}: there are {', '.join(KINDS)}")
    if style is not None and not _takes(KINDS[kind], "styles"):
        raise UserError(f"--style {style}: masks of kind {kind} have no styles")
    if (weights is not None) != _takes(KINDS[kind], "weights"):
        needs = f"takes no weights, got {weights}" if weights else "needs weights, a checkpoint of IAMGAN"
        raise UserError(f"--kind {kind}: {needs}")
    options: dict[str, Any] = {"styles": None if style is None else (style,), "weights": weights}
    masking: MaskTransform = KINDS[kind](p=1.0, **{name: value for name, value in options.items() if value is not None})
    return masking


def _maskings(words: list[str], style: str | None = None) -> dict[str, MaskTransform]:
    """Masks by `KIND` or `KIND=CHECKPOINT`, as they were asked for."""
    parts = {word: word.partition("=") for word in words}
    return {word: masking_of(kind, style, weights or None) for word, (kind, _, weights) in parts.items()}


def _takes(kind: type[MaskTransform], argument: str) -> bool:
    return argument in inspect.signature(kind).parameters


def report(args: list[str]) -> None:
    """A run's page, or several runs in one table.

    Raises:
        UserError: The command is wrong, a run cannot be read, or several have nothing in common.
    """
    parser = Parser(prog="maskrec report", description="Write a run's page anew, or set several runs side by side.")
    parser.add_argument("runs", nargs="+", type=Path, help="Folders of runs that were tested.")
    parser.add_argument("-o", "--output", type=Path, help="The table's .html file; .md and .csv go beside it.")
    parser.add_argument("--metrics", nargs="+", type=str, help="Default: accuracy; of searches rank_1 and map.")
    parser.add_argument("--against", type=Literal["best", "first"], default="best", help="What differences are to.")
    given = parser.parse_args(args)
    if given.output is not None:
        for file in write_ablation(given.runs, given.output, given.metrics, given.against):
            write(f"table: {file}")
    elif len(given.runs) == 1:
        write(f"report: {write_report(given.runs[0])}")
    else:
        raise UserError("say where the table of several runs goes: -o FILE.html")
