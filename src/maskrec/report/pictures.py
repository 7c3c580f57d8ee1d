"""The pictures of a run: curves drawn from its scores and its log, and what its callbacks left."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from maskrec.report import figures
from maskrec.report.run import Arrays, Run
from maskrec.report.words import comparison_words

CURVES = ("train/loss", "val/auc", "val/accuracy", "val/iou", "val/mask_found", "val/change_outside")
SEARCH = "search/"  # what MAN logs of its search
ALPHA = "How likely each loss is to be drawn, after each search"
SCORES = "Score of each member on held-out identities; the best one's network went to all"
SALIENCY = (
    "What the similarity of a genuine pair depends on: the faces, guided back-propagation (dark: much), and Grad-CAM "
    "on the last map of features (bright: much)"
)
PARTS = (
    "Where the box of the second look lies, above, and what is in it, below, on faces without and then with a mask, at"
    " each validation"
)
BEST = "Probes (grey), and the gallery's ten best from left to right: green is the right person, red another"


class Picture(NamedTuple):
    """A file with what it shows; `kind` as `report.html` knows it."""

    file: Path
    caption: str
    kind: str


def draw_scores(run: Run, folder: Path) -> dict[str, list[list[Picture]]]:
    """Curves and histograms of each test set into a folder, in rows; under "" those of several sets together."""
    sets: dict[str, dict[str, Arrays]] = {}
    for key, arrays in run.arrays.items():
        name, comparison = key.split("/", 1)
        sets.setdefault(name, {})[comparison] = arrays
    drawn = {name: _draw_set(run, name, found, folder) for name, found in sets.items()}
    return drawn | {"": _draw_together(sets, folder)}


def _draw_together(sets: dict[str, dict[str, Arrays]], folder: Path) -> list[list[Picture]]:
    """Each comparison that several sets have: a row of error rates, a row of ROC curves."""
    together: dict[str, dict[str, figures.Curve]] = {}
    for name, found in sets.items():
        for comparison, arrays in found.items():
            if (curve := figures.curve_of(arrays)) is not None:
                together.setdefault(comparison, {})[name] = curve
    rates, rocs = [], []
    for comparison, curves in together.items():
        if len(curves) > 1:
            words, end = f"{comparison} ({comparison_words(comparison)}), all test sets", f"all_{comparison}"
            rates.append(_save(figures.error_rates_of_sets(comparison, curves), folder, f"{end}_rates", words))
            rocs.append(_save(figures.roc_of_sets(comparison, curves), folder, f"{end}_roc", words))
    return [rates, rocs]


def _draw_set(run: Run, name: str, found: dict[str, Arrays], folder: Path) -> list[list[Picture]]:
    curves = {key: curve for key, arrays in found.items() if (curve := figures.curve_of(arrays)) is not None}
    ranks = {key: arrays["rank"] for key, arrays in found.items() if "rank" in arrays}
    together = []
    if curves:
        together.append(("roc", "accepted genuine pairs over accepted impostor pairs", figures.roc(curves)))
        together.append(("det", "rejected genuine pairs over accepted impostor pairs", figures.det(curves)))
    if ranks:
        together.append(("cmc", "probes whose right person is among the first", figures.cmc(ranks)))
    rates, scores = [], []
    for key, curve in curves.items():
        words, numbers = f"{key} ({comparison_words(key)})", run.comparisons[f"{name}/{key}"].numbers
        rates.append((f"{key}_rates", words, figures.error_rates(key, curve, numbers)))
        scores.append((f"{key}_scores", words, figures.histogram(key, found[key])))
    return [
        [_save(figure, folder, f"{name}_{title}", f"{name}, {caption}") for title, caption, figure in row]
        for row in (together, rates, scores)
    ]


def draw_training(run: Path, folder: Path) -> list[Picture]:
    """What metrics.csv holds of CURVES and of a search for a loss."""
    points = _logged(run / "metrics.csv")
    return [
        _save(figures.training_curve(name, points[name]), folder, name, f"{name} over optimiser steps")
        for name in CURVES
        if name in points
    ] + _draw_search({name: points[name] for name in points if name.startswith(SEARCH)}, folder)


def _logged(log: Path) -> dict[str, dict[int, float]]:
    """What a log holds by name and step; a resumed run's repeated steps count once, the last time."""
    points: dict[str, dict[int, float]] = {}
    if log.is_file():
        with log.open(newline="") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if value and (name in CURVES or name.startswith(SEARCH)):
                        points.setdefault(name, {})[int(row["step"])] = float(value)
    return points


def _draw_search(points: dict[str, dict[int, float]], folder: Path) -> list[Picture]:
    """How likely losses became, and how well the members did."""
    if not points:
        return []
    steps = sorted(points[f"{SEARCH}best"])
    alpha, score = (
        {
            name.removeprefix(f"{SEARCH}{part}/"): [values[step] for step in steps]
            for name, values in points.items()
            if name.startswith(f"{SEARCH}{part}/")
        }
        for part in ("alpha", "score")
    )
    begun = {name: [1 / len(alpha), *values] for name, values in alpha.items()}  # all alike
    best = [int(points[f"{SEARCH}best"][step]) for step in steps]
    return [
        _save(figures.stacked_shares("alpha", [0, *steps], begun), folder, "search_alpha", ALPHA),
        _save(figures.member_scores(steps, score, best), folder, "search_scores", SCORES),
    ]


def left_by_callbacks(run: Path, sets: list[str]) -> dict[str, list[Picture]]:
    """The pictures in a run's folder by test set; under "" those of the faces the network was given."""
    found: dict[str, list[Picture]] = {}
    for file in sorted((run / "pictures").glob("*.png")):
        name = next((name for name in sets if file.stem.startswith(f"{name}_")), "")
        kind, caption = "photo", file.stem.replace("_", " ").capitalize()
        if name and file == saliency_file(run, name):
            kind, caption = "wide", f"{name}. {SALIENCY}"
        elif name and file.stem.endswith("_best"):
            comparison = file.stem.removeprefix(f"{name}_").removesuffix("_best")
            kind, caption = "wide", f"{name}, {comparison_words(comparison)}. {BEST}"
        found.setdefault(name, []).append(Picture(file, caption, kind))
    return found


def saliency_file(run: Path, name: str) -> Path:
    """Where a run keeps the picture of what its similarities on a test set depend on."""
    return run / "pictures" / f"{name}_saliency.png"


def part_files(run: Path) -> list[Path]:
    """What a run left of the boxes it learnt, in the order of its training."""
    return sorted((run / "pictures").glob("latent_parts_*.png"))


def _save(figure: Figure, folder: Path, name: str, caption: str) -> Picture:
    file = folder / (re.sub(r"[^\w.-]+", "_", name) + ".png")
    figure.savefig(file)
    return Picture(file, caption, "chart")
