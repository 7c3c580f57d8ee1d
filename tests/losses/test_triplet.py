"""The batch-hard triplet loss against loops over the batch."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from maskrec.losses import BatchHardTriplet, batch_hard_triplet_loss

Array = npt.NDArray[np.float64]


def by_hand(x: Array, identity: list[int], margin: float | None) -> float:
    losses = []
    for a in range(len(x)):
        distance = [math.dist(x[a], other) for other in x]
        genuine = [distance[p] for p in range(len(x)) if p != a and identity[p] == identity[a]]
        impostor = [distance[n] for n in range(len(x)) if identity[n] != identity[a]]
        if genuine and impostor:
            gap = max(genuine) - min(impostor)
            losses.append(math.log(1 + math.exp(gap)) if margin is None else max(margin + gap, 0))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("margin", [None, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_loop_over_anchors(margin: float | None, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(9, 4))
    identity = [0, 0, 0, 1, 1, 2, 2, 2, 3]  # 3 has no genuine pair
    loss = batch_hard_triplet_loss(torch.tensor(x), torch.tensor(identity), margin)
    assert loss.item() == pytest.approx(by_hand(x, identity, margin))


def test_normalised() -> None:
    x = np.random.default_rng(0).normal(size=(6, 4))
    loss = BatchHardTriplet(0.2, normalize=True, weight=2.0)(torch.tensor(x), torch.tensor([0, 0, 1, 1, 2, 2]))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert loss.item() == pytest.approx(2 * by_hand(unit, [0, 0, 1, 1, 2, 2], 0.2))


@pytest.mark.parametrize("identity", [[0, 1, 2, 3], [0, 0, 0, 0]], ids=["no genuine", "no impostor"])
@pytest.mark.parametrize("margin", [None, 0.3])
def test_without_an_anchor_it_is_zero_with_a_gradient(identity: list[int], margin: float | None) -> None:
    x = torch.randn(4, 3, requires_grad=True)
    loss = batch_hard_triplet_loss(x, torch.tensor(identity), margin)
    loss.backward()
    assert loss == 0
    assert x.grad is not None
    assert (x.grad == 0).all()


def test_equal_embeddings_have_a_finite_gradient() -> None:
    x = torch.ones(4, 3, requires_grad=True)
    loss = batch_hard_triplet_loss(x, torch.tensor([0, 0, 1, 1]), 0.3)
    loss.backward()
    assert loss.item() == pytest.approx(0.3)
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("loss", [BatchHardTriplet(), BatchHardTriplet(0.3), BatchHardTriplet(0.3, normalize=True)])
def test_gradcheck(loss: BatchHardTriplet) -> None:
    x = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, torch.arange(8) % 3), (x,))


def test_near_neighbours_are_told_apart_far_from_the_origin() -> None:
    # A matrix product in fp32 gives every distance here as 0 or a multiple of 4.
    x = torch.tensor([[4096.0, 0.0], [4096.0, 0.5], [4096.0, 1.25], [4096.0, 3.0]])
    loss = batch_hard_triplet_loss(x, torch.tensor([0, 0, 1, 1]), 0.0)
    assert loss.item() == pytest.approx((0 + 0 + (1.75 - 0.75) + 0) / 4)


@pytest.mark.parametrize("margin", [None, 0.3])
def test_it_is_close_in_bf16_and_exact_under_autocast(margin: float | None) -> None:
    x = torch.randn(12, 16, generator=torch.Generator().manual_seed(0))
    loss, identity = BatchHardTriplet(margin), torch.arange(12) % 4
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(x, identity), loss(x, identity), rtol=0, atol=0)
        half = loss(x.bfloat16(), identity)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(x, identity), rtol=1e-2, atol=1e-2)
