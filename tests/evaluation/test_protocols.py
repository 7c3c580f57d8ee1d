"""Protocols against the whole table of scores, through a similarity that is no cosine; scores tie often."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from maskrec.evaluation import AllPairs, Identification, OneOfN, ProtocolResult, Verification
from maskrec.evaluation.metrics import ScoreError, error_curve
from maskrec.evaluation.protocols import pair_table, scoring

FACES, IDENTITIES = 400, 40


class NegativeDistance:
    """Scores are negative city-block distances of small whole numbers: exact, and often tied."""

    def embed(self, images: Tensor) -> Any:
        raise AssertionError("protocols embed nothing")

    def similarity(self, probe: Any, gallery: Any) -> Tensor:
        return -torch.cdist(probe["point"], gallery["point"], p=1)

    def pairwise_similarity(self, first: Any, second: Any) -> Tensor:
        return -(first["point"] - second["point"]).abs().sum(dim=1)


def population() -> tuple[Any, Tensor]:
    generator = torch.Generator().manual_seed(0)
    identity = torch.randint(IDENTITIES, (FACES,), generator=generator)
    centre = torch.randint(0, 6, (IDENTITIES, 4), generator=generator)
    point = centre[identity] + torch.randint(-1, 2, (FACES, 4), generator=generator)
    return {"point": point.float()}, identity


EMBEDDING, IDENTITY = population()
SCORES = NegativeDistance().similarity(EMBEDDING, EMBEDDING)
ROWS = torch.arange(FACES)


def pairs(reference: Tensor, probe: Tensor) -> tuple[Tensor, Tensor]:
    """The scores and truth of each pair of different faces once, by a plain loop."""
    seen: dict[frozenset[int], None] = {}
    for one in reference.tolist():
        seen |= dict.fromkeys(frozenset((one, other)) for other in probe.tolist() if one != other)
    first, second = torch.tensor([sorted(pair) for pair in seen]).T
    return SCORES[first, second], IDENTITY[first] == IDENTITY[second]


@pytest.mark.parametrize(
    ("reference", "probe"),
    [(ROWS[:150], ROWS[150:]), (ROWS, ROWS), (ROWS[:250], ROWS[150:])],
    ids=["apart", "the same list", "overlapping"],
)
def test_all_pairs_equal_the_whole_list(reference: Tensor, probe: Tensor) -> None:
    result = AllPairs(reference, probe, IDENTITY)(NegativeDistance(), EMBEDDING)
    score, is_genuine = pairs(reference, probe)
    curve = error_curve(score, is_genuine)
    numbers = result.numbers
    assert numbers["genuine"] == is_genuine.sum()
    assert numbers["impostors"] == (~is_genuine).sum()
    assert numbers["auc"] == pytest.approx(roc_auc_score(is_genuine, score), abs=1e-9)
    assert numbers["eer"] == pytest.approx(float(curve.equal_error_rate()), abs=1e-12)
    assert numbers["frr100"] == pytest.approx(float(curve.frr100()), abs=1e-12)
    for name in ("1e-2", "1e-3"):
        assert numbers[f"fnmr_at_fmr_{name}"] == pytest.approx(float(curve.fnmr_at_fmr(float(name))), abs=1e-12)
        assert numbers[f"tar_at_far_{name}"] == pytest.approx(1 - numbers[f"fnmr_at_fmr_{name}"])
        low, high = result.intervals[f"fnmr_at_fmr_{name}"]
        assert low <= numbers[f"fnmr_at_fmr_{name}"] <= high
    assert result.notes["fnmr_at_fmr_1e-6"] == f"{numbers['impostors']:,} impostor pairs, 1e-6 needs 10,000,000"
    assert "fnmr_at_fmr_1e-6" not in numbers
    histograms = [result.arrays[f"{kind}_histogram"] for kind in ("genuine", "impostor")]
    for counts, kind in zip(histograms, (is_genuine, ~is_genuine), strict=True):
        assert (counts >= 0).all()
        assert counts.sum() == kind.sum()
    inner = result.arrays["histogram_edges"][1:-1]
    above = [(score[~is_genuine].numpy() >= edge).sum() for edge in inner]
    np.testing.assert_array_equal(histograms[1].sum() - histograms[1].cumsum()[:-1], above)


def test_all_pairs_keep_the_ends_of_the_curve_and_few_points() -> None:
    generator = torch.Generator().manual_seed(3)
    embedding = {"point": torch.rand(FACES, 4, generator=generator)}
    arrays = AllPairs(ROWS[:200], ROWS[200:], ROWS % 5)(NegativeDistance(), embedding).arrays
    assert len(arrays["fmr"]) == len(arrays["fnmr"]) == len(arrays["threshold"]) <= 2000
    assert (arrays["fmr"][0], arrays["fnmr"][0]) == (0, 1)
    assert (arrays["fmr"][-1], arrays["fnmr"][-1]) == (1, 0)
    assert (np.diff(arrays["fmr"]) >= 0).all()
    assert (np.diff(arrays["fnmr"]) <= 0).all()


def test_all_pairs_need_both_kinds() -> None:
    with pytest.raises(ScoreError, match="got 0 and 100"):
        AllPairs(ROWS[:10], ROWS[10:20], ROWS)(NegativeDistance(), EMBEDDING)
    with pytest.raises(ScoreError, match="no pair: 0 probes, 10 references"):
        AllPairs(ROWS[:10], ROWS[:0], ROWS)(NegativeDistance(), EMBEDDING)
    with pytest.raises(ScoreError, match="got 100 and 0"):
        AllPairs(ROWS[:10], ROWS[10:20], ROWS * 0)(NegativeDistance(), EMBEDDING)


def identification() -> Identification:
    # The identities below 5 are not in the gallery.
    gallery = ROWS[200:][IDENTITY[200:] >= 5]
    return Identification(ROWS[:200], gallery, IDENTITY)


def test_identification_equals_the_whole_table() -> None:
    protocol = identification()
    result = protocol(NegativeDistance(), EMBEDDING)
    known = ROWS[:200][IDENTITY[:200] >= 5]
    assert result.numbers["probes"] == len(known)
    assert result.numbers["left_out"] == 200 - len(known) > 0
    assert result.numbers["gallery"] == len(protocol.gallery)
    score = SCORES[known][:, protocol.gallery]
    is_genuine = IDENTITY[known].unsqueeze(1) == IDENTITY[protocol.gallery]
    precision = [average_precision_score(truth, row) for truth, row in zip(is_genuine.numpy(), score, strict=True)]
    assert result.numbers["map"] == pytest.approx(np.mean(precision), abs=1e-9)
    best = score.masked_fill(~is_genuine, -torch.inf).amax(dim=1, keepdim=True)
    rank = 1 + ((score >= best) & ~is_genuine).sum(dim=1)
    np.testing.assert_array_equal(result.arrays["rank"], rank)
    assert result.numbers["rank_5"] == pytest.approx(float((rank <= 5).double().mean()))
    np.testing.assert_array_equal(result.arrays["probe_row"], known)
    np.testing.assert_array_equal(result.arrays["identity"], IDENTITY[known])
    for name in ("rank_1", "rank_5", "rank_10", "map"):
        low, high = result.intervals[name]
        assert low <= result.numbers[name] <= high


def test_identification_keeps_the_best_faces_of_some_probes() -> None:
    arrays = identification()(NegativeDistance(), EMBEDDING, with_intervals=False).arrays
    assert arrays["top"].shape == (32, 10)
    for probe, faces in zip(arrays["top_probe"], arrays["top"], strict=True):
        best = SCORES[probe][identification().gallery].sort(descending=True).values[:10]
        torch.testing.assert_close(SCORES[probe][torch.from_numpy(faces)], best)


def test_identification_refuses_what_it_cannot_search() -> None:
    with pytest.raises(ScoreError, match="1 probes are in the gallery too"):
        Identification(ROWS[:3], ROWS[2:], IDENTITY)(NegativeDistance(), EMBEDDING)
    with pytest.raises(ScoreError, match="none of 3 probes"):
        Identification(ROWS[:3], ROWS[3:], ROWS)(NegativeDistance(), EMBEDDING)


def verification(identity: Tensor | None = IDENTITY) -> Verification:
    generator = torch.Generator().manual_seed(6)
    reference, probe = torch.randint(FACES, (2, 4000), generator=generator)
    twin = torch.tensor([int(ROWS[IDENTITY[row] == IDENTITY][0]) for row in reference[:1000]])
    probe = torch.cat([twin, probe[1000:]])
    return Verification(reference, probe, IDENTITY[reference] == IDENTITY[probe], torch.arange(4000) % 10, identity)


@pytest.mark.parametrize("identity", [IDENTITY, None], ids=["identities", "pairs"])
def test_verification_says_what_it_found(identity: Tensor | None) -> None:
    protocol = verification(identity)
    result = protocol(NegativeDistance(), EMBEDDING)
    score = SCORES[protocol.reference, protocol.probe]
    assert result.numbers["auc"] == pytest.approx(roc_auc_score(protocol.is_genuine, score), abs=1e-9)
    assert result.arrays["score"].dtype == np.float32
    np.testing.assert_array_equal(result.arrays["score"], score)
    assert ("reference_identity" in result.arrays) == (identity is not None)
    assert {"fnmr_at_fmr_1e-2", "tar_at_far_1e-2", "frr100"} <= set(result.numbers)
    assert set(result.notes) == {f"{kind}_1e-{n}" for kind in ("fnmr_at_fmr", "tar_at_far") for n in (3, 4, 5, 6)}
    assert set(result.intervals) == set(result.numbers) - {"accuracy_std", "threshold_at_fmr_1e-2", "pairs"}
    impostors = score[~protocol.is_genuine]
    accepted = (impostors >= result.numbers["threshold_at_fmr_1e-2"]).double().mean()
    nearest = score[score < result.numbers["threshold_at_fmr_1e-2"]].max()
    assert accepted <= 1e-2 < (impostors >= nearest).double().mean()
    for name, (low, high) in result.intervals.items():
        assert low < result.numbers[name] < high, name
    assert protocol(NegativeDistance(), EMBEDDING, with_intervals=False).intervals == {}


def test_one_of_n_by_hand() -> None:
    embedding = {"point": torch.tensor([[0.0], [1.0], [5.0], [-1.0], [2.0]])}
    # Faces 1 and 3 are as far from 0: where both are compared the authentic one is not first.
    steps = torch.tensor([0, 0, 1]), torch.tensor([1, 1, 4]), torch.tensor([[2, 4], [2, 3], [2, 3]])
    protocol = OneOfN(*steps, torch.tensor([7, 7, 8, 9, 7]))
    result = protocol(NegativeDistance(), embedding)
    assert result.numbers == {"precision_1_of_3": pytest.approx(2 / 3), "steps": 3}
    assert result.arrays["is_first"].tolist() == [True, False, True]
    assert result.arrays["identity"].tolist() == [7, 7, 7]
    assert result.arrays["probe_row"].tolist() == [1, 1, 4]
    assert result.intervals["precision_1_of_3"] == (pytest.approx(2 / 3), pytest.approx(2 / 3))  # one identity


@pytest.mark.parametrize(
    "protocol", [AllPairs(ROWS, ROWS, IDENTITY), identification(), verification()], ids=lambda p: type(p).__name__
)
def test_the_size_of_chunks_changes_nothing(protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> ProtocolResult:
        return protocol(NegativeDistance(), EMBEDDING)

    whole = run()
    monkeypatch.setattr(scoring, "SCORES_AT_ONCE", 3 * FACES + 1)
    monkeypatch.setattr(scoring, "PAIRS_AT_ONCE", 37)
    monkeypatch.setattr(pair_table, "PROBES_AT_ONCE", 7)
    parts = run()
    assert parts.numbers == whole.numbers
    assert parts.intervals == whole.intervals
    for name, array in whole.arrays.items():
        np.testing.assert_array_equal(parts.arrays[name], array)
