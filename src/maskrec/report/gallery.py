"""Whether a gallery can stay: what a network and the one it came from make of the same pairs, and both together."""

from collections.abc import Iterator
from typing import NamedTuple

from maskrec.methods.template_distillation import ACROSS, OLD
from maskrec.report.html import Html, breakable, element, table
from maskrec.report.run import Run
from maskrec.report.words import THRESHOLD, is_lower_better, metric_name, number, percent

METRICS = ("accuracy", "eer", "rank_1", "map", "precision_1_of_20")
HEAD = ("", "", "old x old", "new probe x old gallery", "new x new")
SLACK = 0.003  # how much worse than before, as a share, still counts as no worse
EXPLAINED = (
    "Old: the network as it was; new: as it is now. Where new probes against the old gallery are no worse than old x"
    " old, faces enrolled before can stay. The weights of the distance to the teacher's templates (`masked_weight`,"
    " `unmasked_weight`) are the weight of this compatibility."
)


class Pairing(NamedTuple):
    """One figure of a comparison, of the old network, of new probes against its gallery, and of the new network."""

    comparison: str
    metric: str
    old: float
    across: float
    new: float

    @property
    def is_better(self) -> bool:
        """Whether new probes do better against the old gallery than old ones did."""
        return self.across < self.old if is_lower_better(self.metric) else self.across > self.old

    @property
    def is_no_worse(self) -> bool:
        """The same, or worse by 0.3 points at most."""
        loss = self.across - self.old if is_lower_better(self.metric) else self.old - self.across
        return loss <= SLACK


class Kept(NamedTuple):
    """The thresholds at which each of the three has one false match rate in a comparison."""

    comparison: str
    fmr: str
    old: float
    across: float
    new: float


def pairings(run: Run) -> list[Pairing]:
    """Every figure there is of all three; none where the run compared no two networks."""
    return [
        Pairing(key, metric, *values)
        for key in run.comparisons
        for metric in METRICS
        if (values := _of_three(run, key, metric)) is not None
    ]


def kept_thresholds(run: Run) -> list[Kept]:
    """For each comparison the thresholds at the lowest FMR there are impostors enough for."""
    found = []
    for key, comparison in run.comparisons.items():
        metrics = sorted((m for m in comparison.numbers if m.startswith(THRESHOLD)), key=_fmr)
        values = next(((m, of) for m in metrics if (of := _of_three(run, key, m)) is not None), None)
        if values is not None:
            found.append(Kept(key, values[0].removeprefix(THRESHOLD), *values[1]))
    return found


def _fmr(metric: str) -> float:
    return float(metric.removeprefix(THRESHOLD))


def _of_three(run: Run, key: str, metric: str) -> tuple[float, float, float] | None:
    three = [run.comparisons.get(f"{key}{ending}") for ending in (OLD, ACROSS, "")]
    values = [found.numbers.get(metric) for found in three if found is not None]
    old, across, new = values if len(values) == 3 else (None, None, None)
    return None if old is None or across is None or new is None else (old, across, new)


def verdict(run: Run) -> str:
    """In a sentence, whether the gallery can stay by the pairs and searches of this run."""
    found = [p for p in pairings(run) if p.metric in ("eer", "rank_1")]
    if not found:
        return "No two networks were compared."
    masked = [p for p in found if "/unmasked_masked" in p.comparison]
    unmasked = [p for p in found if "/unmasked_unmasked" in p.comparison]
    better = sum(p.is_better for p in masked)
    said = [
        f"masked probes do better against the old gallery in {better} of {len(masked)} figures",
        f"unmasked ones no worse (by {percent(SLACK)} points at most) in"
        f" {sum(p.is_no_worse for p in unmasked)} of {len(unmasked)}",
    ]
    if not masked or not unmasked:
        missing = "no masked probes" if unmasked else "no unmasked probes"
        return f"Whether the gallery can stay is open, for {missing} were tested against it: {', '.join(said)}."
    can_stay = all(p.is_better for p in masked) and all(p.is_no_worse for p in unmasked)
    return f"The gallery {'can stay' if can_stay else 'had better be enrolled anew'}: {', '.join(said)}."


def rows(run: Run) -> Iterator[tuple[str, ...]]:
    """Figures as a person reads them, in the order of `HEAD`."""
    for found in pairings(run):
        values = (number(found.metric, value) for value in (found.old, found.across, found.new))
        yield found.comparison, metric_name(found.metric), *values
    for kept in kept_thresholds(run):
        values = (f"{value:.4f}" for value in (kept.old, kept.across, kept.new))
        yield kept.comparison, f"Threshold that keeps FMR {kept.fmr}", *values


def gallery_section(run: Run) -> list[Html]:
    """The part of a run's page; empty where there is nothing to compare."""
    shown = [[breakable(row[0]), *row[1:]] for row in rows(run)]
    if not shown:
        return []
    told = [element("p", verdict(run)), element("p", EXPLAINED, class_="note")]
    return [element("h2", "Can the gallery stay?"), *told, table(HEAD, shown)]
