"""Pictures a generator made earlier, for its discriminator."""

import torch
from torch import Tensor

from maskrec.distributed import gather_ranks, rank_and_ranks


class ImagePool:
    """Gives a new picture back, or, with probability 1/2 once it is full, an old one, whose place the new one takes.

    Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training" (CVPR 2017),
    Sec. 2.3; with 50 pictures in CycleGAN. Each rank has its own; no buffer, which DDP would send with every forward.

    Args:
        size: Pictures kept; 0 gives new ones alone.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.pictures: Tensor | None = None

    def exchange(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) to as many."""
        return torch.stack([self._exchange(picture) for picture in pictures]) if self.size else pictures

    def _exchange(self, picture: Tensor) -> Tensor:
        if self.pictures is not None:
            self.pictures = self.pictures.to(picture.device)  # a checkpoint's lie on the CPU
        if self.pictures is None:
            self.pictures = picture[None].clone()
        elif len(self.pictures) < self.size:
            self.pictures = torch.cat([self.pictures, picture[None]])
        elif torch.rand(()) < 0.5:
            place = int(torch.randint(self.size, ()))
            old = self.pictures[place].clone()
            self.pictures[place] = picture
            return old
        return picture

    def state(self) -> Tensor:
        """(ranks, N, 3, H, W) of all ranks, each of which calls it."""
        if self.pictures is None:
            return torch.empty(0)
        return torch.stack(gather_ranks(self.pictures).chunk(rank_and_ranks()[1]))

    def load(self, state: Tensor) -> None:
        """Those of this rank; of another one where there were fewer ranks."""
        if state.numel():
            self.pictures = state[rank_and_ranks()[0] % len(state)].clone()
