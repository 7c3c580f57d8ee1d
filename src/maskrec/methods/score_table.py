"""What every member of a population reached in validation, and its one score."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from maskrec.errors import UserError
from maskrec.evaluation import ProtocolResult, ProtocolResults

UNMASKED = "/unmasked_unmasked"


class ScoreTable(NamedTuple):
    """Numbers of N members in M columns.

    Attributes:
        columns: A comparison, `<set>/<comparison>`, and a metric each.
        numbers: (N, M) float64.
    """

    columns: list[tuple[str, str]]
    numbers: Tensor

    @classmethod
    def of(cls, found: Sequence[ProtocolResults], device: torch.device) -> "ScoreTable":
        """The results of some members, who were all asked the same."""
        columns = [(key, metric) for key, result in found[0].items() for metric in result.numbers]
        rows = [[results[key].numbers[metric] for key, metric in columns] for results in found]
        return cls(columns, torch.tensor(rows, dtype=torch.float64, device=device))

    def results(self, member: int) -> ProtocolResults:
        """Those of one member, without arrays and intervals."""
        numbers: dict[str, dict[str, float]] = {}
        for (key, metric), value in zip(self.columns, self.numbers[member].tolist(), strict=True):
            numbers.setdefault(key, {})[metric] = value
        return {key: ProtocolResult(of_key) for key, of_key in numbers.items()}

    def scores(self, metric: str, masked_weight: float) -> Tensor:
        """Score = weight x mean over comparisons with masked faces + (1 - weight) x mean over those without, (N,).

        Raises:
            UserError: Nothing was compared that has a weight.
        """
        score = self.numbers.new_zeros(len(self.numbers))
        for is_masked, weight in ((True, masked_weight), (False, 1 - masked_weight)):
            if not weight:
                continue
            chosen = [
                number
                for number, (key, name) in enumerate(self.columns)
                if name == metric and key.endswith(UNMASKED) != is_masked
            ]
            if not chosen:
                advice = "with masks; give data.val_masking, or say 0" if is_masked else "without masks; say 1"
                raise UserError(f"model.masked_weight {masked_weight}: validation has no {metric} of faces {advice}")
            score += weight * self.numbers[:, chosen].mean(dim=1)
        return score
