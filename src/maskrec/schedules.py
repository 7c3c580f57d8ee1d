"""Learning-rate schedules that PyTorch does not have."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

START = 0.04  # of the peak: where the warm-up begins


class WarmupCosine(LambdaLR):
    """Linear warm-up to the optimiser's rate, then half a cosine down to 0, over the whole run.

    Advances by step. The method says how long the run is, so one file suits folders of any size.

    Args:
        optimizer: Its `lr` is the peak.
        warmup: Share of the run that warms up.
    """

    def __init__(self, optimizer: Optimizer, warmup: float = 0.1) -> None:
        self.warmup = warmup
        self.total_steps = 1
        super().__init__(optimizer, self.factor)

    def factor(self, step: int) -> float:
        """The rate at a step over the peak."""
        warmup_steps = self.warmup * self.total_steps
        if step < warmup_steps or step == 0:
            return START + (1 - START) * step / max(warmup_steps, 1)
        share = min((step - warmup_steps) / max(self.total_steps - warmup_steps, 1), 1)
        return (1 + math.cos(math.pi * share)) / 2
