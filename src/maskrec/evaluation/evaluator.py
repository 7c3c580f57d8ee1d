"""The one evaluation loop that validation and test share."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from maskrec.errors import UserError
from maskrec.evaluation.metrics import ScoreError
from maskrec.evaluation.protocols import Evaluation, ProtocolResults
from maskrec.evaluation.store import EmbeddingStore
from maskrec.types import Embedder, Embedding


class Evaluator:
    """Collects the embeddings of several evaluations, then runs their protocols.

    Args:
        evaluations: One a data loader, in order.
        device: Where the embeddings are.
        with_intervals: Bootstrap confidence intervals too.
        is_shared: Whether each process sees its share of the faces only; else it sees them all.
    """

    def __init__(
        self,
        evaluations: Sequence[Evaluation],
        device: torch.device,
        with_intervals: bool = True,
        is_shared: bool = True,
    ) -> None:
        self.evaluations = evaluations
        self.with_intervals = with_intervals
        self.stores = [
            EmbeddingStore(evaluation.num_faces, sync_on_compute=is_shared).to(device) for evaluation in evaluations
        ]

    def update(self, loader: int, embedding: Embedding, index: Tensor) -> None:
        """Add a batch of a loader's evaluation."""
        self.stores[loader].update(embedding, index)

    def compute(self, embedder: Embedder) -> ProtocolResults:
        """What each protocol found, by `<evaluation>/<comparison>`, the same on every rank that shares them.

        An evaluation that was cut short (`limit_test_batches`) has no numbers: a warning says so.

        Raises:
            UserError: An embedding is NaN, or a comparison has nothing to compare.
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
            _refuse_nan(evaluation, embedding)
            for comparison, protocol in evaluation.protocols.items():
                key = f"{evaluation.name}/{comparison}"
                try:
                    results[key] = protocol(embedder, embedding, self.with_intervals)
                except ScoreError as error:
                    raise UserError(f"{key}: {error}") from error
        return results


def _refuse_nan(evaluation: Evaluation, embedding: Embedding) -> None:
    is_nan = torch.stack([leaf.reshape(len(leaf), -1).isnan().any(dim=1) for leaf in tree_leaves(embedding)]).any(dim=0)
    if is_nan.any():
        row = int(is_nan.nonzero()[0])
        face = evaluation.paths[row] if evaluation.paths else f"row {row}"
        raise UserError(
            f"{evaluation.name}: {int(is_nan.sum())} of {len(is_nan)} embeddings are NaN, the first of {face}; "
            "expected numbers: has the training diverged?"
        )
