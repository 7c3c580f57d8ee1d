"""The model card: what a rescued recogniser is, in Markdown."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from maskrec.report.gallery import EXPLAINED, HEAD, rows, verdict
from maskrec.report.run import Run, read_run
from maskrec.rescue.inputs import Recogniser


class Files(NamedTuple):
    """What was written beside the card."""

    weights: Path
    onnx: Path | str
    """The file, or why there is none."""
    copied: list[str]
    """Tensors of the weight file that are none of the backbone's."""


def model_card(run: Path, recogniser: Recogniser, faces: Path, folders: Sequence[Path], files: Files) -> str:
    """The card of a run, as Markdown.

    Args:
        run: Its folder.
        recogniser: What was rescued.
        faces: What it learnt from.
        folders: What it was tested on; none: held-out identities.
        files: What was written.
    """
    found = read_run(run)
    parts = {
        "Files": _what(found, recogniser, files),
        "Figures": _figures(found),
        "Data": _data(found, faces, folders),
        "Recipe": _recipe(found),
        "Not tested": _not_tested(found),
    }
    sections = (["", f"## {title}", "", *lines] for title, lines in parts.items())
    title = f"# {files.weights.stem}: {recogniser.backbone} for faces with and without masks"
    return "\n".join([title, *(line for section in sections for line in section), ""])


def _what(run: Run, recogniser: Recogniser, files: Files) -> Iterator[str]:
    height, width = recogniser.input_size
    yield f"- Weights: `{files.weights.name}`, with the keys, shapes, types and order of"
    yield f"  `{recogniser.weights.name}`: it takes that file's place in whatever reads it."
    if files.copied:
        yield f"- Copied as they were, being no part of the backbone: {', '.join(f'`{key}`' for key in files.copied)}."
        yield "  A classification layer among these is of no use any more."
    onnx = f"`{files.onnx.name}`, within 1e-4 of torch" if isinstance(files.onnx, Path) else f"none ({files.onnx})"
    yield f"- ONNX: {onnx}; pictures (B, 3, {height}, {width}), RGB in [-1, 1], to unit templates"
    yield f"  (B, {recogniser.embedding_dim})."
    yield f"- Input: faces aligned to the 5-point ArcFace template, {height} x {width}. Cosine compares templates."
    if run.config["model"]["init_args"]["mirror"]:
        yield "- A template here, in figures, thresholds and ONNX, is that of a face and its mirror image; of the face"
        yield "  alone, thresholds are others: run it with `--model.init_args.mirror=false`."
    yield "- Licence: that of the weights it came from and of the faces it learnt from; this tool adds none."


def _figures(run: Run) -> Iterator[str]:
    yield verdict(run)
    yield ""
    yield f"{EXPLAINED} Rates in percent; pairs and intervals are in `report/index.html`."
    yield ""
    yield f"| {' | '.join(('comparison', 'figure', *HEAD[2:]))} |"
    yield "|---|---|---|---|---|"
    for row in rows(run):
        yield f"| {' | '.join(row)} |"
    yield ""
    yield "A comparison is named `<set>/<reference>_<probe>`. A threshold keeps the false match rate (FMR) named beside"
    yield "it, taken on the impostor pairs of that comparison, the lowest of 1e-2 to 1e-6 with ten false matches."
    yield "Where the old network ran at the first threshold, the new one runs at the second with the old gallery, at"
    yield "the third with a gallery of its own."


def _data(run: Run, faces: Path, folders: Sequence[Path]) -> Iterator[str]:
    data = run.config["data"]["init_args"]
    masking = data["masking"]
    yield f"- Learnt from: `{faces}`; {_share(data['held_out'])}."
    yield f"- Masks in training: {_named(masking)}, on {_percent(masking['init_args']['p'])} of the faces."
    if folders:
        yield f"- Tested on: {', '.join(f'`{folder}`' for folder in folders)}."
    for tested in data["test_sets"]:
        worn = tested["init_args"].get("masking")
        masks = f"masks put on by {_named(worn)}" if worn else "its own masks"
        yield f"- {tested['init_args']['name']}: {masks}."


def _share(held_out: float) -> str:
    return f"{_percent(held_out)} of the identities held out" if held_out else "nothing held out"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _named(part: dict[str, Any]) -> str:
    """A mask by its class, with what it draws from."""
    kinds = part.get("init_args", {}).get("kinds")
    name = str(part["class_path"]).rpartition(".")[2]
    return f"any of {', '.join(map(_named, kinds))}" if kinds else name


def _recipe(run: Run) -> Iterator[str]:
    model, made_by = run.config["model"]["init_args"], run.made_by
    optimizer = model["optimizer"]
    weights = ("masked_weight", "unmasked_weight", "head_weight", "dcr_weight")
    yield "- Template-level distillation (Huber et al., FG 2021): the student starts as the given network, which stays"
    yield f"  the teacher; {', '.join(f'`{name}` {model[name]}' for name in weights)}, head: {_loss(model['loss'])}."
    yield f"- {_named(optimizer)} ({_values(optimizer)}), {_length(run.config['trainer'])}"
    yield f"  of {run.config['data']['init_args']['batch_size']} faces, seed {made_by['seed']}."
    yield f"- maskrec {made_by['versions']['maskrec']}, commit {made_by['git']}, {made_by['hardware']}."
    yield "- All of it: `config.yaml`."


def _length(trainer: dict[str, Any]) -> str:
    if trainer["max_steps"] > 0:
        return f"{trainer['max_steps']:,} steps"
    return f"{trainer['max_epochs']} epochs of {trainer['limit_train_batches'] or 'all'} batches"


def _loss(loss: dict[str, Any] | None) -> str:
    return f"{_named(loss)} ({_values(loss)})" if loss else "CosFace"


def _values(part: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in part.get("init_args", {}).items() if value)


def _not_tested(run: Run) -> Iterator[str]:
    tested = run.config["data"]["init_args"]["test_sets"]
    if all(of["init_args"].get("masking") for of in tested):
        yield "- Real masks: all masks in these tests are drawn. Say `--eval` with a set of real ones."
    yield "- Differences between groups of people (age, sex, skin): no label says who belongs to which."
    yield "- Other aligners, other cameras, attacks; faces covered otherwise than by a mask."
    yield "- False match rates below those above: there are too few impostor pairs."
