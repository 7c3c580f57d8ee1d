"""SphereFace against an independent rewrite."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from maskrec import UserError
from maskrec.losses import IdentityHead, SphereFace, sphereface_logits


def psi_by_hand(theta: float, m: int) -> float:
    """Eq. 7 with math alone."""
    k = min(int(theta * m / math.pi), m - 1)
    return (-1) ** k * math.cos(m * theta) - 2 * k


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("annealing", [0.0, 5.0])
def test_logits_over_all_angles(m: int, annealing: float) -> None:
    theta = np.linspace(0, math.pi, 361)  # with every k pi / m
    norm, others = np.linspace(0.5, 20, 361), np.linspace(-0.9, 0.9, 361)
    cosine = torch.tensor(np.stack([others, np.cos(theta)], axis=1))
    logits = sphereface_logits(cosine, torch.tensor(norm), torch.ones(361, dtype=torch.long), m, annealing).numpy()
    psi = np.array([psi_by_hand(angle, m) for angle in theta])
    np.testing.assert_allclose(logits[:, 1], norm * (annealing * np.cos(theta) + psi) / (1 + annealing), atol=1e-9)
    np.testing.assert_allclose(logits[:, 0], norm * others)
    assert (np.diff(psi) < 0).all() or m == 1
    assert psi[-1] == pytest.approx(1 - 2 * m)


def test_with_margin_one_it_is_softmax_over_normalised_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    embedding, weight = torch.randn(8, 5, generator=generator), torch.randn(4, 5, generator=generator)
    identity = torch.arange(8) % 4
    expected = F.cross_entropy(embedding @ (weight / weight.norm(dim=1, keepdim=True)).T, identity)
    torch.testing.assert_close(SphereFace(margin=1)(embedding, weight, identity), expected)


def test_lambda_falls_with_the_batches_trained_on_and_is_kept() -> None:
    loss = SphereFace(margin=4, lambda_base=10.0, gamma=1.0, lambda_min=3.0)
    generator = torch.Generator().manual_seed(0)
    embedding, weight = torch.randn(8, 5, generator=generator), torch.randn(4, 5, generator=generator)
    identity = torch.arange(8) % 4

    def expected(annealing: float) -> torch.Tensor:
        unit = weight / weight.norm(dim=1, keepdim=True)
        cosine = F.normalize(embedding) @ unit.T
        return F.cross_entropy(sphereface_logits(cosine, embedding.norm(dim=1), identity, 4, annealing), identity)

    for annealing in (10 / 2, 10 / 3, 3.0):  # 10 / 4 is below the least
        torch.testing.assert_close(loss(embedding, weight, identity), expected(annealing))
    loss.eval()(embedding, weight, identity)  # no batch trained on
    again = SphereFace()
    again.load_state_dict(loss.state_dict())
    assert again.step == 3


def test_the_default_starts_as_the_public_code() -> None:
    loss = SphereFace()
    generator = torch.Generator().manual_seed(0)
    embedding, weight = torch.randn(4, 5, generator=generator), torch.randn(4, 5, generator=generator)
    cosine = F.normalize(embedding) @ F.normalize(weight).T
    logits = sphereface_logits(cosine, embedding.norm(dim=1), torch.arange(4), 4, 1000 / 1.12)
    torch.testing.assert_close(loss(embedding, weight, torch.arange(4)), F.cross_entropy(logits, torch.arange(4)))


@pytest.mark.parametrize("end", [1.0, -1.0])
def test_gradient_at_both_ends_is_finite_and_right(end: float) -> None:
    # d psi / d cos(theta) = (-1)^k m sin(m theta) / sin(theta), which is m^2 at theta = 0 and at pi.
    cosine = torch.full((1, 1), end, dtype=torch.float64, requires_grad=True)
    sphereface_logits(cosine, torch.ones(1), torch.zeros(1, dtype=torch.long), 4, 0.0).sum().backward()
    assert cosine.grad is not None
    assert cosine.grad.item() == pytest.approx(16)


def test_it_counts_in_a_head_under_autocast() -> None:
    head = IdentityHead(8, 3, SphereFace())
    with torch.autocast("cpu", torch.bfloat16):
        head(torch.randn(3, 8), torch.arange(3))
    assert head.state_dict()["loss.step"] == 1


def test_a_margin_below_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"SphereFace\.margin 0: expected a whole number"):
        SphereFace(margin=0)
