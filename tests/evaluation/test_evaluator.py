"""The three comparisons of a pair list, scored through a method's own similarity."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from maskrec.errors import UserError
from maskrec.evaluation import Evaluation, Evaluator, MaskClassification, Verification


class NegativeDistance:
    """An embedder that is no cosine: scores are negative distances."""

    def embed(self, images: Tensor) -> Any:
        return {"mean": images.mean(dim=(1, 2, 3)).unsqueeze(1)}

    def similarity(self, probe: Any, gallery: Any) -> Tensor:
        return -torch.cdist(probe["mean"], gallery["mean"])

    def pairwise_similarity(self, first: Any, second: Any) -> Tensor:
        return -(first["mean"] - second["mean"]).abs().squeeze(1)


def evaluation() -> Evaluation:
    # Rows 0..39: identity = row // 2. Genuine: (2i, 2i + 1), impostor: (2i, 2i + 3), 10 folds of 2 + 2.
    first = torch.arange(0, 40, 2)
    reference = torch.cat([first, first])
    probe = torch.cat([first + 1, (first + 3) % 40])
    is_genuine = torch.arange(40) < 20
    return Evaluation(
        "toy", 40, {"unmasked_unmasked": Verification(reference, probe, is_genuine, torch.arange(40) % 10)}
    )


def test_scores_go_through_the_embedders_similarity() -> None:
    embedder = NegativeDistance()
    evaluator = Evaluator([evaluation()], torch.device("cpu"))
    images = (torch.arange(40) // 2).float().view(-1, 1, 1, 1).expand(40, 3, 4, 4)
    for rows in torch.arange(40).split(16):
        evaluator.update(0, embedder.embed(images[rows]), rows)
    result = evaluator.compute(embedder)["toy/unmasked_unmasked"]
    numbers = result.numbers
    assert numbers["accuracy"] == 1.0
    assert numbers["eer"] == 0.0
    assert numbers["pairs"] == 40
    # 20 impostor pairs: no FAR of 1e-2 or less can be told from them, so none is given, and a note says why.
    assert not [name for name in numbers if name.startswith("tar")]
    assert result.notes["tar_at_far_1e-2"] == "20 impostor pairs, 1e-2 needs 1,000"


@pytest.mark.parametrize(("paths", "named"), [(None, "row 7"), ([f"faces/{n}.jpg" for n in range(40)], "faces/7.jpg")])
def test_the_picture_of_a_nan_embedding_is_named(paths: list[str] | None, named: str) -> None:
    evaluator = Evaluator([replace(evaluation(), paths=paths)], torch.device("cpu"))
    mean = torch.rand(40, 1)
    mean[[7, 9]] = torch.nan
    evaluator.update(0, {"mean": mean}, torch.arange(40))
    with pytest.raises(UserError, match=f"toy: 2 of 40 embeddings are NaN, the first of {named}"):
        evaluator.compute(NegativeDistance())


def test_the_masks_that_are_told_rightly_are_counted_by_hand() -> None:
    is_masked = torch.tensor([False, False, False, True, True])
    probability = torch.tensor([0.1, 0.6, 0.4, 0.5, 0.2])
    embedding = {"mean": torch.rand(5, 1), "masked": probability}
    kinds = {"faces": is_masked | ~is_masked, "unmasked_faces": ~is_masked, "masked_faces": is_masked}
    protocols = {
        name: MaskClassification(kind.nonzero().flatten(), is_masked, lambda faces: faces["masked"])
        for name, kind in kinds.items()
    }
    evaluator = Evaluator([Evaluation("toy", 5, protocols)], torch.device("cpu"))
    evaluator.update(0, embedding, torch.arange(5))
    found = {key: result.numbers for key, result in evaluator.compute(NegativeDistance()).items()}
    assert found == {
        "toy/faces": {"mask_accuracy": 3 / 5, "faces": 5},
        "toy/unmasked_faces": {"mask_accuracy": pytest.approx(2 / 3), "faces": 3},
        "toy/masked_faces": {"mask_accuracy": 1 / 2, "faces": 2},
    }
    probability[2] = torch.nan
    evaluator = Evaluator([Evaluation("toy", 5, protocols)], torch.device("cpu"))
    evaluator.update(0, embedding, torch.arange(5))
    with pytest.raises(UserError, match="toy: 1 of 5 embeddings are NaN, the first of row 2"):
        evaluator.compute(NegativeDistance())


def test_an_empty_comparison_is_named() -> None:
    whole = evaluation()
    no_impostors = replace(whole.protocols["unmasked_unmasked"], is_genuine=torch.ones(40, dtype=torch.bool))
    evaluator = Evaluator([replace(whole, protocols={"masked_masked": no_impostors})], torch.device("cpu"))
    evaluator.update(0, {"mean": torch.rand(40, 1)}, torch.arange(40))
    with pytest.raises(
        UserError, match="toy/masked_masked: verification needs genuine and impostor pairs, got 40 and 0"
    ):
        evaluator.compute(NegativeDistance())


def test_intervals_can_be_left_out() -> None:
    evaluator = Evaluator([evaluation()], torch.device("cpu"), with_intervals=False)
    evaluator.update(0, {"mean": torch.rand(40, 1)}, torch.arange(40))
    assert evaluator.compute(NegativeDistance())["toy/unmasked_unmasked"].intervals == {}


def test_an_evaluation_cut_short_gives_no_numbers() -> None:
    evaluator = Evaluator([evaluation()], torch.device("cpu"))
    evaluator.update(0, {"mean": torch.zeros(3, 1)}, torch.arange(3))
    with pytest.warns(UserWarning, match="only 3 of 40 faces"):
        assert evaluator.compute(NegativeDistance()) == {}
