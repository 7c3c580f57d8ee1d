"""The one sentence with the number that matters."""

from maskrec.report.run import Run
from maskrec.report.words import comparison_words, metric_name, number, percent

MASKED_SEARCH = "unmasked_masked"
UNMASKED = "unmasked_unmasked"
SENTENCES = {
    "accuracy": "tells the same person from another in {value} % of the pairs",
    "rank_1": "finds the right person first for {value} % of the probes",
}


def headline(run: Run) -> str:
    """How good the run is on masked against unmasked faces of its first test set; else on what it has."""
    keys = sorted(run.comparisons, key=lambda key: not key.split("/", 1)[1].startswith(MASKED_SEARCH))
    chosen = next(
        ((key, metric) for metric in SENTENCES for key in keys if metric in run.comparisons[key].numbers), None
    )
    method = run.made_by["method"]
    if chosen is None:
        key = next(iter(keys), None)
        if key is None:
            return f"{method} was tested on nothing."
        metric, value = next(iter(run.comparisons[key].numbers.items()))
        return f"{method}: {metric_name(metric)} {number(metric, value)} on {key}."
    key, metric = chosen
    found = run.comparisons[key]
    name, comparison = key.split("/", 1)
    said = f"{method} {SENTENCES[metric].format(value=percent(found.numbers[metric]))}"
    said += f" of {name}, {comparison_words(comparison)}"
    if metric in found.intervals:
        low, high = found.intervals[metric]
        said += f" (95 % interval {percent(low)} to {percent(high)})"
    plain = run.comparisons.get(f"{name}/{UNMASKED}")
    if plain is not None and comparison != UNMASKED and metric in plain.numbers:
        said += f"; without masks it is {percent(plain.numbers[metric])} %"
    paper = run.paper.get(f"{key}/{metric}")
    return said + (f"; the paper says {percent(paper)} %." if paper is not None else ".")
