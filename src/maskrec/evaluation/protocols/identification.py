"""1:N search of probes in a gallery."""

from dataclasses import dataclass

import torch
from torch import Tensor

from maskrec.evaluation.metrics import (
    ScoreError,
    bootstrap_means,
    cumulative_match,
    percentile_interval,
    rank_and_average_precision,
)
from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.evaluation.protocols.scoring import table_scores
from maskrec.types import Embedder, Embedding

RANKS = (1, 5, 10)
PROBES_SHOWN = 32
FACES_SHOWN = 10


@dataclass(frozen=True)
class Identification:
    """1:N search; probes whose identity is not in the gallery are counted (`left_out`) and left out.

    Arrays, of the P probes searched: `probe_row`, `identity`, `rank` (1 = first), `average_precision`; and of a few
    probes at even steps, for pictures: `top_probe`, their rows, and `top`, (few, 10) rows of the gallery, best first.

    Args:
        probe: (P,) rows of the probes.
        gallery: (G,) rows of the gallery, none of them a probe.
        identity: (num_faces,) label of every row.
    """

    probe: Tensor
    gallery: Tensor
    identity: Tensor

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """CMC at ranks 1, 5 and 10, and mean average precision.

        Raises:
            ScoreError: No probe's identity is in the gallery, or a probe is itself in it.
        """
        if torch.isin(self.probe, self.gallery).any():
            raise ScoreError(f"{int(torch.isin(self.probe, self.gallery).sum())} probes are in the gallery too")
        gallery_identity = self.identity[self.gallery]
        probe = self.probe[torch.isin(self.identity[self.probe], gallery_identity)]
        if len(probe) == 0:
            raise ScoreError(f"the gallery has the identity of none of {len(self.probe)} probes")
        identity = self.identity[probe]
        shown = torch.linspace(0, len(probe) - 1, min(len(probe), PROBES_SHOWN)).long()
        ranks, precisions, top = [], [], []
        for some, score in table_scores(embedder, embedding, probe, self.gallery):
            is_genuine = (identity[some].unsqueeze(1) == gallery_identity).to(score.device)
            rank, precision = rank_and_average_precision(score, is_genuine)
            ranks.append(rank.cpu())
            precisions.append(precision.cpu())
            pictured = score[(shown[(shown >= some.start) & (shown < some.stop)] - some.start).to(score.device)]
            order = pictured.argsort(dim=1, descending=True, stable=True)[:, :FACES_SHOWN]
            top.append(self.gallery[order.cpu()])
        rank, precision = torch.cat(ranks), torch.cat(precisions)
        numbers = {f"rank_{within}": cumulative_match(rank, within) for within in RANKS}
        arrays = {
            "probe_row": probe,
            "rank": rank,
            "average_precision": precision,
            "identity": identity,
            "top_probe": probe[shown],
            "top": torch.cat(top),
        }
        return ProtocolResult(
            numbers
            | {
                "map": float(precision.mean()),
                "probes": len(probe),
                "gallery": len(self.gallery),
                "left_out": len(self.probe) - len(probe),
            },
            intervals=_intervals(rank, precision, identity) if with_intervals else {},
            arrays={name: array.numpy() for name, array in arrays.items()},
        )


def _intervals(rank: Tensor, precision: Tensor, identity: Tensor) -> dict[str, tuple[float, float]]:
    value = torch.stack([*((rank <= within).double() for within in RANKS), precision], dim=1)
    draws = bootstrap_means(value, [identity]).T
    names = [*(f"rank_{within}" for within in RANKS), "map"]
    return {name: percentile_interval(draw) for name, draw in zip(names, draws, strict=True)}
