"""Center loss and its centres against loops over the batch."""

import numpy as np
import pytest
import torch

from maskrec.losses import CenterLoss


def make(**changes: float) -> CenterLoss:
    loss = CenterLoss(**changes)
    loss.allocate(embedding_dim=4, num_identities=5)
    return loss


def test_loss_and_centres_over_several_batches() -> None:
    rng, alpha, weight = np.random.default_rng(0), 0.3, 0.1
    loss, centers = make(alpha=alpha, weight=weight), np.zeros((5, 4))
    for _ in range(3):
        x, identity = rng.normal(size=(7, 4)), rng.choice(4, 7)  # 4 is never seen
        value = loss(torch.tensor(x), torch.tensor(identity))
        expected = sum(((x[i] - centers[identity[i]]) ** 2).sum() / 2 for i in range(7)) / 7
        assert value.item() == pytest.approx(weight * expected, rel=1e-5)
        for j in range(5):
            members = x[identity == j]
            centers[j] -= alpha * sum(centers[j] - row for row in members) / (1 + len(members))
        np.testing.assert_allclose(loss.centers.numpy(), centers, rtol=1e-5, atol=1e-7)
    assert (loss.centers[4] == 0).all()


def test_a_hand_worked_case() -> None:
    loss = make(alpha=0.5, weight=1.0)
    x = torch.tensor([[3.0, 0, 0, 0], [0, 3.0, 0, 0]], requires_grad=True)
    value = loss(x, torch.tensor([1, 1]))
    value.backward()
    assert value.item() == 4.5
    torch.testing.assert_close(x.grad, torch.tensor([[1.5, 0, 0, 0], [0, 1.5, 0, 0]]))  # (x - c) / B
    torch.testing.assert_close(loss.centers[1], torch.tensor([0.5, 0.5, 0, 0]))  # .5 * (3, 3, 0, 0) / (1 + 2)


def test_without_a_rate_centres_stay() -> None:
    loss = make(alpha=0.0)
    loss(torch.randn(3, 4), torch.arange(3))
    assert (loss.centers == 0).all()


def test_centres_move_in_training_only_in_place_and_are_saved() -> None:
    loss = make()
    place = loss.centers.data_ptr()
    loss(torch.randn(3, 4), torch.arange(3))
    after = loss.centers.clone()
    assert after.any()
    loss.eval()(torch.randn(3, 4), torch.arange(3))
    torch.testing.assert_close(loss.centers, after, rtol=0, atol=0)
    assert loss.centers.data_ptr() == place
    assert list(loss.state_dict()) == ["centers"]


def test_gradcheck() -> None:
    loss = make(weight=1.0).eval()
    loss.centers.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.arange(6) % 3), (x,))


def test_it_is_close_in_bf16_with_fp32_centres() -> None:
    one, other = make(weight=1.0), make(weight=1.0)
    for seed in range(2):
        x, identity = torch.randn(9, 4, generator=torch.Generator().manual_seed(seed)), torch.arange(9) % 3
        with torch.autocast("cpu", torch.bfloat16):
            half = other(x.bfloat16(), identity)
        torch.testing.assert_close(half, one(x, identity), rtol=1e-2, atol=1e-2)
    assert other.centers.dtype == torch.float32
    torch.testing.assert_close(other.centers, one.centers, rtol=1e-2, atol=1e-2)
