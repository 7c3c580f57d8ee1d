"""The losses of IAMGAN against rewrites in NumPy."""

import numpy as np
import pytest
import torch

from maskrec.losses import adversarial_loss, cycle_loss, reconstruction_loss


@pytest.mark.parametrize("is_real", [True, False])
def test_adversarial_losses(is_real: bool) -> None:
    logits = torch.randn(2, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    values = logits.detach().numpy()
    sigmoid = 1 / (1 + np.exp(-values))
    bce, lsgan = (adversarial_loss(logits, is_real, kind) for kind in ("bce", "lsgan"))
    assert bce.item() == pytest.approx(np.mean(-np.log(sigmoid if is_real else 1 - sigmoid)))
    assert lsgan.item() == pytest.approx(np.mean((values - is_real) ** 2))
    for kind in ("bce", "lsgan"):
        assert torch.autograd.gradcheck(lambda x, kind=kind: adversarial_loss(x, is_real, kind), logits)
        half = adversarial_loss(logits.bfloat16(), is_real, kind)
        assert half.dtype == torch.float32
        torch.testing.assert_close(half.double(), adversarial_loss(logits, is_real, kind), rtol=2e-2, atol=2e-2)


def test_a_discriminator_that_is_right_costs_nothing() -> None:
    assert adversarial_loss(torch.full((3,), 50.0), True, "bce") < 1e-6
    assert adversarial_loss(torch.ones(3), True, "lsgan") == 0
    assert adversarial_loss(torch.zeros(3), False, "lsgan") == 0


def test_reconstruction_and_cycle() -> None:
    full, made = (torch.rand(2, 3, 6, 4, dtype=torch.float64) * 2 - 1 for _ in range(2))
    is_face = (torch.rand(2, 1, 6, 4) > 0.4).double()
    expected = np.abs((full - made).numpy() * is_face.numpy()).sum() / full.numel()
    assert reconstruction_loss(full, made, is_face).item() == pytest.approx(expected)
    assert reconstruction_loss(full, full, is_face) == 0
    assert reconstruction_loss(full, made, torch.zeros_like(is_face)) == 0  # all is mask
    assert cycle_loss(full, made).item() == pytest.approx(np.abs((full - made).numpy()).mean())
    made.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: reconstruction_loss(full, x, is_face), made)
