"""Where LPD finds the part of a face that no mask covers."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import default_collate
from torchvision.utils import draw_bounding_boxes, make_grid, save_image

from maskrec.callbacks.pictures import log_picture
from maskrec.data import EvaluationFaces
from maskrec.data.images import normalise
from maskrec.networks import box_corners, resample_box
from maskrec.types import FaceBatch

COLOUR = (40, 220, 80)


class LatentParts(Callback):
    """Draws the boxes and what lies in them, and counts whether they follow the nose, at each validation.

    The faces are those of the first validation set, as they are and masked. Logged over the masked ones, each shifted
    up or down: `val/latent_part/nose_correlation`, of the box's lower edge with the method's `nose_landmark`, and the
    mean box; all as shares of the picture. A method without a box is left alone.

    Args:
        dirpath: Folder of the pictures.
        faces: Faces drawn.
        measured: Faces measured, at most.
        shift: How far they are shifted at most, a share of the height.
    """

    def __init__(self, dirpath: str, faces: int = 8, measured: int = 256, shift: float = 0.1) -> None:
        self.dirpath = Path(dirpath)
        self.faces = faces
        self.measured = measured
        self.shift = shift

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the same faces again."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        sets = data.evaluation_sets("val")
        if getattr(pl_module, "localiser", None) is None or not sets or trainer.sanity_checking:
            return
        faces: EvaluationFaces = sets[0].faces(data.image_size)
        count = min(self.measured, len(faces.again))
        masked = [len(faces.paths) + row for row in torch.linspace(0, len(faces.again) - 1, count).long().tolist()]
        if count:
            self._measure(pl_module, _batch(faces, masked))
        if trainer.is_global_zero:
            seen = masked[: self.faces]
            unmasked = [int(faces.again[row - len(faces.paths)]) for row in seen] or list(
                range(min(self.faces, len(faces.paths)))
            )
            self.dirpath.mkdir(parents=True, exist_ok=True)
            file = self.dirpath / f"latent_parts_{trainer.global_step:06d}.png"
            shown = [_batch(faces, rows).image for rows in (unmasked, seen) if rows]
            save_image(make_grid(torch.cat([self._draw(pl_module, image) for image in shown]), len(unmasked)), file)
            log_picture(trainer.loggers, file)

    def _measure(self, method: Any, batch: FaceBatch) -> None:
        nose = (batch.landmarks[:, method.nose_landmark - 1, 1] + 0.5) / batch.image.shape[2]
        shifts = torch.linspace(-self.shift, self.shift, len(nose)).mul(batch.image.shape[2]).round().long()
        shifts = shifts[torch.randperm(len(nose), generator=torch.Generator().manual_seed(0))]
        moved = torch.stack([_shifted(image, int(shift)) for image, shift in zip(batch.image, shifts, strict=True)])
        corners = box_corners(_theta(method, moved)).cpu()
        for name, value in zip(("left", "top", "right", "bottom"), corners.mean(dim=0), strict=True):
            method.log(f"val/latent_part/{name}", value)
        if nose.isfinite().all() and len(nose) > 1:
            noses = nose + shifts / batch.image.shape[2]
            method.log("val/latent_part/nose_correlation", torch.corrcoef(torch.stack([corners[:, 3], noses]))[0, 1])

    def _draw(self, method: LightningModule, image: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 to N faces with their boxes, then the N boxes enlarged, (2 N, 3, H, W) in [0, 1]."""
        theta = _theta(method, image).cpu()
        size = torch.tensor([image.shape[3], image.shape[2]] * 2)
        corners = (box_corners(theta) * size).view(-1, 2, 2).sort(dim=1).values.flatten(1)
        corners = corners.clamp(min=0).minimum(size - 1)
        boxed = [
            draw_bounding_boxes(face, corner.unsqueeze(0), colors=COLOUR, width=1)
            for face, corner in zip(image, corners, strict=True)
        ]
        return torch.cat([torch.stack(boxed) / 255, resample_box(image / 255, theta)])


def _batch(faces: EvaluationFaces, rows: list[int]) -> FaceBatch:
    batch: FaceBatch = default_collate([faces[row] for row in rows])
    return batch


@torch.no_grad()
def _theta(method: LightningModule, image: Tensor) -> Tensor:
    """The boxes of pictures (N, 3, H, W) uint8, (N, 4)."""
    found: Tensor = method(normalise(image.to(method.device)))[1]
    return found.float()


def _shifted(image: Tensor, rows: int) -> Tensor:
    """(3, H, W) moved down by some rows; the first or last row fills the gap."""
    height = image.shape[1]
    return image[:, (torch.arange(height) - rows).clamp(0, height - 1)]
