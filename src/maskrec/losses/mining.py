"""Hard examples of a batch: which pair counts is decided first, its distance is then taken exactly."""

import torch
from torch import Tensor


def farthest(anchor: Tensor, other: Tensor, is_candidate: Tensor) -> Tensor:
    """Euclidean distance to the farthest candidate: (A, D), (N, D), (A, N) bool to (A,).

    A row without candidates gets some finite distance; it is for the caller to leave it out.
    """
    distances = _distances(anchor, other).masked_fill_(~is_candidate, -torch.inf)
    return distance(anchor, other[distances.argmax(dim=1)])


def nearest(anchor: Tensor, other: Tensor, is_candidate: Tensor) -> Tensor:
    """The same to the nearest candidate."""
    distances = _distances(anchor, other).masked_fill_(~is_candidate, torch.inf)
    return distance(anchor, other[distances.argmin(dim=1)])


def distance(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances row by row, (N, D), (N, D) to (N,); the gradient at distance 0 is 0."""
    distances: Tensor = torch.linalg.vector_norm(first - second, dim=1)
    return distances


def mean_of(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of the valid values, (N,), (N,) bool to a scalar; 0, with a gradient of 0, where none is."""
    return (values * valid).sum() / valid.sum().clamp(min=1)


@torch.no_grad()
def _distances(anchor: Tensor, other: Tensor) -> Tensor:
    # |a|^2 - 2ab + |b|^2 by a matrix product would lose what tells near neighbours apart.
    return torch.cdist(anchor, other, compute_mode="donot_use_mm_for_euclid_dist")
