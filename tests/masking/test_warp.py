"""The mesh against one affine warp for each triangle, and Delaunay's triangles."""

import cv2
import numpy as np
import pytest

from maskrec.masking.base import Face
from maskrec.masking.styles import STYLES, choose
from maskrec.masking.warp import Box, Mesh, affine_map, anchors_on, box_around, delaunay, reaching_out, with_rim


def area(corners: np.ndarray) -> np.ndarray:
    (ux, uy), (vx, vy) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    return (ux * vy - uy * vx) / 2


@pytest.mark.parametrize("name", ["surgical_blue", "n95", "scarf"])
def test_the_map_equals_an_affine_warp_of_each_triangle(name: str, portrait: Face) -> None:
    image, landmarks = portrait
    mesh = choose(name).mesh
    source, target = with_rim(choose(name).anchors), with_rim(anchors_on(landmarks))
    box = mesh.box(target, image.shape)
    mapped = mesh.map_to(target, box)
    smooth = np.stack(np.meshgrid(np.arange(200), np.arange(150)), axis=2).astype(np.float32)  # its own coordinates
    compared = 0
    for corners in mesh.triangles:
        affine = cv2.getAffineTransform(source[corners], target[corners] - np.float32((box.left, box.top)))
        warped = cv2.warpAffine(smooth, affine, box.shape[::-1], borderValue=(-1, -1))
        inside = np.zeros(box.shape, dtype=np.uint8)
        cv2.fillConvexPoly(inside, np.rint(target[corners] - (box.left, box.top)).astype(np.int32), 1)
        inside = cv2.erode(inside, np.ones((3, 3)), borderValue=0) > 0
        inside &= (warped > 1).all(axis=2)
        if not inside.any():
            continue
        compared += inside.sum()
        finest = np.linalg.norm(np.linalg.inv(affine[:, :2]))  # warpAffine rounds to 1/32 pixel
        error = np.abs(mapped[inside] - warped[inside]) / (0.05 + finest / 32)
        assert (error < 1).mean() > 0.95  # the tip of a thin triangle is its neighbour's
        assert (error < 5).all()
    assert compared > 1000


def test_vertices_go_to_their_places(portrait: Face) -> None:
    style = choose("cloth")
    source, target = with_rim(style.anchors), with_rim(np.rint(anchors_on(portrait[1])))
    box = style.mesh.box(target, (400, 400))
    mapped = style.mesh.map_to(target, box)
    for vertex in np.unique(style.mesh.triangles):
        x, y = target[vertex] - (box.left, box.top)
        if x == round(x) and y == round(y) and 0 <= x < box.shape[1] and 0 <= y < box.shape[0]:
            np.testing.assert_allclose(mapped[int(y), int(x)], source[vertex], atol=0.01)


@pytest.mark.parametrize("name", STYLES)
def test_delaunay_triangles_cover_the_hull_once(name: str) -> None:
    points = with_rim(choose(name).anchors).astype(np.float64)
    triangles = delaunay(points.astype(np.float32))
    corners = points[triangles]
    assert (area(corners) > 0).all()
    hull = cv2.contourArea(cv2.convexHull(points.astype(np.float32)))
    np.testing.assert_allclose(area(corners).sum(), hull, rtol=1e-4)
    assert set(triangles.ravel()) == set(range(len(points)))
    a, b, c = corners.transpose(1, 0, 2)
    for (ax, ay), (bx, by), (cx, cy) in zip(a, b, c, strict=True):  # no vertex within a circumcircle
        d = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by))
        ux = ((ax**2 + ay**2) * (by - cy) + (bx**2 + by**2) * (cy - ay) + (cx**2 + cy**2) * (ay - by)) / d
        uy = ((ax**2 + ay**2) * (cx - bx) + (bx**2 + by**2) * (ax - cx) + (cx**2 + cy**2) * (bx - ax)) / d
        radius = np.hypot(ax - ux, ay - uy)
        assert (np.hypot(*(points - (ux, uy)).T) > radius * (1 - 1e-3)).all()


@pytest.mark.parametrize("name", STYLES)
def test_triangles_that_reach_to_the_rim_map_like_those_behind_them(name: str, portraits: list[Face]) -> None:
    source = with_rim(choose(name).anchors)
    triangles = delaunay(source)
    grown = reaching_out(triangles)
    assert len(triangles) - len(grown) == 12  # two behind each of six
    assert (area(source[grown]) > 0).all()
    np.testing.assert_allclose(area(source[grown]).sum(), area(source[triangles]).sum(), rtol=1e-4)
    for _, landmarks in portraits[:5]:
        target = with_rim(anchors_on(landmarks))
        plain, reaching = (
            Mesh(source, some, source).map_to(target, Box(0, 0, 112, 112)) for some in (triangles, grown)
        )
        # Between two triangles either may own a pixel.
        assert (np.abs(plain - reaching).max(axis=2) > 0.01).mean() < 0.01


def test_four_points_on_a_circle_are_two_triangles() -> None:
    assert len(delaunay(np.array([(0, 0), (4, 0), (4, 4), (0, 4)], dtype=np.float32))) == 2


def test_an_affine_map_is_that_of_opencv() -> None:
    picture = np.stack(np.meshgrid(np.arange(50), np.arange(40)), axis=2).astype(np.float32)
    matrix = np.array([[0.9, -0.2, 5], [0.3, 0.8, 2]])
    mapped = affine_map(matrix, box_around(np.array([(0, 0), (49, 39)]), picture.shape))
    plain = cv2.warpAffine(
        picture, matrix, (50, 40), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=(-100, -100)
    )
    inside = ((mapped > 0) & (mapped < (49, 39))).all(axis=2)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(mapped[inside], plain[inside], atol=0.1)


def test_a_turned_head_keeps_nose_and_mouth_inside(portraits: list[Face]) -> None:
    for _, landmarks in portraits:
        hull = cv2.convexHull(with_rim(anchors_on(landmarks)))
        for point in landmarks[[30, 48, 54]]:
            assert cv2.pointPolygonTest(hull, point.tolist(), False) > 0
