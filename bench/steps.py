"""Training steps of several methods in turns, so that a slow minute slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping

import torch

from maskrec.methods import FaceMethod
from maskrec.types import FaceBatch


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def ratios_of_steps(methods: Mapping[str, FaceMethod], batch: Callable[[], FaceBatch], rounds: int) -> list[float]:
    """What a step of the last method takes over one of the first, sorted; the first round warms up."""
    first, *_, last = times_of_steps(methods, batch, rounds).values()
    return sorted(slow / quick for slow, quick in zip(last, first, strict=True))


def times_of_steps(
    methods: Mapping[str, FaceMethod], batch: Callable[[], FaceBatch], rounds: int
) -> dict[str, list[float]]:
    """Seconds of each step by method; the first round, which warms up, is left out."""
    times: dict[str, list[float]] = {name: [] for name in methods}
    optimizers = {name: torch.optim.Adam(method.parameters(), lr=1e-4) for name, method in methods.items()}
    for method in methods.values():
        method.log = method.log_dict = lambda *_args, **_options: None  # type: ignore[method-assign,assignment]
    for turn in range(rounds + 1):
        faces = batch()
        for name, method in methods.items():

            def step(method: FaceMethod = method, name: str = name, faces: FaceBatch = faces) -> None:
                loss = method.training_step(faces, 0)
                optimizers[name].zero_grad()
                loss.backward()
                optimizers[name].step()

            elapsed = seconds(step)
            if turn:
                times[name].append(elapsed)
    return times


def say(what: str, ratios: list[float], aim: float) -> None:
    """Print the median and the range of sorted ratios."""
    print(f"{what}: median {statistics.median(ratios):.3f}, from {ratios[0]:.3f} to {ratios[-1]:.3f} (aim {aim})")
