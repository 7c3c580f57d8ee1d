"""What Balanced Feature Matching adds to ArcFace, against the paper's formulas in NumPy."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from maskrec.losses import guided_perceptual_loss, mask_loss

Array = npt.NDArray[np.float64]


def guided_by_hand(x: Array, masked: Array) -> float:
    total = 0.0
    for one, other in zip(x, masked, strict=True):
        total += sum(
            (a / np.linalg.norm(one) - b / np.linalg.norm(other)) ** 2 for a, b in zip(one, other, strict=True)
        )
    return total / len(x)


def mask_by_hand(x: Array, masked: Array) -> float:
    """Eq. 1 as it is printed: the logits of faces, and of the same with masks."""
    total = 0.0
    for one, other in zip(x, masked, strict=True):
        total += np.log(np.exp(one[0]) / (np.exp(one[0]) + np.exp(one[1])))
        total += np.log(np.exp(other[1]) / (np.exp(other[1]) + np.exp(other[0])))
    return -total / len(x)


@pytest.mark.parametrize("seed", range(3))
def test_they_are_the_papers_formulas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, masked = 3 * rng.normal(size=(2, 6, 5))
    loss = guided_perceptual_loss(torch.tensor(x), torch.tensor(masked))
    assert loss.item() == pytest.approx(guided_by_hand(x, masked))
    logits, of_masked = 2 * rng.normal(size=(2, 6, 2))
    loss = mask_loss(torch.tensor(np.concatenate([logits, of_masked])), torch.arange(12) >= 6)
    assert loss.item() == pytest.approx(mask_by_hand(logits, of_masked))


def test_hand_worked() -> None:
    # Right angles are at squared distance 2, opposite directions at 4, whatever the lengths.
    x, masked = torch.tensor([[2.0, 0], [0, 3.0]]), torch.tensor([[0, 5.0], [0, -1.0]])
    assert guided_perceptual_loss(x, masked).item() == pytest.approx(3)
    assert mask_loss(torch.zeros(4, 2), torch.tensor([False, False, True, True])).item() == pytest.approx(2 * np.log(2))


def test_gradcheck() -> None:
    x, masked = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(guided_perceptual_loss, (x.requires_grad_(), masked.requires_grad_()))
    logits = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mask_loss, (logits, torch.arange(4) >= 2))


def test_the_gradient_goes_to_both_sides_and_is_finite_where_they_agree() -> None:
    x, masked = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    guided_perceptual_loss(x.requires_grad_(), masked.requires_grad_()).backward()
    assert x.grad is not None
    assert masked.grad is not None
    assert x.grad.any()
    assert masked.grad.any()
    same = torch.ones(4, 3, requires_grad=True)
    guided_perceptual_loss(same, 2 * same).backward()
    assert same.grad is not None
    assert same.grad.isfinite().all()


def test_half_precision_is_lifted() -> None:
    x = torch.randn(4, 512, generator=torch.Generator().manual_seed(0)).bfloat16()
    near = (x.float() * 1.0001).bfloat16()
    assert guided_perceptual_loss(x, near).dtype == torch.float32
    assert mask_loss(x[:, :2], torch.arange(4) >= 2).dtype == torch.float32
