"""The light on many faces at once, as `masking.light` reads it off one."""

from typing import NamedTuple

import torch
from torch import Tensor

from maskrec.masking import light
from maskrec.masking.on_device.mesh import boxes_between, combine


class Lights(NamedTuple):
    """What photographs do to a surface, as `light.Light` has it, for B faces."""

    colour: Tensor
    """(B, 3, 3)."""
    direction: Tensor
    """(B, 3)."""
    noise: Tensor
    """(B,)."""
    softness: Tensor
    """(B,) int64."""

    def on(self, colours: Tensor) -> Tensor:
        """Colours (B, N, 3) of surfaces as they are in the picture."""
        return (self.colour[:, None] * colours[:, :, None]).sum(dim=3)


def lights_on(images: Tensor, landmarks: Tensor) -> Lights:
    """Estimate the light on faces, images (B, 3, H, W) uint8 and landmarks (B, 96, 2); in double precision.

    What is decided by a comparison is then decided as for one face.
    """
    height, width = images.shape[2:]
    weights, solve, expected, usual, usual_skin, lowest, highest = (
        torch.as_tensor(values, device=images.device)
        for values in (
            *(light.WEIGHTS, light.SOLVE, light.EXPECTED),
            *(light.USUAL, light.USUAL_SKIN, light.LOWEST, light.HIGHEST),
        )
    )
    x, y = combine(weights, landmarks).clamp(-2, max(height, width)).long().unbind(dim=2)
    is_inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    seen = _neighbourhoods(images, torch.where(is_inside, x, 1), torch.where(is_inside, y, 1))
    colours = seen.sum(dim=3) / 9
    grey = _grey(colours)
    is_skin = is_inside & (grey > light.BLACK)
    count = is_skin.sum(dim=1, keepdim=True)
    middle = grey.masked_fill(~is_skin, torch.inf).argsort(dim=1).gather(1, count // 2)
    middle_grey = grey.gather(1, middle)
    brightness = (grey / middle_grey.clamp_min(1e-6)).clamp(0.45, 1.5)
    surprise = torch.where(is_skin, brightness - expected, 0)
    direction = (usual + (solve * surprise[:, None]).sum(dim=2)).clamp(lowest, highest)
    skin = colours.gather(2, middle[:, None].expand(-1, 3, -1))[..., 0]
    contrast = (seen[:, 1].amax(dim=2) - seen[:, 1].amin(dim=2)).masked_fill(~is_inside, torch.inf)
    fifth = is_inside.sum(dim=1, keepdim=True) // 5
    noise = (0.8 * (contrast.sort(dim=1).values.gather(1, fifth) / 3 - light.QUIET)).clamp_min(0)
    # Where too little skin is seen, the usual light is assumed.
    is_known = count >= light.FEWEST
    return Lights(
        _surface_colour(torch.where(is_known, skin, usual_skin)),
        torch.where(is_known, direction, usual),
        torch.where(is_known, noise, 0)[:, 0],
        torch.where(is_known[:, 0], _softness(images, landmarks), 1),
    )


def _neighbourhoods(images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(B, 3, N, 9) the pixels around places (B, N) that are not at the border."""
    width = images.shape[3]
    step = torch.arange(-1, 2, device=images.device)
    around = (y * width + x)[..., None] + (step[:, None] * width + step).flatten()
    pixels = images.flatten(2).gather(2, around.flatten(1)[:, None].expand(-1, 3, -1))
    return pixels.view(*images.shape[:2], *around.shape[1:]).double()


def _grey(colours: Tensor) -> Tensor:
    """(B, ...) of (B, 3, ...)."""
    red, green, blue = colours.unbind(dim=1)
    return light.RED * red + light.GREEN * green + light.BLUE * blue


def _surface_colour(skin: Tensor) -> Tensor:
    """(B, 3, 3) as `light.Light.colour` of the colour of skin, (B, 3)."""
    tint, grey_rows = (torch.as_tensor(values, device=skin.device) for values in (light.SKIN_TINT, light.GREY_ROWS))
    grey = _grey(skin).clamp_min(1)[:, None]
    exposure = ((grey / light.SKIN_LEVEL) ** 0.7).clamp(0.25, 1.15)
    spread = skin.amax(dim=1, keepdim=True) - skin.amin(dim=1, keepdim=True)
    colourful = (spread / grey / light.COLOURFUL).clamp_max(1)
    tinted = (skin / grey / tint).clamp(0.6, 1.6) ** (0.5 * colourful)
    rows = (exposure * (1 - colourful))[..., None] * grey_rows
    return rows + torch.diag_embed(exposure * colourful * tinted)


def _softness(images: Tensor, landmarks: Tensor) -> Tensor:
    """(B,) 0 to 2, from the detail around the eyes."""
    eyes = landmarks[:, [36, 45]]
    reach = (eyes[:, 1, 0] - eyes[:, 0, 0]).abs() / 8
    aside = torch.stack([torch.zeros_like(reach), reach], dim=1)
    boxes = boxes_between(eyes.amin(dim=1) - aside, eyes.amax(dim=1) + aside, images.shape[2:])
    left, top, right, bottom = boxes[..., None].unbind(dim=1)
    row = top + torch.arange(int((bottom - top).amax().clamp_min(1)), device=images.device)
    column = torch.arange(images.shape[3], device=images.device)
    is_inside = (row < bottom)[..., None] & ((column >= left) & (column < right))[:, None]
    # Beyond its first and last row the box is mirrored, as OpenCV does.
    above, here, below = (
        _rows(images[:, 1], rows)
        for rows in (torch.where(row > top, row - 1, top + 1), row, torch.where(row < bottom - 1, row + 1, bottom - 2))
    )
    fine, coarse = (
        torch.where(is_inside, change.abs(), 0).sum(dim=(1, 2)) for change in (above + below - 2 * here, below - above)
    )
    detail = fine / coarse.clamp_min(1).double()
    softness = 2 - (detail > light.BLURRED[0]).long() - (detail > light.BLURRED[1]).long()
    is_small = torch.minimum(right - left, bottom - top)[:, 0] < 3
    return torch.where(is_small, 1, softness)


def _rows(pictures: Tensor, rows: Tensor) -> Tensor:
    """(B, R, W) whole numbers: rows (B, R) of pictures (B, H, W)."""
    inside = rows.clamp(0, pictures.shape[1] - 1)[..., None].expand(-1, -1, pictures.shape[2])
    return pictures.gather(1, inside).int()
