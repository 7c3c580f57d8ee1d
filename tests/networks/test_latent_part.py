"""The box of LPD, and what is cut out of it."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from maskrec import UserError
from maskrec.networks import PartLocaliser, box_corners, resample_box

Array = npt.NDArray[np.float64]


def resampled_by_hand(picture: Array, theta: Array) -> Array:
    """Eq. 13 for each value of (C, H, W) on its own: four neighbours by their weights, 0 beyond the picture."""
    _, height, width = picture.shape
    extent_x, left, extent_y, top = theta
    out = np.zeros_like(picture)
    for row in range(height):
        for column in range(width):
            x = (extent_x * (column + 0.5) / width + left) * width - 0.5
            y = (extent_y * (row + 0.5) / height + top) * height - 0.5
            for n in (int(np.floor(y)), int(np.floor(y)) + 1):
                for m in (int(np.floor(x)), int(np.floor(x)) + 1):
                    if 0 <= n < height and 0 <= m < width:
                        weight = max(0.0, 1 - abs(x - m)) * max(0.0, 1 - abs(y - n))
                        out[:, row, column] += weight * picture[:, n, m]
    return out


def test_resampling_is_bilinear_on_random_boxes() -> None:
    rng = np.random.default_rng(0)
    pictures, boxes = rng.normal(size=(6, 3, 7, 9)), rng.uniform(-1, 1, (6, 4))  # mirrored and outer boxes, too
    found = resample_box(torch.from_numpy(pictures), torch.from_numpy(boxes)).numpy()
    for one, picture, theta in zip(found, pictures, boxes, strict=True):
        np.testing.assert_allclose(one, resampled_by_hand(picture, theta), atol=1e-12)


def test_the_full_box_is_the_picture_and_half_of_it_its_upper_half_enlarged() -> None:
    picture = torch.rand(1, 2, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(resample_box(picture, torch.tensor([[1.0, 0, 1, 0]])), picture)
    upper = resample_box(picture, torch.tensor([[1.0, 0, 0.5, 0]]))
    rows = picture[..., :3, :]
    # Rows at -0.25, 0.25, 0.75, 1.25: the first hangs over the edge by a quarter.
    weights = torch.tensor([[0.75, 0, 0], [0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0.75, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(upper, weights @ rows)


def test_corners_are_those_of_eq_11() -> None:
    theta = torch.tensor([[0.5, 0.25, 0.4, 0.1]])
    torch.testing.assert_close(box_corners(theta), torch.tensor([[0.25, 0.1, 0.75, 0.5]]))


def test_gradients_reach_the_box() -> None:
    torch.manual_seed(0)
    picture = torch.rand(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    theta = torch.tensor([[0.61, 0.13, 0.53, 0.07], [0.37, -0.11, 0.71, 0.23]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(resample_box, (picture, theta))
    resample_box(picture, theta).square().sum().backward()
    assert theta.grad is not None
    assert (theta.grad != 0).all()


def test_the_localiser_is_fig_5_and_starts_at_the_full_box() -> None:
    torch.manual_seed(0)
    localiser = PartLocaliser((8, 6))
    x = torch.randn(5, 3, 8, 6)
    with torch.no_grad():
        theta = localiser(x)
        torch.testing.assert_close(theta.mean(dim=0), torch.tensor([0.9, 0.0, 0.9, 0.0]), atol=0.01, rtol=0)
        localiser.norm.weight.fill_(1)
        first, norm, _, second = localiser.layers
        hidden = x.mean(dim=1).flatten(1) @ first.weight.T + first.bias
        hidden = ((hidden - hidden.mean(dim=0)) / (hidden.var(dim=0, correction=0) + norm.eps).sqrt()).relu()
        found = hidden @ second.weight.T + second.bias
        found = (found - found.mean(dim=0)) / (found.var(dim=0, correction=0) + localiser.norm.eps).sqrt()
        torch.testing.assert_close(localiser(x), (found + localiser.norm.bias).tanh())


def test_another_size_is_refused() -> None:
    with pytest.raises(UserError, match=r"LPD was built for 8x6 and sees 6x8: set model.input_size to data.image_size"):
        PartLocaliser((8, 6))(torch.zeros(2, 3, 6, 8))
