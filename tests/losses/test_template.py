"""Distances of templates against NumPy."""

import numpy as np
import pytest
import torch

from maskrec.losses import template_distances


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_against_numpy(dtype: torch.dtype) -> None:
    x, t = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    a, b = x.double().numpy(), t.double().numpy()
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    found = template_distances(x, t)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    np.testing.assert_allclose(found.double().numpy(), 2 - 2 * cosine, atol=1e-6)


def test_by_hand() -> None:
    x = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]])
    t = torch.tensor([[5.0, 0.0], [1.0, 0.0], [-4.0, 0.0]])
    torch.testing.assert_close(template_distances(x, t), torch.tensor([0.0, 2.0, 4.0]))


def test_gradient() -> None:
    x, t = (torch.randn(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(template_distances, (x, t))
