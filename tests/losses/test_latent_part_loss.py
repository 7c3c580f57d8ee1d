"""L_LPD in its three readings."""

import pytest
import torch

from maskrec.losses import Prior, latent_part_loss

HEIGHT = torch.tensor([0.5, 0.8], dtype=torch.float64)
TOP = torch.tensor([0.1, -0.4], dtype=torch.float64)
NOSE = torch.tensor([0.45, 0.5], dtype=torch.float64)


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ("mean", (abs(0.6 - 0.45) + abs(0.4 - 0.5)) / 2),
        ("sum", abs(0.5 + 0.1 / 20 - 0.45) + abs(0.8 - 0.4 / 20 - 0.5)),  # Eq. 15
        ("theta5", (abs(0.5 - 0.45) + abs(0.8 - 0.5)) / 2),
    ],
)
def test_by_hand(prior: Prior, expected: float) -> None:
    assert latent_part_loss(HEIGHT, TOP, NOSE, 20, prior).item() == pytest.approx(expected)


def test_eq_14_is_eq_15_times_the_height() -> None:
    """With y_r in pixels, theta_6 a share of the height in the first and pixels in the second."""
    pixels = 20
    in_pixels = (HEIGHT * pixels + TOP - NOSE * pixels).abs().sum()
    torch.testing.assert_close(in_pixels, pixels * latent_part_loss(HEIGHT, TOP, NOSE, pixels, "sum"))


@pytest.mark.parametrize("prior", ["mean", "sum", "theta5"])
def test_gradients(prior: Prior) -> None:
    inputs = HEIGHT.clone().requires_grad_(), TOP.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda height, top: latent_part_loss(height, top, NOSE, 20, prior), inputs)
    latent_part_loss(*inputs, NOSE, 20, prior).backward()
    assert (inputs[1].grad is None) == (prior == "theta5")
