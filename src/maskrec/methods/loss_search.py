"""The search of MAN: how likely each loss of a pool is, learnt from how well those who used it did.

The paper (see `maskrec.methods.man`) gives no formula for the update. Here, after Wang et al., "Loss Function Search
for Face Recognition" (ICML 2020), whose public code normalises the reward so: alpha = softmax(logits), REINFORCE, Adam.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from maskrec.losses import IdentityLoss

EPS = 1e-6  # as the public code's: members that are all alike get no reward
ADAM_EPS = 1e-8


def rewards(score: Tensor) -> Tensor:
    """2 (s_i - mean) / (max - min + 1e-6) of the members' scores, (N,), the higher the better; their sum is 0."""
    return 2 * (score - score.mean()) / (score.max() - score.min() + EPS)


def reinforce_gradient(logits: Tensor, drawn: Tensor, reward: Tensor) -> Tensor:
    """Gradient of -1/N sum_i r_i log alpha_{d_i}, alpha = softmax(logits): 1/N sum_i r_i (alpha_k - [d_i = k]).

    Args:
        logits: (L,) one a loss.
        drawn: (N,) int64, the loss d_i of each member.
        reward: (N,) of each member.

    Returns:
        (L,).
    """
    used = torch.zeros_like(logits).index_add_(0, drawn, reward)
    return (reward.sum() * logits.softmax(dim=0) - used) / len(drawn)


class LossSearch(nn.Module):
    """Which of L losses N members use, and what is known of the losses; all of it in buffers, so in checkpoints.

    What is drawn is a function of the seed and the number of updates: a search that goes on draws as an undisturbed
    one.

    Args:
        losses: Names of the L losses.
        members: N.
        rate: Adam's learning rate.
        betas: Adam's.

    Attributes:
        logits: (L,) of alpha.
        drawn: (N,) the loss of each member.
        score: (N,) of each member at the last update.
        best: The member that was best then.
        steps: How many updates there were.
        is_copied: Whether all members have gone on from the best one since.
    """

    logits: Tensor
    first_moment: Tensor
    second_moment: Tensor
    steps: Tensor
    drawn: Tensor
    score: Tensor
    best: Tensor
    is_copied: Tensor
    seed: Tensor

    def __init__(
        self, losses: Sequence[str], members: int, rate: float = 0.05, betas: tuple[float, float] = (0.5, 0.999)
    ) -> None:
        super().__init__()
        self.losses = losses
        self.rate = rate
        self.betas = betas
        for name in ("logits", "first_moment", "second_moment"):
            self.register_buffer(name, torch.zeros(len(losses)))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("drawn", torch.zeros(members, dtype=torch.long))
        self.register_buffer("score", torch.zeros(members))
        self.register_buffer("best", torch.zeros((), dtype=torch.long))
        self.register_buffer("is_copied", torch.ones((), dtype=torch.bool))
        self.register_buffer("seed", torch.randint(2**31, ()))
        self.draw()

    @property
    def alpha(self) -> Tensor:
        """(L,) how likely each loss is."""
        return self.logits.softmax(dim=0)

    def draw(self) -> None:
        """A loss for each member, by alpha."""
        key = int(self.seed), int(self.steps)
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
        self.drawn.copy_(torch.multinomial(self.alpha.cpu(), len(self.drawn), replacement=True, generator=generator))

    @torch.no_grad()
    def update(self, score: Tensor) -> int:
        """Learn from the members' scores, (N,), and say who was best; of equals the first."""
        # In float64: rewards add up to 0, and Adam would make whole steps of what fp32 leaves of the sum.
        gradient = reinforce_gradient(self.logits.double(), self.drawn, rewards(score.double())).to(self.logits)
        beta1, beta2 = self.betas
        self.steps += 1
        self.first_moment.lerp_(gradient, 1 - beta1)
        self.second_moment.lerp_(gradient.square(), 1 - beta2)
        deviation = (self.second_moment / (1 - beta2**self.steps)).sqrt() + ADAM_EPS
        self.logits -= self.rate * self.first_moment / (1 - beta1**self.steps) / deviation
        self.score.copy_(score)
        self.best.copy_(score.argmax())
        self.is_copied.fill_(False)
        return int(self.best)

    def numbers(self) -> dict[str, float]:
        """What there is to log after an update: alpha, each member's score and loss, and the best member."""
        return {
            "best": float(self.best),
            **{f"alpha/{name}": value for name, value in zip(self.losses, self.alpha.tolist(), strict=True)},
            **{f"score/member_{number}": value for number, value in enumerate(self.score.tolist())},
            **{f"loss/member_{number}": float(drawn) for number, drawn in enumerate(self.drawn.tolist())},
        }


def loss_names(losses: Sequence[IdentityLoss]) -> list[str]:
    """A name each, by class and margin; those that have one in common are numbered."""
    names = [type(loss).__name__ + (f"_{loss.margin}" if hasattr(loss, "margin") else "") for loss in losses]
    return [name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names)]
