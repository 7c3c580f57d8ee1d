"""The one evaluation loop that validation and test share."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from maskrec.evaluation.protocols import Evaluation, ProtocolResults
from maskrec.evaluation.store import EmbeddingStore
from maskrec.types import Embedder, Embedding


class Evaluator:
    """Collects the embeddings of several evaluations, then runs their protocols.

    Args:
        evaluations: One a data loader, in order.
        device: Where the embeddings are.
    """

    def __init__(self, evaluations: Sequence[Evaluation], device: torch.device) -> None:
        self.evaluations = evaluations
        self.stores = [EmbeddingStore(evaluation.num_faces).to(device) for evaluation in evaluations]

    def update(self, loader: int, embedding: Embedding, index: Tensor) -> None:
        """Add a batch of a loader's evaluation."""
        self.stores[loader].update(embedding, index)

    def compute(self, embedder: Embedder) -> ProtocolResults:
        """`{"<evaluation>/<comparison>": {"<metric>": number}}`, the same on every rank.

        An evaluation that was cut short (`limit_test_batches`) has no numbers: a warning says so.
        """
        results: ProtocolResults = {}
        for evaluation, store in zip(self.evaluations, self.stores, strict=True):
            embedding, is_seen = store.compute()
            if not is_seen.all():
                warnings.warn(
                    f"{evaluation.name}: only {int(is_seen.sum())} of {len(is_seen)} faces were embedded, no results",
                    stacklevel=2,
                )
                continue
            for comparison, protocol in evaluation.protocols.items():
                results[f"{evaluation.name}/{comparison}"] = protocol(embedder, embedding)
        return results
