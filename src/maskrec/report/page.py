"""One HTML page a run: its headline, numbers, pictures and configuration."""

import shlex
from pathlib import Path

from maskrec.evaluation.results import COUNTS
from maskrec.report.gallery import gallery_section
from maskrec.report.headline import headline
from maskrec.report.html import Html, breakable, document, element, picture, table
from maskrec.report.pictures import Picture, draw_scores, draw_training, left_by_callbacks
from maskrec.report.run import CONFIG, Comparison, Run, read_run
from maskrec.report.words import NO_NUMBER, metric_name, number, percent

PRINTED = (
    "All rates in percent. A comparison is named reference_probe. Small figures: 95 % interval by bootstrap over "
    "identities, and what the paper says with our difference from it."
)


def write_report(folder: Path) -> Path:
    """Write `report/index.html` into a run's folder from what lies in it, and return its path.

    Raises:
        UserError: The folder holds no results.
    """
    run = read_run(folder)
    target = folder / "report"
    target.mkdir(exist_ok=True)
    for earlier in target.glob("*.png"):
        earlier.unlink()
    sets = list(dict.fromkeys(key.split("/", 1)[0] for key in run.comparisons))
    drawn, left = draw_scores(run, target), left_by_callbacks(folder, sets)
    title = f"{run.made_by['experiment']}: {run.made_by['method']}"
    body = [
        element("h1", title),
        element("p", _origin(run), class_="note"),
        element("p", headline(run), class_="headline"),
        *gallery_section(run),
        element("h2", "Results"),
        element("p", PRINTED, class_="note"),
    ]
    for name in sets:
        body += [element("h3", name), *_results(run, name)]
    body += _paper_only(run)
    body += _section("Pictures: all test sets", drawn[""])
    for name in sets:
        body += _section(f"Pictures: {name}", [*drawn.get(name, []), left.get(name, [])])
    body += _section("Training and faces", [draw_training(folder, target), left.get("", [])])
    body += [element("h2", "Run it again"), element("pre", _commands(run))]
    body += [element("h2", "Configuration"), element("p", _versions(run), class_="note")]
    body.append(element("details", element("summary", CONFIG), element("pre", run.config_text)))
    index = target / "index.html"
    index.write_text(document(title, body))
    return index


def _origin(run: Run) -> str:
    made_by = run.made_by
    return (
        f"{run.path.resolve().name} · seed {made_by['seed']} · commit {made_by['git'][:12]} · {made_by['hardware']}"
        f" · checkpoint {made_by.get('checkpoint') or 'none'}"
    )


def _versions(run: Run) -> str:
    return ", ".join(f"{name} {version}" for name, version in run.made_by["versions"].items())


def _results(run: Run, name: str) -> list[Html]:
    """A test set's metrics by comparison, and below it why some have no number."""
    found = {key.split("/", 1)[1]: value for key, value in run.comparisons.items() if key.split("/", 1)[0] == name}
    metrics = sorted(
        dict.fromkeys(metric for value in found.values() for metric in value.numbers), key=COUNTS.__contains__
    )
    rows = [
        [
            metric_name(metric),
            *(_cell(value, metric, run.paper.get(f"{name}/{key}/{metric}")) for key, value in found.items()),
        ]
        for metric in metrics
    ]
    reasons: dict[str, dict[str, None]] = {}
    for value in found.values():
        for metric, why in value.notes.items():
            reasons.setdefault(why, {})[metric_name(metric)] = None
    notes = (element("li", f"No {' or '.join(names)}: {why}.") for why, names in reasons.items())
    return [table(["", *map(breakable, found)], rows), *([element("ul", *notes, class_="note")] if reasons else [])]


def _cell(found: Comparison, metric: str, paper: float | None) -> Html:
    if metric not in found.numbers:
        return Html(NO_NUMBER if metric in found.notes else "")
    value = found.numbers[metric]
    parts = [element("span", number(metric, value))]
    if metric in found.intervals:
        low, high = found.intervals[metric]
        parts.append(element("small", f"{percent(low)} to {percent(high)}"))
    if paper is not None:
        parts.append(element("small", f"paper {percent(paper)} ({percent(value - paper, sign=True)})"))
    return Html("".join(parts))


def _paper_only(run: Run) -> list[Html]:
    """What the paper reports and this run does not."""
    missing = [key for key in run.paper if key.rpartition("/")[2] not in _numbers(run, key.rpartition("/")[0])]
    if not missing:
        return []
    said = ", ".join(f"{key} {percent(run.paper[key])}" for key in missing)
    return [element("p", f"The paper also reports, with no number here: {said}.", class_="note")]


def _numbers(run: Run, key: str) -> dict[str, float]:
    return run.comparisons[key].numbers if key in run.comparisons else {}


def _section(title: str, rows: list[list[Picture]]) -> list[Html]:
    shown = [element("div", *(picture(*one) for one in row), class_=row[0].kind + "s") for row in rows if row]
    return [element("h2", title), *shown] if shown else []


def _commands(run: Run) -> str:
    """What makes these numbers anew, from the project's folder."""
    path = run.path.resolve()
    path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    config, checkpoint = shlex.quote(str(path / CONFIG)), run.made_by.get("checkpoint")
    commit = run.made_by["git"]
    lines = [
        f"git checkout {commit.rstrip('+')}" + ("  # and changes that were not committed" if "+" in commit else "")
    ]
    if checkpoint and Path(checkpoint).resolve().is_relative_to(run.path.resolve()):  # trained here
        lines.append(f"maskrec fit --config {config}")
        checkpoint = Path("runs", run.config["name"], "latest", "checkpoints", Path(checkpoint).name)
    weights = f" --ckpt_path {shlex.quote(str(checkpoint))}" if checkpoint else ""
    return "\n".join([*lines, f"maskrec test --config {config}{weights}"])
