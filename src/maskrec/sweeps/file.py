"""What a sweep's file says, in W&B's own format: a command, the points to try, and what they are compared by."""

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from maskrec.errors import UserError
from maskrec.experiments import SWEEPS

SEED = 1  # of a random search: the same file gives the same points
# What a file may say. The last five only tell a server where its sweep goes, and agents what to start.
KEYS = ("method", "metric", "parameters", "command", "run_cap", "program", "project", "entity", "name", "description")
ARGS = "${args}"
AXES = (
    "a value, values, or numbers min < max, both whole or both with a point (1.0e-5: YAML takes 1e-5 for text) "
    "or with distribution uniform, int_uniform or log_uniform_values"
)
Point = dict[str, Any]  # name of each parameter to its value
Draw = Callable[[random.Random], Any]
Axis = list[Any] | Draw  # the values of a parameter, or how one is drawn
Scale = Callable[[float], float]


@dataclass(frozen=True)
class Sweep:
    """A sweep's file, found to be good.

    Attributes:
        name: The file's stem.
        command: What follows `maskrec exp`, with `${args}` for the options of a point.
        points: What is tried, in this order.
        metric: What points are compared by, as it is logged.
        is_maximised: Whether more of it is better.
    """

    name: str
    command: list[str]
    points: list[Point]
    metric: str
    is_maximised: bool

    def arguments(self, point: Point) -> list[str]:
        """What follows `maskrec exp` for one point, as W&B's agent writes it."""
        at = self.command.index(ARGS)
        return [*self.command[:at], *(f"--{name}={value}" for name, value in point.items()), *self.command[at + 1 :]]


def read_sweep(name: str) -> Sweep:
    """The sweep of experiments/sweeps/<name>.yaml.

    Raises:
        UserError: There is no such file, or what it says cannot be run here.
    """
    file = SWEEPS / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in SWEEPS.glob("*.yaml")))
        raise UserError(f"no sweep is called '{name}'; there are: {known}")
    try:
        return _sweep(name, yaml.safe_load(file.read_text()))
    except yaml.YAMLError as error:
        raise UserError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from error
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def _sweep(name: str, content: Any) -> Sweep:
    if not isinstance(content, dict):
        raise UserError("expected `key: value` lines")
    for key in content:
        if key not in KEYS:
            raise UserError(f"{key}: not known without a server; what is: {', '.join(KEYS)}")
    command = content.get("command")
    if not isinstance(command, list) or "exp" not in command or ARGS not in command[command.index("exp") :]:
        raise UserError("command: expected a list in which `exp`, an experiment and ${args} follow each other")
    metric = content.get("metric")
    if not isinstance(metric, dict) or "name" not in metric or set(metric) - {"name", "goal"}:
        raise UserError("metric: expected a name and a goal")
    goal = metric.get("goal", "minimize")  # W&B's default
    if goal not in ("minimize", "maximize"):
        raise UserError(f"metric: goal {goal!r} is neither minimize nor maximize")
    return Sweep(
        name,
        command=[str(word) for word in command[command.index("exp") + 1 :]],
        points=search(content.get("method"), content.get("parameters"), content.get("run_cap")),
        metric=str(metric["name"]),
        is_maximised=goal == "maximize",
    )


def search(method: object, parameters: object, run_cap: object = None) -> list[Point]:
    """The points of a grid, the last parameter varying fastest, or of a seeded random search; each point once.

    Raises:
        UserError: The method, a parameter or the cap is nothing that can be run here.
    """
    if method == "bayes":
        raise UserError("method: bayes needs a server: `wandb sweep` on this file, then `wandb agent`")
    if method not in ("grid", "random"):
        raise UserError(f"method: {method!r} is neither grid nor random")
    if not isinstance(parameters, dict) or not parameters:
        raise UserError("parameters: expected at least one, by the name of its option")
    axes = {name: _axis(name, spec) for name, spec in parameters.items()}
    cap = run_cap if isinstance(run_cap, int) and run_cap > 0 else None
    if cap is None and (method == "random" or run_cap is not None):
        raise UserError(f"run_cap: expected the number of runs, not {run_cap}")
    distinct: list[Point] = []
    for point in itertools.islice(_grid(axes) if method == "grid" else _draws(axes), cap):
        if point not in distinct:
            distinct.append(point)
    return distinct


def _axis(name: str, spec: object) -> Axis:
    said = dict(spec) if isinstance(spec, dict) else {}
    match said.pop("distribution", None), *sorted(said.items(), key=str):
        case None | "constant", ("value", value):
            return [value]
        case None | "categorical", ("values", [_, *_] as values):
            return [*values]
        case None | "int_uniform", ("max", int() as high), ("min", int() as low) if low < high:
            return functools.partial(random.Random.randint, a=low, b=high)
        case None, ("max", float() as high), ("min", float() as low) if low < high:
            return _uniform(low, high)
        case "uniform", ("max", int() | float() as high), ("min", int() | float() as low) if low < high:
            return _uniform(low, high)
        case "log_uniform_values", ("max", int() | float() as high), ("min", int() | float() as low) if 0 < low < high:
            return _uniform(low, high, to=math.log, back=math.exp)
    raise UserError(f"parameters: {name}: {spec} is not known without a server; what is: {AXES}")


def _uniform(low: float, high: float, to: Scale = float, back: Scale = float) -> Draw:
    """Draws with as many digits as a person reads, within the bounds."""
    return lambda rng: min(max(float(f"{back(rng.uniform(to(low), to(high))):.4g}"), low), high)


def _grid(axes: dict[str, Axis]) -> Iterator[Point]:
    values = [axis for axis in axes.values() if isinstance(axis, list)]
    if len(values) < len(axes):
        name = next(name for name, axis in axes.items() if not isinstance(axis, list))
        raise UserError(f"parameters: {name}: a grid needs a value or values")
    return (dict(zip(axes, point, strict=True)) for point in itertools.product(*values))


def _draws(axes: dict[str, Axis]) -> Iterator[Point]:
    rng = random.Random(SEED)
    while True:
        yield {name: rng.choice(axis) if isinstance(axis, list) else axis(rng) for name, axis in axes.items()}
