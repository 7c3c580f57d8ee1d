"""ArcFace, CosFace and softmax, with SphereFace in what holds for all, against an independent rewrite."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from maskrec.losses import (
    ArcFace,
    CosFace,
    IdentityHead,
    IdentityLoss,
    Softmax,
    SphereFace,
    arcface_logits,
    cosface_logits,
)

MARGINS = [ArcFace(0.5, 64.0), CosFace(0.35, 64.0), Softmax(), SphereFace(4).eval()]  # eval: its lambda stays


def arcface_by_hand(cosine: float, margin: float) -> float:
    """The own identity's logit over s, with math alone."""
    theta = math.acos(cosine)
    return math.cos(theta + margin) if theta + margin <= math.pi else cosine - margin * math.sin(margin)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5])
def test_arcface_logits_over_all_angles(dtype: torch.dtype, margin: float) -> None:
    # 179.95 and not 180: the clamp that keeps the gradient finite moves the last angle by design.
    cosine = np.cos(np.radians(np.linspace(0.05, 179.95, 361)))
    others = np.linspace(-0.9, 0.9, 361)
    table = torch.tensor(np.stack([others, cosine], axis=1), dtype=dtype)
    logits = arcface_logits(table, torch.ones(361, dtype=torch.long), margin, scale=10.0)
    expected = [10 * arcface_by_hand(c, margin) for c in cosine]
    atol = 1e-2 if dtype == torch.float32 else 1e-6
    np.testing.assert_allclose(logits[:, 1].numpy(), expected, atol=atol)
    np.testing.assert_allclose(logits[:, 0].numpy(), 10 * others, rtol=1e-6)


def test_arcface_goes_on_falling_beyond_pi() -> None:
    margin = 0.5
    angles = torch.linspace(math.pi - margin + 1e-3, math.pi - 1e-3, 50, dtype=torch.float64)
    logits = arcface_logits(angles.cos().unsqueeze(1), torch.zeros(50, dtype=torch.long), margin, 1.0)[:, 0]
    assert (logits.diff() < 0).all()  # cos(theta + m) itself would rise here


def test_cosface_logits_by_hand() -> None:
    cosine = torch.tensor([[0.5, 0.1], [-0.2, 0.9]])
    logits = cosface_logits(cosine, torch.tensor([0, 1]), margin=0.35, scale=64.0)
    torch.testing.assert_close(logits, 64 * torch.tensor([[0.15, 0.1], [-0.2, 0.55]]))


@pytest.mark.parametrize("loss", [ArcFace(0.0, 16.0), CosFace(0.0, 16.0)])
def test_without_margin_it_is_scaled_cross_entropy_of_cosines(loss: IdentityLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    embedding, weight = torch.randn(8, 5, generator=generator), torch.randn(4, 5, generator=generator)
    identity = torch.arange(8) % 4
    cosine = torch.stack([F.cosine_similarity(row, weight) for row in embedding])
    torch.testing.assert_close(loss(embedding, weight, identity), F.cross_entropy(16 * cosine, identity))


@pytest.mark.parametrize("loss", MARGINS, ids=lambda loss: type(loss).__name__)
def test_gradcheck(loss: IdentityLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(6, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    weight = torch.randn(5, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(lambda e, w: loss(e, w, torch.arange(6) % 5), (embedding, weight))


@pytest.mark.parametrize("loss", MARGINS, ids=lambda loss: type(loss).__name__)
def test_head_is_exact_under_bf16_autocast(loss: IdentityLoss) -> None:
    torch.manual_seed(0)
    head = IdentityHead(32, 10, loss)
    embedding = head.weight.detach()[:4] + 1e-3 * torch.randn(4, 32)  # cosines of nearly 1, which bf16 rounds to 1
    identity = torch.arange(4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = head(embedding, identity)
    torch.testing.assert_close(inside, head(embedding, identity), rtol=0, atol=0)
    assert head.weight.dtype == torch.float32


@pytest.mark.parametrize("loss", MARGINS, ids=lambda loss: type(loss).__name__)
def test_gradient_is_finite_at_cosine_one_in_bf16(loss: IdentityLoss) -> None:
    head = IdentityHead(8, 3, loss)
    embedding = head.weight.detach().to(torch.bfloat16).requires_grad_()
    head(embedding, torch.arange(3)).backward()
    assert embedding.grad is not None
    assert embedding.grad.isfinite().all()
