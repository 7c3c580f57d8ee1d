"""What LPD's second look costs: a training step and an embedding over those of its global branch alone."""

import torch

from bench.steps import ratios_of_steps, say, seconds
from maskrec.memory import keep_freed_memory
from maskrec.methods import LPD
from maskrec.types import FaceBatch

FACES, SIZE, IDENTITIES = 32, 112, 10_000
ROUNDS = 7


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    options = {"backbone": "iresnet18", "embedding_dim": 512, "num_identities": IDENTITIES}
    methods = {"baseline": LPD(**options, partial=False), "LPD": LPD(**options)}  # type: ignore[arg-type]
    image = torch.rand(FACES, 3, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    landmarks = torch.rand(FACES, 96, 2) * SIZE

    def batch() -> FaceBatch:
        identity = torch.randint(IDENTITIES, (FACES,))
        return FaceBatch(image, identity, torch.zeros(FACES, dtype=torch.bool), torch.arange(FACES), landmarks)

    say(f"LPD / softmax step, IR-18, {FACES} faces", ratios_of_steps(methods, batch, ROUNDS), 2.1)
    baseline, lpd = (method.eval() for method in methods.values())
    with torch.inference_mode():
        times = [(seconds(lambda: lpd.embed(image)), seconds(lambda: baseline.embed(image))) for _ in range(ROUNDS + 1)]
    say("the same, embedding", sorted(slow / quick for slow, quick in times[1:]), 2.05)
