"""What runs were told: which differ in their seed alone, and what sets the others apart."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskrec.report.run import Run
from maskrec.runs import OF_THE_RUN
from maskrec.sweeps.table import labels

# What names a run or is about its output, and no part of what is compared.
ASIDE = (
    *OF_THE_RUN,
    "name",
    "group",
    "seed_everything",
    "next_steps",
    "paper",
    "trainer.logger",
    "trainer.default_root_dir",
)
SEED = "seed"
SAID = 4  # settings a label can hold
Settings = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Runs of one configuration that differ in their seed alone, and what they are called in a table."""

    label: str
    runs: Sequence[Run]


def group_runs(runs: Sequence[Run], by_name: bool = False) -> list[Group]:
    """Runs by configuration, in the order given, labelled by experiment or the settings that differ between them."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps(settings(run), sort_keys=True, default=str), []).append(run)
    found = list(groups.values())
    return [Group(label, members) for label, members in zip(_labels(found, by_name), found, strict=True)]


def settings(run: Run) -> Settings:
    """A run's configuration, one entry a value, without seeds, names and loggers.

    A class stands at the key of what it configures, its arguments below: `data.masking` is `MG`, `data.masking.p` 0.5.
    Weights that were trained elsewhere are the setting `checkpoint`.
    """
    name = re.compile(rf"(?<!\w){re.escape(str(run.config.get('name')))}(?!\w)")
    seed = re.compile(rf"seed{run.config.get('seed_everything')}(?!\d)")  # in the names of runs it starts from
    told = {
        key: seed.sub("seed${seed_everything}", name.sub("${name}", value)) if isinstance(value, str) else value
        for key, value in _leaves(run.config)
        if not any(key == aside or key.startswith(f"{aside}.") for aside in ASIDE) and key.rpartition(".")[2] != SEED
    }
    checkpoint = run.made_by.get("checkpoint")
    # By the folder's name, not its place: runs may have been moved since.
    if checkpoint and run.path.resolve().name not in Path(checkpoint).resolve().parts:
        told["checkpoint"] = checkpoint
    return told


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and "class_path" in value:
        yield key, str(value["class_path"]).rpartition(".")[2]
        yield from _leaves(value.get("init_args") or {}, key)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}".removeprefix("."))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{key}.{number}")
    else:
        yield key, value


def _labels(groups: Sequence[Sequence[Run]], by_name: bool) -> list[str]:
    names = [str(members[0].made_by["experiment"]) for members in groups]
    if by_name or len(groups) == 1:
        return names
    told = [settings(members[0]) for members in groups]
    keys = _differing(told)
    short = labels(keys)
    said = [[f"{short[key]} {_value(one[key])}" for key in keys if key in one] for one in told]
    joined = [_joined(parts) or name for parts, name in zip(said, names, strict=True)]
    is_plain = len(keys) <= SAID and len(set(joined)) == len(joined)
    return joined if is_plain or len(set(names)) < len(names) else names


def _differing(told: Sequence[Settings]) -> list[str]:
    """Keys that differ between two groups which agree on what stands above: of another class no arguments are told."""

    def differs(key: str, one: Settings, other: Settings) -> bool:
        above = (key[: dot.start()] for dot in re.finditer(r"\.", key))
        return _at(key, one) != _at(key, other) and all(_at(upper, one) == _at(upper, other) for upper in above)

    keys = dict.fromkeys(key for one in told for key in one)
    return [key for key in keys if any(differs(key, *pair) for pair in itertools.combinations(told, 2))]


def _at(key: str, told: Settings) -> tuple[bool, Any]:
    return key in told, told.get(key)


def _joined(parts: list[str]) -> str:
    rest = [f"and {len(parts) - SAID} more"] if len(parts) > SAID else []
    return ", ".join([*parts[:SAID], *rest])


def _value(value: Any) -> str:
    return "none" if value is None else str(value)
