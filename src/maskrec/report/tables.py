"""An ablation as a page, as Markdown and as CSV."""

import csv
import math
import os
from collections.abc import Iterable
from pathlib import Path

from maskrec.errors import UserError
from maskrec.files import replacing
from maskrec.report.ablation import Ablation, Against, Cell, Column, compare
from maskrec.report.html import Html, breakable, document, element, html, picture, table
from maskrec.report.pictures import PARTS, SALIENCY, part_files, saliency_file
from maskrec.report.run import Run, read_run
from maskrec.report.settings import Group
from maskrec.report.words import NO_NUMBER, metric_name, percent

IN_THE_PAPER = "In the paper"
NOT_TOLD_APART = "≈"
FORMATS = (".html", ".md", ".csv")


def write_ablation(
    folders: Iterable[Path],
    output: Path,
    metrics: list[str] | None = None,
    against: Against = "best",
    title: str | None = None,
    by_name: bool = False,
) -> list[Path]:
    """Write several runs as one table: the page, and beside it the same as .md and .csv.

    Args:
        folders: The runs' folders; one that is given twice counts once.
        output: The .html file.
        metrics: As for `compare`.
        against: As for `compare`.
        title: Of the page.
        by_name: As for `compare`.

    Returns:
        The three files.

    Raises:
        UserError: A folder holds no run, the runs have nothing in common, or the file cannot be written there.
    """
    if output.suffix != ".html" or not output.parent.is_dir():
        raise UserError(f"-o {output}: expected an .html file in a folder that exists")
    runs = [read_run(folder) for folder in {folder.resolve(): folder for folder in folders}.values()]
    ablation = compare(runs, metrics, against, by_name)
    title = title or f"{len(ablation.rows)} configurations side by side"
    files = [output.with_suffix(suffix) for suffix in FORMATS]
    for file, content in zip(files, (_page(title, ablation, output.parent), _markdown(ablation)), strict=False):
        with replacing(file) as partial:
            partial.write_text(content)
    with replacing(files[-1]) as partial:
        _write_csv(ablation, partial)
    return files


def _page(title: str, ablation: Ablation, folder: Path) -> str:
    names = list(dict.fromkeys(column.key.split("/", 1)[0] for column in ablation.columns))
    body = [element("h1", title)]
    body += [element("p", _explanation(ablation), class_="note")]
    for name in names:
        shown = [at for at, column in enumerate(ablation.columns) if column.key.split("/", 1)[0] == name]
        head = ["", *(_heading(ablation.columns[at]) for at in shown)]
        rows = [[group.label, *(_html_cell(cells[at]) for at in shown)] for group, cells in ablation.rows]
        body += [element("h2", name), table(head, rows)]
    columns, figures = _paper(ablation)
    if columns:
        head = ["", *(Html(f"{breakable(key)}<br>{html(metric_name(metric))}") for key, metric in columns)]
        body += [element("h2", IN_THE_PAPER), table(head, figures)]
    for name in names:
        body += _saliency(ablation, name)
    body += _parts(ablation)
    body += [element("h2", "Runs"), table(["", "runs"], [[g.label, _links(g, folder)] for g, _ in ablation.rows])]
    return document(title, body)


def _paper(ablation: Ablation) -> tuple[list[Column], list[list[str]]]:
    """The columns of the papers' figures, and each row with its label."""
    columns, shares = ablation.paper()
    figures = ([NO_NUMBER if share is None else f"{100 * share:.1f}" for share in row] for row in shares)
    return columns, [[group.label, *row] for (group, _), row in zip(ablation.rows, figures, strict=True)]


def _saliency(ablation: Ablation, name: str) -> list[Html]:
    """What each row looks at in the same pairs of a test set, one below the other."""
    files = [(saliency_file(group.runs[0].path, name), group.label) for group, _ in ablation.rows]
    return _pictures(name, SALIENCY, [picture(file, label, "wide") for file, label in files if file.is_file()])


def _parts(ablation: Ablation) -> list[Html]:
    """Where each row that looks twice does so, one below the other."""
    files = [(file, group.label) for group, _ in ablation.rows for file in part_files(group.runs[0].path)]
    shown = [picture(file, f"{label}, step {int(file.stem.rpartition('_')[2]):,}", "photo") for file, label in files]
    return _pictures("boxes", PARTS, shown)


