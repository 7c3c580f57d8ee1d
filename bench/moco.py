"""A MoCo step against lightly's (where that is installed), and what the hardest of n impostors cost a Siamese step."""

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from maskrec.backbones import create_backbone, evaluating
from maskrec.memory import keep_freed_memory
from maskrec.methods import ContrastiveSiamese, MoCoV2
from maskrec.types import FaceBatch

FACES, SIZE, QUEUE, DIM = 64, 64, 65_536, 128
PAIRS, HARDEST_OF = 32, 16
ROUNDS = 9
NONE = torch.empty(0)


def images(count: int) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=torch.channels_last)


def stepping(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01, momentum=0.9)

    def step() -> None:
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def ours(groups: int = 4) -> Callable[[], None]:
    model = MoCoV2("resnet18", DIM, QUEUE, groups=groups, input_size=(SIZE, SIZE))
    model.log = lambda *_args, **_options: None  # type: ignore[method-assign]
    row = torch.arange(FACES).repeat(2)
    batch = FaceBatch(images(2 * FACES), row, row > 0, row, NONE)
    return stepping(model, lambda: model.training_step(batch, 0))


def query_alone() -> Callable[[], None]:
    """What either cannot do without: both views, both encoders and the queue are held, the query encoder is trained."""
    model = MoCoV2("resnet18", DIM, QUEUE, input_size=(SIZE, SIZE))
    image = images(2 * FACES)
    return stepping(model, lambda: model.projection(model.backbone(image[:FACES])).square().mean())


def lightlys() -> Callable[[], None]:
    from lightly.loss import NTXentLoss
    from lightly.models.modules import MoCoProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum

    parts = [
        (create_backbone("resnet18", None, input_size=(SIZE, SIZE)), MoCoProjectionHead(512, 512, DIM))
        for _ in range(2)
    ]
    (backbone, head), (key_backbone, key_head) = parts
    for module in parts[1]:
        deactivate_requires_grad(module)
    criterion, image = NTXentLoss(temperature=0.2, memory_bank_size=(QUEUE, DIM)), images(2 * FACES)

    def loss() -> Tensor:
        update_momentum(backbone, key_backbone, m=0.999)
        update_momentum(head, key_head, m=0.999)
        query = head(backbone(image[:FACES]))
        with torch.no_grad():
            key = key_head(key_backbone(image[FACES:]))
        value: Tensor = criterion(query, key)
        return value

    return stepping(nn.ModuleList([backbone, head]), loss)


STEPS = {"ours": ours, "lightly": lightlys, "query alone": query_alone}
PEAK = """
import re, sys
from pathlib import Path
from bench.moco import STEPS
step = STEPS[sys.argv[1]]()
for _ in range(3):
    step()
print(int(re.search("VmHWM: *\t* *([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


def peak(name: str) -> float:
    """MiB of a process of its own that takes three steps; `ru_maxrss` would begin at what this process has."""
    return float(subprocess.run([sys.executable, "-c", PEAK, name], capture_output=True, text=True, check=True).stdout)


def seconds(works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):
        for name, work in works.items():  # in turns, so that a slow minute slows all
            start = time.perf_counter()
            work()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def against_lightly() -> None:
    if importlib.util.find_spec("lightly") is None:
        print("MoCo against lightly: skipped: lightly is not installed (pip install it into an environment of its own)")
        return
    # lightly does not shuffle within a process: one group is the same work, four keep batch-norm from telling.
    times = seconds({"1 group": ours(1), "4 groups": ours(4), "lightly": lightlys()})
    print(f"MoCo step, ResNet-18 at {SIZE}x{SIZE}, {FACES} faces, queue {QUEUE:,}, ours / lightly's (aim 1.05):")
    for name in ("1 group", "4 groups"):
        ratios = sorted(a / b for a, b in zip(times[name], times["lightly"], strict=True))
        print(f"  {name}: median {statistics.median(ratios):.3f}, from {ratios[0]:.3f} to {ratios[-1]:.3f}")
    peaks = {name: peak(name) for name in STEPS}
    extra = {name: peaks[name] - peaks["query alone"] for name in ("ours", "lightly")}
    print(
        f"peak memory above a step of the query encoder alone ({peaks['query alone']:.0f} MiB): ours"
        f" {extra['ours']:.0f} MiB, lightly's {extra['lightly']:.0f} MiB (aim: half)"
    )


def hard_impostors() -> None:
    model = ContrastiveSiamese("resnet18", input_size=(SIZE, SIZE))
    model.log = lambda *_args, **_options: None  # type: ignore[method-assign]

    def batch(impostors: int) -> FaceBatch:
        couple = torch.arange(PAIRS // 2).unsqueeze(1)
        pair = (2 * couple + torch.tensor([0, 0] + [1] * (1 + impostors))).flatten()
        return FaceBatch(images(len(pair)), pair, pair > 0, pair, NONE, NONE, pair)

    plain, hard, needed = batch(1), batch(HARDEST_OF), images(PAIRS // 2 * (1 + HARDEST_OF))

    @torch.no_grad()
    def forward() -> None:
        with evaluating(model):
            model.embed(needed)

    times = seconds(
        {
            "plain": stepping(model, lambda: model.training_step(plain, 0)),
            "hard": stepping(model, lambda: model.training_step(hard, 0)),
            "forward": forward,
        }
    )
    ratios = sorted(
        h / (p + f) for p, h, f in zip(*(times[name] for name in ("plain", "hard", "forward")), strict=True)
    )
    print(
        f"hardest of {HARDEST_OF}, {PAIRS} pairs / plain step and {len(needed)} forward passes: median"
        f" {statistics.median(ratios):.3f}, from {ratios[0]:.3f} to {ratios[-1]:.3f} (aim 1.1)"
    )


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    against_lightly()
    hard_impostors()
