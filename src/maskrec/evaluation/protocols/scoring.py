"""Scores of listed pairs and of tables, in chunks, through the method's own similarity."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from maskrec.types import Embedder, Embedding

PAIRS_AT_ONCE = 2**16
SCORES_AT_ONCE = 2**22


def take(embedding: Embedding, rows: Tensor) -> Embedding:
    """The faces `rows`, (N,), of an embedding."""
    return tree_map(lambda leaf: leaf[rows.to(leaf.device)], embedding)


def pair_scores(embedder: Embedder, embedding: Embedding, first: Tensor, second: Tensor) -> Tensor:
    """(N,) float32 similarities of the faces `first`, (N,), with the faces `second`, (N,), on the CPU."""
    chunks = zip(first.split(PAIRS_AT_ONCE), second.split(PAIRS_AT_ONCE), strict=True)
    return torch.cat(
        [embedder.pairwise_similarity(take(embedding, one), take(embedding, two)).float().cpu() for one, two in chunks]
    )


def table_scores(
    embedder: Embedder, embedding: Embedding, probe: Tensor, gallery: Tensor
) -> Iterator[tuple[slice, Tensor]]:
    """Similarities of all faces `probe`, (P,), with all faces `gallery`, (G,): some probes at a time.

    Yields:
        Which probes, and their scores, (some, G) float32, where the method computes them.
    """
    faces = take(embedding, gallery)
    start = 0
    for rows in probe.split(max(1, SCORES_AT_ONCE // max(1, len(gallery)))):
        yield slice(start, start + len(rows)), embedder.similarity(take(embedding, rows), faces).float()
        start += len(rows)
