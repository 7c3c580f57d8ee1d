"""What DCR adds to a softmax step, and whether two million identities slow its loss and centres down."""

import statistics

import torch
from torch import Tensor

from bench.steps import say, seconds, times_of_steps
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


def compare_steps() -> float:
    """Seconds of a softmax step."""
    image = torch.rand(FACES, 3, 112, 112).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    models = {"softmax": FaceClassifier("iresnet18", DIM, FEW, Softmax()), "DCR": DCR(DIM, FEW, backbone="iresnet18")}
    softmax, dcr = times_of_steps(
        models, lambda: FaceBatch(image, identities(FEW), is_masked(), torch.arange(FACES), torch.empty(0)), STEP_ROUNDS
    ).values()
    ratios = sorted(slow / quick for slow, quick in zip(dcr, softmax, strict=True))
    say(f"DCR / softmax step, IR-18, {FACES} faces, {FEW:,} identities", ratios, 1.03)
    return statistics.median(softmax)


def compare_banks() -> float:
    """Seconds that L_DCR and its centres take; the same batches go round, for first touches of memory are no part."""
    losses = {count: DCRLoss(DomainCenters(DIM, count)) for count in (FEW, MANY)}
    batches = {count: [identities(count) for _ in range(BATCHES)] for count in losses}
    times: dict[int, list[float]] = {count: [] for count in losses}
    features = torch.randn(FACES, DIM, requires_grad=True)
    masked = is_masked()
    for turn in range(LOSS_ROUNDS + 1):
        for at in range(BATCHES):
            for count, loss in losses.items():

                def run(loss: DCRLoss = loss, identity: Tensor = batches[count][at]) -> None:
                    loss(features, identity, masked).total.backward()

                elapsed = seconds(run)
                if turn:
                    times[count].append(elapsed)
    few, many = (statistics.median(times[count]) for count in losses)
    print(
        f"L_DCR and centres, {MANY:,} identities / {FEW:,}: {many / few:.2f}"
        f" ({1e3 * many:.2f} and {1e3 * few:.2f} ms; aim 2)"
    )
    return few


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    added = compare_banks()  # first: freed memory is kept, and the banks of two million are larger than a step's
    step = compare_steps()
    # Where steps of equal work differ by more than the aim, this says more than their ratio.
    print(f"L_DCR and centres alone, added to a softmax step of {step:.2f} s: {1 + added / step:.4f} (aim 1.03)")
