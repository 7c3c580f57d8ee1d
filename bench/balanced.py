"""What routing adds to a matrix of cosines, and a training step to the sum of its parts."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.steps import say, seconds
from maskrec.memory import keep_freed_memory
from maskrec.methods import BalancedMatching
from maskrec.methods.balanced import BalancedEmbedding
from maskrec.types import FaceBatch

PROBES, GALLERY, DIM = 3_648, 7_967, 512
FACES, IDENTITIES = 16, 10_000
ROUTE_ROUNDS, STEP_ROUNDS = 9, 5


def ratios(ours: Callable[[], object], plain: Callable[[], object], rounds: int) -> list[float]:
    """Of one round after the other, so that a slow minute slows both; the first is left out."""
    found = [seconds(ours) / seconds(plain) for _ in range(rounds + 1)]
    return sorted(found[1:])


def drawn(count: int, share: float) -> BalancedEmbedding:
    """Faces of which a share is called masked."""
    partial, full = torch.nn.functional.normalize(torch.randn(2, count, DIM), dim=2)
    probability = torch.rand(count)
    return BalancedEmbedding(partial, full, probability, probability < share)


@torch.inference_mode()
def routing() -> None:
    for measure, share in itertools.product(("cosine", "l2"), (0.5, 0.0)):
        probe, gallery = drawn(PROBES, share), drawn(GALLERY, share)
        model: Any = BalancedMatching("resnet10t", DIM, measure=measure)  # type: ignore[arg-type]
        found = ratios(
            lambda model=model, probe=probe, gallery=gallery: model.similarity(probe, gallery),
            lambda probe=probe, gallery=gallery: probe.full @ gallery.full.T,
            ROUTE_ROUNDS,
        )
        say(f"routed {measure}, {share:.0%} masked / one cosine matrix, {PROBES:,} x {GALLERY:,} x {DIM}", found, 2.2)


def step() -> None:
    """Forward and backward of all against those of E_F once and of E_P twice, each with its head."""
    model = BalancedMatching("iresnet18", DIM, IDENTITIES)
    model.log = model.log_dict = lambda *_args, **_options: None  # type: ignore[method-assign,assignment]
    image = torch.rand(2 * FACES, 3, 112, 112).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    identity, is_masked = torch.randint(IDENTITIES, (FACES,)).repeat(2), torch.arange(2 * FACES) >= FACES
    batch = FaceBatch(image, identity, is_masked, torch.arange(FACES).repeat(2), torch.empty(0))
    unmasked, masked = image.chunk(2)

    def whole() -> None:
        model.training_step(batch, 0).backward()

    def part(network: Any, head: Any, faces: Tensor) -> None:
        head(network(faces), identity[: len(faces)]).backward()

    def parts() -> None:
        part(model.full_extractor, model.full_head, unmasked)
        part(model.partial_extractor, model.partial_head, unmasked)
        part(model.partial_extractor, model.partial_head, masked)

    found = ratios(whole, parts, STEP_ROUNDS)
    say(f"step / (one E_F + two E_P), IR-18, {FACES} faces, {IDENTITIES:,} identities", found, 1.03)


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    routing()
    step()
