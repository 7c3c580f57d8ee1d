"""Embeddings of a set of faces, gathered over batches and ranks."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from maskrec.types import Embedding


class EmbeddingStore(Metric):
    """One row a face: batches go in with their rows, the whole set comes out in order.

    A distributed sampler pads ranks with repeated faces; rows given twice are kept once.

    Args:
        num_faces: Rows of the whole set.
    """

    full_state_update = False
    rows: list[Tensor]
    flat: list[Tensor]

    def __init__(self, num_faces: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_faces = num_faces
        self.add_state("rows", default=[], dist_reduce_fx="cat")
        self.add_state("flat", default=[], dist_reduce_fx="cat")
        self._spec: TreeSpec | None = None
        self._leaves: list[tuple[torch.Size, torch.dtype]] = []

    def update(self, embedding: Embedding, index: Tensor) -> None:
        """Add the embedding of a batch, whose faces are the rows `index`, (B,), of the set."""
        leaves, self._spec = tree_flatten(embedding)
        self._leaves = [(leaf.shape[1:], leaf.dtype) for leaf in leaves]
        # One tensor whatever the embedding's structure: one collective call gathers it.
        self.flat.append(torch.cat([leaf.detach().float().flatten(1) for leaf in map(_as_column, leaves)], dim=1))
        self.rows.append(index)

    def compute(self) -> tuple[Embedding, Tensor]:
        """The embedding of all faces, and which rows were seen, (num_faces,) bool."""
        rows, flat = dim_zero_cat(self.rows), dim_zero_cat(self.flat)
        order = rows.argsort(stable=True)
        rows, flat = rows[order], flat[order]
        is_first = torch.cat([rows.new_ones(1, dtype=torch.bool), rows[1:] != rows[:-1]])
        whole = flat.new_zeros(self.num_faces, flat.shape[1])
        whole[rows[is_first]] = flat[is_first]
        is_seen = torch.zeros(self.num_faces, dtype=torch.bool, device=rows.device)
        is_seen[rows] = True
        assert self._spec is not None, "compute() before update()"
        leaves = [
            part.reshape(-1, *shape).to(dtype)
            for part, (shape, dtype) in zip(
                whole.split([shape.numel() for shape, _ in self._leaves], dim=1), self._leaves, strict=True
            )
        ]
        return tree_unflatten(leaves, self._spec), is_seen


def _as_column(leaf: Tensor) -> Tensor:
    return leaf.unsqueeze(1) if leaf.ndim == 1 else leaf
