"""The search of MAN without any network."""

import pytest
import torch
from torch import Tensor

from maskrec import UserError
from maskrec.evaluation import ProtocolResult
from maskrec.losses import ArcFace, CosFace, DrawnLoss, Softmax, SphereFace
from maskrec.methods.loss_search import LossSearch, loss_names, reinforce_gradient, rewards
from maskrec.methods.score_table import ScoreTable

LOSSES = [f"loss_{number}" for number in range(5)]


def make(seed: int = 0, members: int = 4, losses: int = 5) -> LossSearch:
    torch.manual_seed(seed)
    return LossSearch(LOSSES[:losses], members)


def test_a_step_is_the_one_worked_out_by_hand() -> None:
    search = make(losses=3)
    search.drawn.copy_(torch.tensor([0, 0, 1, 2]))
    score = torch.tensor([0.9, 0.7, 0.5, 0.5])  # mean 0.65, range 0.4
    torch.testing.assert_close(rewards(score), torch.tensor([1.25, 0.25, -0.75, -0.75]), rtol=1e-4, atol=1e-5)
    # -1/4 (1.25 + 0.25, -0.75, -0.75); the rewards' sum is 0, so alpha's part is too.
    gradient = reinforce_gradient(search.logits, search.drawn, rewards(score))
    torch.testing.assert_close(gradient, torch.tensor([-0.375, 0.1875, 0.1875]), rtol=1e-4, atol=1e-5)
    assert search.update(score) == 0
    # Adam's first step is the learning rate, whatever the gradient's length.
    torch.testing.assert_close(search.logits, torch.tensor([0.05, -0.05, -0.05]), rtol=1e-4, atol=1e-6)
    raised, lowered = 1.051271, 0.951229  # e^0.05, e^-0.05
    total = raised + 2 * lowered
    torch.testing.assert_close(search.alpha, torch.tensor([raised, lowered, lowered]) / total, rtol=1e-4, atol=1e-6)


def test_the_gradient_is_autograds() -> None:
    logits, reward = torch.randn(5, dtype=torch.float64, requires_grad=True), torch.randn(4, dtype=torch.float64)
    drawn = torch.tensor([3, 1, 3, 0])
    (-(reward * logits.log_softmax(0)[drawn]).mean()).backward()
    torch.testing.assert_close(reinforce_gradient(logits.detach(), drawn, reward), logits.grad)


def test_steps_are_those_of_torchs_adam() -> None:
    search = make()
    logits = torch.zeros(5, requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.05, betas=(0.5, 0.999))
    for turn in range(6):
        score = torch.rand(4, generator=torch.Generator().manual_seed(turn))
        logits.grad = reinforce_gradient(logits.detach().double(), search.drawn, rewards(score.double())).float()
        adam.step()
        search.update(score)
        search.draw()
        torch.testing.assert_close(search.logits, logits.detach())


def test_alpha_moves_to_the_loss_that_is_plainly_best() -> None:
    quality = torch.tensor([0.70, 0.72, 0.80, 0.71, 0.69])
    chosen = []
    for seed in range(20):
        search, noise = make(seed), torch.Generator().manual_seed(seed)
        for _ in range(200):
            search.update(quality[search.drawn] + 0.02 * torch.randn(4, generator=noise))
            search.draw()
        assert search.alpha.argmax() == 2
        chosen.append(search.alpha[2])
    assert min(chosen) > 0.7  # 0.2 at the start