def _pictures(title: str, told: str, shown: list[Html]) -> list[Html]:
    return [element("h2", f"Pictures: {title}"), element("p", f"{told}.", class_="note"), *shown] if shown else []


def _explanation(ablation: Ablation) -> str:
    reference = "the best" if ablation.against == "best" else "the first row"
    return (
        "All rates in percent; ± is the deviation over seeds (n - 1); the best mean of a column is bold. Below it the "
        f"difference from {reference}, tested by paired bootstrap over identities on the same pairs or probes, seeds "
        f"averaged: p is two-sided and not corrected for the number of tests, {NOT_TOLD_APART} marks p of 0.05 and "
        "more. Error rates of a curve (EER, FNMR) are not tested."
    )


def _heading(column: Column) -> Html:
    return Html(f"{breakable(column.key.split('/', 1)[1])}<br>{html(metric_name(column.metric))}")


def _html_cell(cell: Cell | None) -> Html:
    if cell is None:
        return Html(NO_NUMBER)
    value = element("b" if cell.is_best else "span", _mean(cell))
    said = _difference(cell)
    return Html(value + element("small", said)) if said else value


def _mean(cell: Cell) -> str:
    return percent(cell.mean) + ("" if math.isnan(cell.deviation) else f" ± {percent(cell.deviation)}")


def _difference(cell: Cell) -> str:
    if cell.difference is None:
        return ""
    mark = "" if cell.difference.is_significant else f"{NOT_TOLD_APART} "
    return f"{mark}{percent(cell.difference.mean, sign=True)}, p {cell.difference.p:.3f}"


def _links(group: Group, folder: Path) -> Html:
    """Each run by its seed, linked to its page if it has one."""
    return Html("<br>".join(_link(run, folder) for run in group.runs))


def _link(run: Run, folder: Path) -> Html:
    said = f"{run.path.resolve().parent.name}/{run.path.resolve().name}, seed {run.made_by['seed']}"
    page = run.path / "report" / "index.html"
    if not page.is_file():
        return element("span", said)
    return element("a", said, href=Path(os.path.relpath(page.resolve(), folder.resolve())).as_posix())


def _markdown(ablation: Ablation) -> str:
    head = ["", "seeds", *(f"{column.key} {metric_name(column.metric)}" for column in ablation.columns)]
    lines = [head, ["---"] * len(head)]
    for group, cells in ablation.rows:
        lines.append([group.label, str(len(group.runs)), *map(_markdown_cell, cells)])
    said = [*_markdown_table(lines), "", _explanation(ablation), ""]
    columns, figures = _paper(ablation)
    if columns:
        head = ["", *(f"{key} {metric_name(metric)}" for key, metric in columns)]
        said += [f"{IN_THE_PAPER}:", "", *_markdown_table([head, ["---"] * len(head), *figures]), ""]
    return "\n".join(said)


def _markdown_table(lines: Iterable[list[str]]) -> Iterable[str]:
    return ("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _markdown_cell(cell: Cell | None) -> str:
    if cell is None:
        return NO_NUMBER
    value = f"**{_mean(cell)}**" if cell.is_best else _mean(cell)
    said = _difference(cell)
    return f"{value} ({said})" if said else value


def _write_csv(ablation: Ablation, file: Path) -> None:
    """All digits, as shares."""
    parts = ("mean", "sd", "difference", "low", "high", "p")
    head = [f"{column.key}/{column.metric}/{part}" for column in ablation.columns for part in parts]
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["label", "runs", "seeds", *head])
        for group, cells in ablation.rows:
            paths = " ".join(str(run.path) for run in group.runs)
            seeds = " ".join(str(run.made_by["seed"]) for run in group.runs)
            values = [value for cell in cells for value in _csv_cells(cell)]
            writer.writerow([group.label, paths, seeds, *("" if math.isnan(value) else value for value in values)])


def _csv_cells(cell: Cell | None) -> list[float]:
    return [math.nan] * 6 if cell is None else [cell.mean, cell.deviation, *(cell.difference or [math.nan] * 4)]
