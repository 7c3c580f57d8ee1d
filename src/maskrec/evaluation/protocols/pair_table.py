"""The scores of every probe with every reference, genuine and impostor apart."""

from collections.abc import Iterator

import torch
from torch import Tensor

from maskrec.evaluation.metrics import ScoreError
from maskrec.evaluation.protocols.scoring import table_scores, take
from maskrec.types import Embedder, Embedding

PROBES_AT_ONCE = 256
SAMPLE = 512  # faces of either side that tell where scores lie


class PairTable:
    """Every probe with every reference, but no face with itself, and two faces that are in both lists only once.

    Args:
        embedder: Compares them.
        embedding: Of all faces.
        probe: (P,) rows.
        reference: (R,) rows.
        identity: (num_faces,) label of every row.
    """

    def __init__(
        self, embedder: Embedder, embedding: Embedding, probe: Tensor, reference: Tensor, identity: Tensor
    ) -> None:
        self.embedder = embedder
        self.embedding = embedding
        # Each face once, in the order of identities: genuine pairs lie close to the diagonal.
        self.probe, self.reference = (
            rows[identity[rows].argsort(stable=True)] for rows in (probe.unique(), reference.unique())
        )
        self.identity = identity
        self.in_both = self.probe[torch.isin(self.probe, self.reference)]

    @property
    def num_pairs(self) -> int:
        """Pairs compared, genuine and impostor."""
        both = len(self.in_both)
        return len(self.probe) * len(self.reference) - both * (both + 1) // 2

    def genuine(self) -> tuple[Tensor, Tensor]:
        """The scores of all genuine pairs, (N,) float32, and their identities, (N,), on the CPU."""
        scores, labels = [torch.empty(0)], [self.identity[:0]]
        identity = self.identity[self.reference]
        for probe in self.probe.split(PROBES_AT_ONCE):
            first, last = self.identity[probe[0]], self.identity[probe[-1]]
            reference = self.reference[
                torch.searchsorted(identity, first) : torch.searchsorted(identity, last, right=True)
            ]
            if len(reference) == 0:
                continue
            row, column = (self._is_genuine(probe, reference) & ~self._is_left_out(probe, reference)).nonzero().T
            score = self.embedder.similarity(take(self.embedding, probe), take(self.embedding, reference)).float()
            scores.append(score[row.to(score.device), column.to(score.device)].cpu())
            labels.append(self.identity[probe[row]])
        score = torch.cat(scores)
        if score.isnan().any():
            raise ScoreError(f"{int(score.isnan().sum())} of {len(score)} genuine scores are NaN")
        return score, torch.cat(labels)

    def impostors(self) -> Iterator[Tensor]:
        """The scores of all impostor pairs in chunks, (some, R) float32; -inf where a pair is none."""
        for some, score in table_scores(self.embedder, self.embedding, self.probe, self.reference):
            probe = self.probe[some]
            is_other = self._is_genuine(probe, self.reference)
            if len(self.in_both):
                is_other |= self._is_left_out(probe, self.reference)
            yield score.masked_fill_(is_other.to(score.device), -torch.inf)

    def range_of_some(self) -> tuple[float, float]:
        """The least and the greatest score of an even sample of the pairs."""
        probe, reference = (
            rows[torch.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).long()]
            for rows in (self.probe, self.reference)
        )
        score = self.embedder.similarity(take(self.embedding, probe), take(self.embedding, reference)).float()
        return float(score.min()), float(score.max())

    def _is_genuine(self, probe: Tensor, reference: Tensor) -> Tensor:
        return self.identity[probe].unsqueeze(1) == self.identity[reference]

    def _is_left_out(self, probe: Tensor, reference: Tensor) -> Tensor:
        """A face with itself, or a pair that comes again with its faces the other way round."""
        are_both = torch.isin(probe, self.in_both).unsqueeze(1) & torch.isin(reference, self.in_both)
        return are_both & (probe.unsqueeze(1) <= reference)
