"""MG in batches: the picture `MG.render` draws of one face, of many at once, on any device."""

import torch
from torch import Tensor, nn

from maskrec.errors import UserError
from maskrec.masking.base import SMALLEST
from maskrec.masking.mg import MG
from maskrec.masking.on_device.light import Lights, lights_on
from maskrec.masking.on_device.mesh import anchors_on, with_rim
from maskrec.masking.on_device.parameters import MGRows, decode
from maskrec.masking.on_device.straps import StrapLines
from maskrec.masking.on_device.styles import Meshes, Places, Textures
from maskrec.masking.styles import choose
from maskrec.masking.styles.style import OPENEST
from maskrec.masking.worn import NOISE, NOISE_STEP
from maskrec.types import FaceBatch

FACES_AT_ONCE = 256  # a face takes some 2 MB while it is drawn
BITS = 10  # behind the point of the factors of `cv2.transform`


class BatchedMG(nn.Module):
    """Draws the masks of `MG` on batches of faces.

    B: faces, H x W: image size in pixels.

    Args:
        masking: What samples the masks.
    """

    noise: Tensor  # (256, 256, 3)

    def __init__(self, masking: MG) -> None:
        super().__init__()
        styles = [choose(name, masking.styles_folder) for name in masking.styles]
        self.shading = masking.shading
        self.textures = Textures(styles, masking.shading)
        self.meshes = Meshes(styles)
        self.straps = StrapLines(styles)
        self.register_buffer("noise", torch.from_numpy(NOISE))

    def wear(self, batch: FaceBatch) -> FaceBatch:
        """The batch with the masks drawn that it carries."""
        images, regions = self(batch.image, batch.landmarks, batch.mask_parameters)
        return batch._replace(image=images, is_masked=batch.is_masked | regions.flatten(1).any(dim=1))

    def forward(self, images: Tensor, landmarks: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Draw masks.

        Args:
            images: (B, 3, H, W) RGB, uint8; not changed.
            landmarks: (B, 96, 2) x, y in pixels.
            parameters: (B, 12) as `encode` writes them; NaN: no mask.

        Returns:
            The masked images, and the regions that were drawn on, (B, H, W).

        Raises:
            UserError: The images are no such pictures, or too small.
        """
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < SMALLEST:
            raise UserError(
                f"masks need RGB pictures, uint8 (B, 3, H, W) of at least {SMALLEST} pixels a side; "
                f"got {images.dtype} {tuple(images.shape)}"
            )
        masked = images.clone()
        regions = torch.zeros_like(images[:, 0], dtype=torch.bool)
        worn = parameters.isfinite().all(dim=1).nonzero()[:, 0]
        for start in range(0, len(worn), FACES_AT_ONCE):
            rows = worn[start : start + FACES_AT_ONCE]
            masked[rows], regions[rows] = self._render(images[rows], landmarks[rows], decode(parameters[rows]))
        return masked, regions

    def _render(self, images: Tensor, landmarks: Tensor, masks: MGRows) -> tuple[Tensor, Tensor]:
        count, _, *shape = images.shape
        target = with_rim(anchors_on(landmarks, masks.shift))
        boxes = self.meshes.boxes(target, masks.style, shape)
        canvas = images.permute(0, 2, 3, 1).reshape(-1, 3)
        drawn = torch.zeros(len(canvas), dtype=torch.bool, device=canvas.device)
        colours = masks.colours.double()
        lights = lights_on(images, landmarks) if self.shading else None
        if lights:
            is_seen = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
            cover = self.straps.cover(landmarks, masks.style, is_seen, shape).flatten()
            strap_colours = lights.on(self.straps.colours_on(masks.style, colours[:, :1]))[:, 0]
            _draw_straps(canvas, drawn, cover, strap_colours)
            colours = lights.on(colours)
        places = self.meshes.map_to(target, masks.style, boxes, shape)
        self._paste(canvas, drawn, places, masks.style, colours, lights)
        return canvas.view(count, *shape, 3).permute(0, 3, 1, 2), drawn.view(count, *shape)

    def _paste(
        self, canvas: Tensor, drawn: Tensor, places: Places, styles: Tensor, colours: Tensor, lights: Lights | None
    ) -> None:
        """As `worn.paste`, in place: pixels (B * H * W, 3), whether each is drawn on, and colours (B, 3, 3)."""
        pixel, face, in_box, in_style, box_size = places
        softness = lights.softness if lights else torch.zeros_like(styles)
        paint, rest = self.textures.paint_at(in_style, face, styles, softness).split((3, 1), dim=1)
        coloured = _transform(paint, colours.mT / 255, face)
        if lights:
            surface = self.textures.surface_at(in_style, face, styles, softness)
            factors = lights.direction[:, None] * (128 / 127 * OPENEST)
            shade = _transform(surface, factors, face, -128 * factors.sum(dim=2))
            shade = self._noisy(shade, in_box, box_size[face], lights.noise[face])
            coloured = _level(coloured * shade / 128)
        behind = _level(canvas[pixel] * rest / 255)
        canvas[pixel] = (behind + coloured).clamp_max(255).byte()
        drawn[pixel] |= rest[:, 0] < 255

    def _noisy(self, shade: Tensor, in_box: Tensor, box_size: Tensor, noise: Tensor) -> Tensor:
        """Shade (P, 1) with the noise of the photograph, (P, 3); in boxes larger than there is noise, without."""
        column, row = in_box.clamp_max(len(self.noise) - 1).unbind(dim=1)
        amount = torch.where(box_size.amax(dim=1) <= len(self.noise), noise / NOISE_STEP, 0).float()[:, None]
        return _level(shade + self.noise[row, column] * amount - 128 * amount)


def _draw_straps(canvas: Tensor, drawn: Tensor, cover: Tensor, colours: Tensor) -> None:
    """Blend colours (B, 3) into pixels (B * H * W, 3), in place, by their cover (B * H * W,), up to 255."""
    pixel = cover.nonzero()[:, 0]
    share = cover[pixel, None] / 255
    colour = _level(colours)[pixel // (len(cover) // len(colours))]
    canvas[pixel] = _level(canvas[pixel] * (1 - share) + colour * share).byte()
    drawn[pixel] = True


def _transform(values: Tensor, factors: Tensor, face: Tensor, offset: Tensor | None = None) -> Tensor:
    """As `cv2.transform`, which reckons in 1024ths: (P, C) whole numbers from (P, 3), by (B, C, 3) of its face."""
    one = 1 << BITS
    factors = (factors * one).round().float()
    found = (0 if offset is None else (offset * one).round().float()[face]) + values[:, :1] * factors[:, :, 0][face]
    for channel in (1, 2):
        found += values[:, channel, None] * factors[:, :, channel][face]
    return torch.floor(found / one + 0.5).clamp(0, 255)


def _level(values: Tensor) -> Tensor:
    """The nearest grey level."""
    return values.round().clamp(0, 255)
