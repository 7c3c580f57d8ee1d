"""What DCR adds to a softmax step, and whether two million identities slow its loss and centres down."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from maskrec.losses import DCRLoss, DomainCenters, Softmax
from maskrec.memory import keep_freed_memory
from maskrec.methods import DCR, FaceClassifier
from maskrec.types import FaceBatch

FACES, IMAGES, DIM = 192, 6, 512
FEW, MANY = 10_000, 2_000_000
STEP_ROUNDS, LOSS_ROUNDS, BATCHES = 7, 5, 40


def identities(count: int) -> Tensor:
    return torch.randint(count, (FACES // IMAGES,)).repeat_interleave(IMAGES)


def is_masked() -> Tensor:
    return torch.arange(FACES) % IMAGES >= IMAGES // 2


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare_steps() -> None:
    image = torch.rand(FACES, 3, 112, 112).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    models = {"softmax": FaceClassifier("iresnet18", DIM, FEW, Softmax()), "DCR": DCR(DIM, FEW, backbone="iresnet18")}
    times: dict[str, list[float]] = {name: [] for name in models}
    optimizers = {name: torch.optim.Adam(model.parameters(), lr=1e-4) for name, model in models.items()}
    for model in models.values():
        model.log = model.log_dict = lambda *_args, **_options: None  # type: ignore[method-assign,assignment]
    for turn in range(STEP_ROUNDS + 1):
        batch = FaceBatch(image, identities(FEW), is_masked(), torch.arange(FACES), torch.empty(0))
        for name, model in models.items():  # in turns, so that a slow minute slows both

            def step(model: FaceClassifier = model, name: str = name, batch: FaceBatch = batch) -> None:
                loss = model.training_step(batch, 0)
                optimizers[name].zero_grad()
                loss.backward()
                optimizers[name].step()

            elapsed = seconds(step)
            if turn:
                times[name].append(elapsed)
    ratios = sorted(dcr / softmax for dcr, softmax in zip(times["DCR"], times["softmax"], strict=True))
    print(
        f"DCR / softmax step, IR-18, {FACES} faces, {FEW:,} identities: median {statistics.median(ratios):.3f},"
        f" from {ratios[0]:.3f} to {ratios[-1]:.3f} (aim 1.03)"
    )


def compare_banks() -> None:
    """The same batches go round: a page of memory that is touched for the first time is no part of a step."""
    losses = {count: DCRLoss(DomainCenters(DIM, count)) for count in (FEW, MANY)}
    batches = {count: [identities(count) for _ in range(BATCHES)] for count in losses}
    times: dict[int, list[float]] = {count: [] for count in losses}
    features = torch.randn(FACES, DIM, requires_grad=True)
    masked = is_masked()
    for turn in range(LOSS_ROUNDS + 1):
        for at in range(BATCHES):
            for count, loss in losses.items():

                def step(loss: DCRLoss = loss, identity: Tensor = batches[count][at]) -> None:
                    loss(features, identity, masked).total.backward()

                elapsed = seconds(step)
                if turn:
                    times[count].append(elapsed)
    few, many = (statistics.median(times[count]) for count in losses)
    print(
        f"L_DCR and centres, {MANY:,} identities / {FEW:,}: {many / few:.2f}"
        f" ({1e3 * many:.2f} and {1e3 * few:.2f} ms; aim 2)"
    )


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    compare_steps()
    compare_banks()
