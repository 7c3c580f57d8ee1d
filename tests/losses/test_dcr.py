"""DCR's two terms and its centre banks against loops over the batch."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from maskrec.losses import DCRLoss, DomainCenters, cross_domain_loss, single_domain_loss

Array = npt.NDArray[np.float64]
Banks = dict[tuple[int, int], Array]  # (domain, identity) to its centre


def single_by_hand(x: Array, identity: Array, domain: Array, centers: Banks, margin: float) -> float:
    """Eq. 8, mean over the faces that have a negative."""
    losses = []
    for i in range(len(x)):
        center = centers[domain[i], identity[i]]
        others = [x[j] for j in range(len(x)) if domain[j] == domain[i] and identity[j] != identity[i]]
        if others:
            losses.append(max(math.dist(center, x[i]) + margin - min(math.dist(center, y) for y in others), 0))
    return sum(losses) / len(losses) if losses else 0.0


def cross_by_hand(x: Array, identity: Array, domain: Array, centers: Banks, margin: float) -> float:
    """Eqs. 9 and 10, mean over the faces that have both distances."""
    losses = []
    for i in range(len(x)):
        own = [x[j] for j in range(len(x)) if domain[j] != domain[i] and identity[j] == identity[i]]
        others = [centers[domain[i], k] for k in set(identity) - {identity[i]} if (domain[i], k) in centers]
        if own and others:
            gap = max(math.dist(x[i], y) for y in own) - min(math.dist(x[i], c) for c in others)
            losses.append(max(gap + margin, 0))
    return sum(losses) / len(losses) if losses else 0.0


def move(centers: Banks, x: Array, identity: Array, domain: Array, beta: float) -> None:
    """Eq. 12."""
    for key in set(zip(domain, identity, strict=True)):
        mean = np.mean([x[i] for i in range(len(x)) if (domain[i], identity[i]) == key], axis=0)
        centers[key] = beta * centers[key] + (1 - beta) * mean


def batch(seed: int, size: int = 12, identities: int = 4) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(size, 5)), rng.choice(identities, size), rng.choice(2, size)


def tensors(x: Array, identity: Array, domain: Array) -> tuple[Tensor, Tensor, Tensor]:
    return torch.tensor(x), torch.tensor(identity), torch.tensor(domain, dtype=torch.bool)


def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Features, centres, which are set, identities and domains of a batch in which everybody has all of them."""
    generator = torch.Generator().manual_seed(seed)
    identity = torch.arange(12) % 3
    table = torch.randn(2, 3, 5, dtype=torch.float64, generator=generator)
    x = torch.randn(12, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    return x, table[:, identity], torch.ones(2, 12, dtype=torch.bool), identity, torch.arange(12) % 2 == 0


@pytest.mark.parametrize("seed", range(3))
def test_terms_and_banks_over_several_batches(seed: int) -> None:
    alpha_s, alpha_c, gamma, beta = 0.7, 0.5, 0.6, 0.3
    loss = DCRLoss(DomainCenters(5, 6, beta), alpha_s, alpha_c, gamma).double()
    centers: Banks = {}
    for step in range(4):
        x, identity, domain = batch(10 * seed + step, identities=4 + (step > 1))  # a new identity on the way
        terms = loss(*tensors(3 * x, identity, domain))
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        for key in set(zip(domain, identity, strict=True)) - centers.keys():
            centers[key] = np.mean([x[i] for i in range(len(x)) if (domain[i], identity[i]) == key], axis=0)
        single = single_by_hand(x, identity, domain, centers, alpha_s)
        cross = cross_by_hand(x, identity, domain, centers, alpha_c)
        np.testing.assert_allclose(torch.stack(terms).numpy(), [single + gamma * cross, single, cross], rtol=1e-6)
        move(centers, x, identity, domain, beta)
        for domain_, identity_ in np.ndindex(2, 6):
            expected = centers.get((domain_, identity_))
            assert loss.centers.is_seen[domain_, identity_] == (expected is not None)
            np.testing.assert_allclose(
                loss.centers.centers[domain_, identity_].numpy(), 0 if expected is None else expected
            )


def test_centres_that_start_at_zero() -> None:
    banks = DomainCenters(2, 3, beta=0.75, first_sight=False)
    x, identity, is_masked = torch.tensor([[4.0, 0], [0, 8.0]]), torch.tensor([0, 0]), torch.tensor([False, True])
    centers, is_seen = banks(x, identity, is_masked)
    assert not centers.any()
    assert not is_seen.any()
    torch.testing.assert_close(banks.centers[:, 0], torch.tensor([[1.0, 0], [0, 2.0]]))
    assert banks.is_seen.sum() == 2


def test_centres_that_are_not_set_are_no_negatives() -> None:
    x, centers, is_seen, identity, is_masked = drawn(0)
    is_seen[:, identity == 2] = False
    with_all = cross_domain_loss(x, centers, torch.ones_like(is_seen), identity, is_masked, 0.5)
    centers[:, identity == 2] = x.detach().mean(dim=0)  # the nearest of all, were they looked at
    without = cross_domain_loss(x, centers, is_seen, identity, is_masked, 0.5)
    known = {(d, k): centers[d, k].numpy() for d in range(2) for k in range(2)}
    x_, identity_, domain_ = x.detach().numpy(), identity.numpy(), is_masked.long().numpy()
    assert without.item() == pytest.approx(cross_by_hand(x_, identity_, domain_, known, 0.5))
    assert without != with_all


def test_a_hand_worked_case() -> None:
    # Two identities on a line, full at 0 and 10, masked at 2 and 7; centres at their faces.
    x = torch.tensor([[0.0], [10.0], [2.0], [7.0]])
    identity, is_masked = torch.tensor([0, 1, 0, 1]), torch.tensor([False, False, True, True])
    centers = torch.tensor([[[0.0], [10.0], [0.0], [10.0]], [[2.0], [7.0], [2.0], [7.0]]])
    single = single_domain_loss(x, centers, identity, is_masked, margin=6.0)
    assert single.item() == pytest.approx((0 + 0 + 1 + 1) / 4)  # 10 and 5 away from the other
    cross = cross_domain_loss(x, centers, torch.ones(2, 4, dtype=torch.bool), identity, is_masked, margin=4.0)
    assert cross.item() == pytest.approx((0 + 0 + (2 + 4 - 5) + (3 + 4 - 5)) / 4)


@pytest.mark.parametrize("masked", [[False] * 4, [False, False, True, True]], ids=["one domain", "one identity each"])
def test_without_an_anchor_a_term_is_zero_with_a_gradient(masked: list[bool]) -> None:
    x = torch.randn(4, 5, requires_grad=True)
    identity = torch.tensor([0, 0, 1, 1])  # with two domains, neither holds two identities
    loss = DCRLoss(DomainCenters(5, 2))
    terms = loss(x, identity, torch.tensor(masked))
    assert terms.cross == 0
    if any(masked):
        assert terms.single == 0
    terms.total.backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_weights_leave_terms_out() -> None:
    data = tensors(*batch(0))
    for changes, left_out in (({"gamma": 0.0}, "cross"), ({"single_weight": 0.0}, "single")):
        terms = DCRLoss(DomainCenters(5, 4), **changes)(*data)
        expected = terms.single if left_out == "cross" else 0.75 * terms.cross
        torch.testing.assert_close(terms.total, expected)


def test_banks_are_written_in_training_only_in_place_and_saved() -> None:
    banks = DomainCenters(5, 4)
    place = banks.centers.data_ptr()
    loss, data = DCRLoss(banks), tensors(*batch(0))
    loss.eval()(*data)
    assert not banks.is_seen.any()
    loss.train()(*data)
    assert banks.centers.any()
    assert banks.centers.data_ptr() == place
    assert banks.centers.dtype == torch.float32
    assert set(loss.state_dict()) == {"centers.centers", "centers.is_seen"}


def test_gradcheck() -> None:
    x, centers, is_seen, identity, is_masked = drawn(0)
    assert torch.autograd.gradcheck(lambda x: single_domain_loss(x, centers, identity, is_masked, 0.7), (x,))
    assert torch.autograd.gradcheck(lambda x: cross_domain_loss(x, centers, is_seen, identity, is_masked, 0.5), (x,))


def test_it_is_close_in_bf16_with_fp32_centres() -> None:
    one, other = DCRLoss(DomainCenters(5, 4)), DCRLoss(DomainCenters(5, 4))
    for seed in range(2):
        x, identity, is_masked = tensors(*batch(seed))
        expected = one(x.float(), identity, is_masked)
        with torch.autocast("cpu", torch.bfloat16):
            half = other(x.bfloat16(), identity, is_masked)
        torch.testing.assert_close(torch.stack(half), torch.stack(expected), rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(other.centers.centers, one.centers.centers, rtol=1e-2, atol=1e-2)
