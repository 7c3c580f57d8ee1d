"""What the renderer reads of styles, all of them in a few tensors: textures and meshes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from maskrec.masking.on_device.mesh import affine_maps, boxes_between, combine, fixed
from maskrec.masking.on_device.raster import owners
from maskrec.masking.styles import Layers, Style
from maskrec.masking.styles.style import NOTHING, Picture
from maskrec.masking.warp import with_rim

Words = npt.NDArray[np.int32]
BITS = 5  # behind the point of a place in a texture, as OpenCV has them


class Textures(nn.Module):
    """The layers of S styles behind each other; the four bytes of a pixel are one whole number.

    Args:
        styles: In the order of their numbers.
        shading: Whether there are layers with shadow for each softness, and surfaces.
    """

    starts: Tensor  # (S, L) where a layer begins
    sizes: Tensor  # (S, 2) width and height, with a border of a pixel on all sides
    layers: Tensor  # (M,) paint and rest
    surfaces: Tensor  # (M,) three bytes of the surface, and one of no meaning

    def __init__(self, styles: Sequence[Style], shading: bool) -> None:
        super().__init__()
        used: list[list[Layers]] = [list(style.layers if shading else style.layers[:1]) for style in styles]
        layers = [[_words(each.paint if shading else each.flat) for each in some] for some in used]
        surfaces = [[_words(np.dstack([each.surface, each.surface[..., 0]])) for each in some] for some in used]
        lengths = np.array([[each.size for each in some] for some in layers])
        starts = np.cumsum(lengths).reshape(lengths.shape) - lengths
        self.register_buffer("starts", torch.from_numpy(starts))
        self.register_buffer("sizes", torch.tensor([some[0].shape[::-1] for some in layers]))
        self.register_buffer(
            "layers", torch.from_numpy(np.concatenate([each.ravel() for some in layers for each in some]))
        )
        self.register_buffer(
            "surfaces", torch.from_numpy(np.concatenate([each.ravel() for some in surfaces for each in some]))
        )

    def paint_at(self, places: Tensor, face: Tensor, style: Tensor, softness: Tensor) -> Tensor:
        """Paint and rest between four pixels, (P, 4) float of whole numbers, as `cv2.remap` with `INTER_LINEAR`.

        Args:
            places: (P, 2) x, y in the layers.
            face: (P,) whose.
            style: (B,) number of the style of each face.
            softness: (B,) its layer.
        """
        start, size = self.starts[style, softness][face], self.sizes[style][face]
        fine = (places * (1 << BITS)).round().long()
        ahead = fine & ((1 << BITS) - 1)
        ahead, behind = ahead.float() / (1 << BITS), 1 - ahead.float() / (1 << BITS)
        first = (fine >> BITS) + 1
        # Beyond the border there is nothing, as on it.
        (left, above), (right, below) = (
            torch.minimum((first + step).clamp_min(0), size - 1).unbind(dim=1) for step in (0, 1)
        )
        width = size[:, 0]
        above, below = start + above * width, start + below * width
        found = _bytes(self.layers[above + left]) * (behind[:, 0] * behind[:, 1])[:, None]
        found += _bytes(self.layers[above + right]) * (ahead[:, 0] * behind[:, 1])[:, None]
        found += _bytes(self.layers[below + left]) * (behind[:, 0] * ahead[:, 1])[:, None]
        found += _bytes(self.layers[below + right]) * (ahead[:, 0] * ahead[:, 1])[:, None]
        return found.add_(0.5).floor_()

    def surface_at(self, places: Tensor, face: Tensor, style: Tensor, softness: Tensor) -> Tensor:
        """The surface at the nearest pixels, (P, 3); arguments as of `paint_at`."""
        start, size = self.starts[style, softness][face], self.sizes[style][face]
        x, y = torch.minimum(places.round().long().clamp_min(0) + 1, size - 2).unbind(dim=1)
        return _bytes(self.surfaces[start + y * size[:, 0] + x])[:, :3]


def _words(picture: Picture) -> Words:
    """A picture (h, w, 4) in a border of nothing as (h + 2, w + 2) whole numbers."""
    bordered = np.empty((picture.shape[0] + 2, picture.shape[1] + 2, 4), dtype=np.uint8)
    bordered[:] = NOTHING
    bordered[1:-1, 1:-1] = picture
    return bordered.view(np.int32)[..., 0]


def _bytes(words: Tensor) -> Tensor:
    """(P, 4) float of (P,) whole numbers."""
    return words.view(torch.uint8).view(-1, 4).float()


class Places(NamedTuple):
    """The P pixels of B pictures that lie in a triangle."""

    pixel: Tensor
    """(P,) numbers, of all pictures one after the other."""
    face: Tensor
    """(P,) the picture."""
    in_box: Tensor
    """(P, 2) int64 x, y in the part of the picture that is drawn on."""
    in_style: Tensor
    """(P, 2) x, y in the picture of the style."""
    box_size: Tensor
    """(B, 2) int64 width and height of those parts."""


class Meshes(nn.Module):
    """The triangles of S styles; those with fewer than others have points, which are never seen, behind them.

    Args:
        styles: In the order of their numbers.
    """

    triangles: Tensor  # (S, T, 3) numbers of vertices
    sources: Tensor  # (S, T, 3) complex, where these lie in the picture of the style
    outlines: Tensor  # (S, N, 28) weights; where there are fewer, the first again

    def __init__(self, styles: Sequence[Style]) -> None:
        super().__init__()
        meshes = [style.mesh for style in styles]
        most, longest = max(len(mesh.triangles) for mesh in meshes), max(len(mesh.outline) for mesh in meshes)
        triangles = np.zeros((len(meshes), most, 3), dtype=np.int64)
        outlines = np.stack([mesh.outline[np.arange(longest) % len(mesh.outline)] for mesh in meshes])
        for padded, mesh in zip(triangles, meshes, strict=True):
            padded[: len(mesh.triangles)] = mesh.triangles
        vertices = np.stack([with_rim(style.anchors) for style in styles]).astype(np.float32)
        sources = vertices[np.arange(len(styles))[:, None, None], triangles]
        self.register_buffer("triangles", torch.from_numpy(triangles))
        self.register_buffer("sources", torch.view_as_complex(torch.from_numpy(sources)))
        self.register_buffer("outlines", torch.from_numpy(outlines))

    def boxes(self, target: Tensor, style: Tensor, shape: Sequence[int]) -> Tensor:
        """(B, 4) left, top, right, bottom of what is drawn on in pictures (height, width), as `warp.Mesh.box`.

        Args:
            target: (B, 28) complex vertices.
            style: (B,) numbers.
            shape: Height and width.
        """
        outline = combine(self.outlines[style], torch.view_as_real(target))
        return boxes_between(outline.amin(dim=1) - 1, outline.amax(dim=1) + 1, shape)

    def map_to(self, target: Tensor, style: Tensor, boxes: Tensor, shape: Sequence[int]) -> Places:
        """Where pixels lie in the pictures of styles, as `warp.Mesh.map_to`; arguments as of `boxes`, and these."""
        count, triangles = len(style), self.triangles[style]
        corner = torch.complex(*boxes[:, :2, None].float().unbind(dim=1))
        corners = (target - corner).gather(1, triangles.flatten(1)).view_as(triangles)
        maps, is_seen = affine_maps(corners, self.sources[style])
        face, triangle = is_seen.nonzero().unbind(dim=1)
        owner = owners(fixed(corners[face, triangle]), face, triangle + 1, boxes, (count, shape[0], shape[1]))
        pixel = owner.nonzero()[:, 0]
        face = pixel // (shape[0] * shape[1])
        place = torch.stack([pixel % shape[1], pixel // shape[1] % shape[0]], dim=1)
        in_box = place - boxes[face, :2]
        along_x, along_y, origin = maps[face, owner[pixel] - 1].unbind(dim=1)
        in_style = origin + along_x * in_box[:, 0] + along_y * in_box[:, 1]
        return Places(pixel, face, in_box, torch.view_as_real(in_style), boxes[:, 2:] - boxes[:, :2])
