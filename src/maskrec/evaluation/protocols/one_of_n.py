"""One authentic probe among impostors."""

from dataclasses import dataclass

from torch import Tensor

from maskrec.evaluation.metrics import bootstrap_means, first_of_n, percentile_interval
from maskrec.evaluation.protocols.base import ProtocolResult
from maskrec.evaluation.protocols.scoring import pair_scores
from maskrec.types import Embedder, Embedding


@dataclass(frozen=True)
class OneOfN:
    """The share of steps in which the authentic probe ranks first among n, without a tie.

    Arrays: `is_first`, (S,) bool, and of each step `identity`, (S,), and `probe_row`, (S,), of the authentic probe. Its
    interval resamples identities.

    Args:
        reference: (S,) row of the reference face of each step.
        authentic: (S,) row of the probe of the same identity.
        impostors: (S, n - 1) rows of probes of other identities.
        identity: (num_faces,) label of every row.
    """

    reference: Tensor
    authentic: Tensor
    impostors: Tensor
    identity: Tensor

    def __call__(self, embedder: Embedder, embedding: Embedding, with_intervals: bool = True) -> ProtocolResult:
        """`precision_1_of_<n>`."""
        authentic = pair_scores(embedder, embedding, self.reference, self.authentic)
        repeated = self.reference.repeat_interleave(self.impostors.shape[1])
        impostors = pair_scores(embedder, embedding, repeated, self.impostors.flatten())
        is_first = first_of_n(authentic, impostors.view(self.impostors.shape))
        name = f"precision_1_of_{self.impostors.shape[1] + 1}"
        identity = self.identity[self.reference]
        interval = {name: percentile_interval(bootstrap_means(is_first.unsqueeze(1), [identity]).squeeze(1))}
        return ProtocolResult(
            {name: float(is_first.double().mean()), "steps": len(is_first)},
            intervals=interval if with_intervals else {},
            arrays={
                "is_first": is_first.numpy(),
                "identity": identity.numpy(),
                "probe_row": self.authentic.numpy(),
            },
        )
