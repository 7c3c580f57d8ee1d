"""The mesh of `masking.warp` for many faces at once; coordinates as complex numbers x + iy, as there."""

from collections.abc import Sequence

import torch
from torch import Tensor

from maskrec.masking.warp import ANCHORS, CLEAR, FLAT, FOOT, FRONT_AND_SIDES, JAW_ANCHORS, LIMIT, RIM, SHIFT


def combine(weights: Tensor, points: Tensor) -> Tensor:
    """(B, N, 2) points as sums of weighted others; weights (N, V) or (B, N, V), others (B, V, 2).

    No matrix product: on a GPU those may be told to round to ten bits.
    """
    return (weights[..., None] * points[:, None]).sum(dim=2)


def anchors_on(landmarks: Tensor, shift: Tensor) -> Tensor:
    """The anchors of faces, (B, 19) complex, as `warp.anchors_on`.

    Args:
        landmarks: (B, 96, 2).
        shift: (B, 2) aside and below.
    """
    places = torch.view_as_complex(landmarks.contiguous())
    anchors = places[:, ANCHORS.tolist()]
    down = (places[:, 8] - places[:, 27])[:, None]
    left = -1j * down
    is_face = down != 0
    reach = (places[:, FRONT_AND_SIDES.tolist()] * torch.where(is_face, left, 1).reciprocal()).real
    front, right_jaw, left_jaw = reach.split((5, 3, 3), dim=1)
    right_most = front.amin(dim=1, keepdim=True) - CLEAR
    left_most = front.amax(dim=1, keepdim=True) + CLEAR
    anchors = anchors + shift[:, :1] * left + shift[:, 1:] * down
    out = torch.zeros_like(anchors.real)
    out[:, :3] = (right_most - right_jaw).clamp_max(0)
    out[:, JAW_ANCHORS - 3 : JAW_ANCHORS] = (left_most - left_jaw).clamp_min(0).flip(1)
    return torch.where(is_face, anchors + left * out, anchors)


def with_rim(anchors: Tensor) -> Tensor:
    """The vertices of the mesh, (B, 28), as `warp.with_rim`."""
    return torch.cat([anchors, anchors[:, :JAW_ANCHORS] * (1 + RIM) - anchors[:, FOOT, None] * RIM], dim=1)


def boxes_between(low: Tensor, high: Tensor, shape: Sequence[int]) -> Tensor:
    """(B, 4) left, top, right, bottom of the part of a picture (height, width) from x, y (B, 2) to others."""
    size = torch.tensor([shape[1], shape[0]], device=low.device)
    return torch.cat([torch.minimum(low.clamp_min(0), size), torch.minimum(high + 1, size).clamp_min(0)], dim=1).long()


def fixed(places: Tensor) -> Tensor:
    """Complex numbers as whole x, y (..., 2) in sixteenths of a pixel."""
    return (torch.view_as_real(places).clamp(-LIMIT, LIMIT) * (1 << SHIFT)).round().long()


def affine_maps(corners: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
    """The maps of triangles of pictures to those of masks, as in `warp.Mesh.map_to`.

    Args:
        corners: (B, T, 3) in the picture.
        sources: (B, T, 3) in the mask.

    Returns:
        (B, T, 3) what a pixel gains along x and along y, and where the origin lies; (B, T) whether a triangle is seen.
    """
    edge, other = (corners[..., 1:] - corners[..., :1]).unbind(dim=2)
    source, other_source = (sources[..., 1:] - sources[..., :1]).unbind(dim=2)
    area = (other * edge.conj()).imag
    is_seen = area > FLAT
    scale = 0.5j / torch.where(is_seen, area, 1)
    alpha = (source * other.conj() - other_source * edge.conj()) * scale
    beta = (other_source * edge - source * other) * scale
    origin = sources[..., 0] - alpha * corners[..., 0] - beta * corners[..., 0].conj()
    return torch.stack([alpha + beta, 1j * (alpha - beta), origin], dim=2), is_seen
