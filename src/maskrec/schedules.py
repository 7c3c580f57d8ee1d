"""Learning-rate schedules that PyTorch does not have: in shares of the run, so one file suits folders of any size."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

START = 0.04  # of the peak: where the warm-up begins


class WarmupSchedule(LambdaLR, ABC):
    """Linear warm-up to the optimiser's rate, then what a subclass makes of the rest of the run.

    Advances by step. The method says how long the run is.

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
        if self.warmup and (step < warmup_steps or step == 0):  # step 0 is asked for before the length is known
            return START + (1 - START) * step / max(warmup_steps, 1)
        return self.after_warmup(step)

    @abstractmethod
    def after_warmup(self, step: int) -> float:
        """The same once it is warm."""


class WarmupCosine(WarmupSchedule):
    """Linear warm-up to the optimiser's rate, then half a cosine down to 0.

    Args:
        optimizer: Its `lr` is the peak.
        warmup: Share of the run that warms up.
    """

    def after_warmup(self, step: int) -> float:
        """Half a cosine over the rest of the run."""
        warmup_steps = self.warmup * self.total_steps
        share = min((step - warmup_steps) / max(self.total_steps - warmup_steps, 1), 1)
        return (1 + math.cos(math.pi * share)) / 2


class WarmupMultiStep(WarmupSchedule):
    """Linear warm-up to the optimiser's rate, then a drop at each milestone.

    Args:
        optimizer: Its `lr` is the peak.
        warmup: Share of the run that warms up.
        milestones: Shares of the run after which the rate drops.
        gamma: What each drop multiplies it by.
    """

    def __init__(
        self, optimizer: Optimizer, warmup: float = 0.1, milestones: Sequence[float] = (0.5, 0.75), gamma: float = 0.1
    ) -> None:
        self.milestones = milestones
        self.gamma = gamma
        super().__init__(optimizer, warmup)

    def after_warmup(self, step: int) -> float:
        """As many drops as milestones were passed."""
        return self.gamma ** sum(step >= milestone * self.total_steps for milestone in self.milestones)
