"""Triangles to pixels, against a renderer that goes pixel by pixel."""

import numpy as np
import numpy.typing as npt

from maskrec.data.generated.raster import rasterise

Array = npt.NDArray[np.float64]
SIZE = (24, 30)


def slow(points: Array, depth: Array, triangles: npt.NDArray[np.intp]) -> dict[int, tuple[int, Array]]:
    """Pixel to the nearest triangle and its weights, by solving for the weights at each pixel."""
    seen: dict[int, tuple[int, Array]] = {}
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            best = -np.inf
            for number, corners in enumerate(triangles):
                a, b, c = points[corners]
                if (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]) <= 0:
                    continue  # turned away
                system = np.vstack([points[corners].T, np.ones(3)])
                weights = np.linalg.solve(system, [column + 0.5, row + 0.5, 1])
                near = weights @ depth[corners]
                if (weights >= 0).all() and near > best:
                    best = near
                    seen[row * SIZE[1] + column] = (number, weights)
    return seen


def test_random_triangles() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((-6, -6), (36, 30), (60, 2))  # some reach out of the picture
    depth = rng.uniform(0, 10, 60)
    triangles = np.arange(60).reshape(20, 3)
    expected = slow(points, depth, triangles)
    fragments = rasterise(points, depth, triangles, SIZE)
    assert fragments.pixel.tolist() == sorted(expected)
    assert len(expected) > 200
    for pixel, triangle, weights in zip(fragments.pixel, fragments.triangle, fragments.weights.T, strict=True):
        assert triangle == expected[pixel][0]
        np.testing.assert_allclose(weights, expected[pixel][1], atol=1e-9)


def test_a_row_of_pixels_along_an_edge_belongs_to_the_triangle_alone() -> None:
    points = np.array([[2.0, 2.5], [8.0, 2.5], [2.0, 6.5]])  # its upper edge runs through the centres of a row
    fragments = rasterise(points, np.zeros(3), np.array([[0, 1, 2]]), SIZE)
    rows = fragments.pixel // SIZE[1]
    assert rows.min() == 2
    assert (rows == 2).sum() == 6


def test_nothing_to_see() -> None:
    away = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0]])
    for points in (away, away[::-1] + 100):
        assert len(rasterise(points, np.zeros(3), np.array([[0, 1, 2]]), SIZE).pixel) == 0