def test_losses_that_nobody_used_stay_where_they_are() -> None:
    for seed in range(20):
        search = make(losses=5)
        search.drawn.copy_(torch.tensor([1, 4, 4, 1]))
        search.update(torch.rand(4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
        torch.testing.assert_close(search.logits[[0, 2, 3]], torch.zeros(3), rtol=0, atol=1e-6)
        torch.testing.assert_close(search.logits[[1, 4]].abs(), torch.full((2,), 0.05), rtol=1e-3, atol=0)


def test_alpha_stays_where_losses_are_alike() -> None:
    search = make()
    for turn in range(20):
        search.update(torch.full((4,), 0.8 + turn / 97))
        search.draw()
    torch.testing.assert_close(search.alpha, torch.full((5,), 0.2), rtol=0, atol=1e-3)


def draws(search: LossSearch, count: int) -> Tensor:
    found = []
    for turn in range(count):
        search.update(torch.rand(4, generator=torch.Generator().manual_seed(turn)))
        search.draw()
        found.append(search.drawn.clone())
    return torch.stack(found)


def test_what_is_drawn_is_a_function_of_the_seed_and_the_updates() -> None:
    whole = draws(make(seed=1), 8)
    assert torch.equal(draws(make(seed=1), 8), whole)
    assert not torch.equal(draws(make(seed=2), 8), whole)
    begun, other = make(seed=1), make(seed=3)
    draws(begun, 5)
    torch.manual_seed(99)  # whatever was drawn elsewhere
    other.load_state_dict(begun.state_dict())
    for turn, expected in enumerate(whole[5:], start=5):
        other.update(torch.rand(4, generator=torch.Generator().manual_seed(turn)))
        other.draw()
        assert torch.equal(other.drawn, expected)


def test_losses_are_drawn_by_alpha() -> None:
    search = make(members=20_000)
    search.logits.copy_(torch.tensor([0.0, 1.0, -1.0, 0.5, 0.0]))
    search.draw()
    shares = search.drawn.bincount(minlength=5) / 20_000
    torch.testing.assert_close(shares, search.alpha, rtol=0, atol=0.02)


def test_names_tell_losses_apart() -> None:
    assert loss_names([ArcFace(0.05), ArcFace(0.25), CosFace(0.25), Softmax()]) == [
        *("ArcFace_0.05", "ArcFace_0.25", "CosFace_0.25", "Softmax")
    ]
    assert loss_names([ArcFace(0.5, 32), ArcFace(0.5, 64)]) == ["ArcFace_0.5_0", "ArcFace_0.5_1"]


def test_the_drawn_loss_is_in_use_and_counts_its_own_steps() -> None:
    pool = [ArcFace(0.4, 30), SphereFace(), Softmax()]
    drawn, other = DrawnLoss(pool), DrawnLoss(pool)
    embedding, weight, identity = torch.randn(4, 8), torch.randn(6, 8), torch.tensor([0, 5, 2, 2])
    for drawn.drawn in (0, 2):
        assert drawn(embedding, weight, identity) == pool[drawn.drawn](embedding, weight, identity)
    drawn.drawn = 1
    drawn(embedding, weight, identity)
    assert drawn.state_dict() == {"pool.1.step": torch.tensor(1)}
    assert other.state_dict() == {"pool.1.step": torch.tensor(0)}


def table() -> ScoreTable:
    """Two members, three comparisons."""
    found = [
        {
            f"held_out/{key}": ProtocolResult({"auc": auc, "pairs": 20.0})
            for key, auc in zip(("unmasked_unmasked", "unmasked_masked", "masked_masked"), row, strict=True)
        }
        for row in ((0.9, 0.8, 0.6), (0.8, 0.9, 0.7))
    ]
    return ScoreTable.of(found, torch.device("cpu"))


def test_a_score_weighs_masked_against_unmasked_comparisons() -> None:
    expected = torch.tensor([0.25 * 0.7 + 0.75 * 0.9, 0.25 * 0.8 + 0.75 * 0.8], dtype=torch.float64)
    torch.testing.assert_close(table().scores("auc", 0.25), expected)
    results = table().results(1)
    assert results["held_out/unmasked_masked"].numbers == {"auc": 0.9, "pairs": 20.0}
    assert list(results) == ["held_out/unmasked_unmasked", "held_out/unmasked_masked", "held_out/masked_masked"]


def test_what_was_not_compared_cannot_be_weighed() -> None:
    unmasked = table()._replace(columns=[("held_out/unmasked_unmasked", "auc")] * 6)
    with pytest.raises(
        UserError, match=r"masked_weight 0\.5: validation has no auc of faces with masks; give data\.val"
    ):
        unmasked.scores("auc", 0.5)
    assert unmasked.scores("auc", 0).shape == (2,)
    with pytest.raises(UserError, match="has no accuracy of faces without masks; say 1"):
        table().scores("accuracy", 0)
