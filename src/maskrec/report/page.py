"""One HTML page a run: its numbers, curves and pictures."""

import csv
import json
from html import escape
from pathlib import Path

import matplotlib

from maskrec.evaluation.results import format_number

matplotlib.use("Agg")  # no screen needed
from matplotlib import pyplot as plt

CURVES = ("train/loss", "val/auc", "val/accuracy")
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
img{max-width:100%;min-width:60%}pre{background:#f6f6f6;padding:1rem;overflow-x:auto}.note{color:#666}"""


def write_report(run: Path) -> Path:
    """Write `report/index.html` into a run's folder from what lies in it, and return its path."""
    folder = run / "report"
    folder.mkdir(exist_ok=True)
    results = json.loads((run / "results.json").read_text())
    config = (run / "config.yaml").read_text()
    title = escape(f"{results['experiment']}: {results['method']}")
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    page = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{STYLE}</style>",
        f"<h1>{title}</h1><p class='note'>{escape(run.name)} · seed {results['seed']} · commit "
        f"{escape(results['git'][:12])} · {escape(results['hardware'])}<br>{escape(versions)}</p>",
        "<h2>Results</h2>",
        _table(results["protocols"]),
        "<p class='note'>A comparison is named reference_probe: of each pair the first face, then the second.</p>",
    ]
    if _draw_curves(run / "metrics.csv", folder / "curves.png"):
        page.append("<h2>Training</h2><img src='curves.png' alt='Loss and validation over steps'>")
    for picture in sorted((run / "pictures").glob("*.png")):
        caption = escape(picture.stem.replace("_", " ").capitalize())
        page.append(f"<h2>{caption}</h2><img src='../pictures/{picture.name}' alt='{caption}'>")
    page.append(f"<h2>Configuration</h2><pre>{escape(config)}</pre></html>")
    index = folder / "index.html"
    index.write_text("\n".join(page))
    return index


def _table(protocols: dict[str, dict[str, float]]) -> str:
    found = dict.fromkeys(name for numbers in protocols.values() for name in numbers)
    metrics = [name for name in found if name not in ("notes", "intervals")]
    head = "".join(f"<th>{escape(name)}</th>" for name in ("protocol", "comparison", *metrics))
    rows = []
    for key, numbers in protocols.items():
        cells = [*key.split("/", 1), *(format_number(name, numbers.get(name)) for name in metrics)]
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _draw_curves(metrics: Path, picture: Path) -> bool:
    """Draw what metrics.csv holds of CURVES; a resumed run's repeated steps count once, the last time."""
    if not metrics.is_file():
        return False
    curves: dict[str, dict[int, float]] = {name: {} for name in CURVES}
    with metrics.open(newline="") as file:
        for row in csv.DictReader(file):
            for name in CURVES:
                if row.get(name):
                    curves[name][int(row["step"])] = float(row[name])
    drawn = {name: points for name, points in curves.items() if points}
    if not drawn:
        return False
    figure, axes = plt.subplots(1, len(drawn), figsize=(4 * len(drawn), 3), squeeze=False, layout="constrained")
    for axis, (name, points) in zip(axes[0], drawn.items(), strict=True):
        steps = sorted(points)
        axis.plot(steps, [points[step] for step in steps], marker="." if len(steps) < 30 else "")
        axis.set(title=name, xlabel="step")
    figure.savefig(picture, dpi=110)
    plt.close(figure)
    return True
