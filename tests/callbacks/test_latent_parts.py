"""The boxes of LPD, drawn and measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import bare_trainer, tiny_faces
from PIL import Image
from torch import Tensor

from maskrec.callbacks import LatentParts
from maskrec.masking import DE, MG
from maskrec.methods import LPD


class FollowsRows(LPD):
    """Its box ends where the picture's brightest row lies: found or not, a shift moves it by as much."""

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor | None]:
        features, _ = super().forward(images)
        marked = images.mean(dim=(1, 3))
        bottom = (marked.argmax(dim=1) + 0.5) / images.shape[2]
        nothing = torch.zeros_like(bottom)
        return features, torch.stack([nothing + 0.5, nothing + 0.25, bottom, nothing], dim=1)


def validate(folder: Path, method: type[LPD] = LPD, masking: Any = None, **options: Any) -> dict[str, float]:
    torch.manual_seed(0)
    model = method("resnet10t", num_identities=12, input_size=(32, 32), **options)
    trainer = bare_trainer(folder, callbacks=[LatentParts(str(folder / "pictures"), faces=4, measured=12)])
    trainer.validate(model, datamodule=tiny_faces(landmarks=True, val_masking=masking), verbose=False)
    return {key.rpartition("/")[2]: float(value) for key, value in trainer.callback_metrics.items() if "latent" in key}


def test_boxes_are_drawn_and_their_mean_is_logged(tmp_path: Path) -> None:
    logged = validate(tmp_path, masking=MG())
    assert logged["left"] == pytest.approx(0, abs=0.05)
    assert logged["bottom"] == pytest.approx(0.9, abs=0.05)  # where training starts
    assert -1 <= logged["nose_correlation"] <= 1
    (file,) = (tmp_path / "pictures").iterdir()
    with Image.open(file) as picture:
        drawn = np.asarray(picture).astype(int)
    assert drawn.shape == (4 * 34 + 2, 4 * 34 + 2, 3)  # four faces: with their boxes and enlarged, masked ones below
    assert (np.abs(drawn - (40, 220, 80)).sum(axis=2) < 4).any()


def test_a_box_that_moves_with_the_picture_follows_the_nose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of faces whose noses are marked by a bright row the correlation is that of where the marks are."""
    from maskrec.callbacks import latent_parts

    read = latent_parts._batch

    def marked(faces: Any, rows: list[int]) -> Any:
        batch = read(faces, rows)
        image = torch.zeros_like(batch.image)
        for face, nose in zip(image, batch.landmarks[:, 27, 1].round().long(), strict=True):
            face[:, nose] = 255
        return batch._replace(image=image)

    monkeypatch.setattr(latent_parts, "_batch", marked)
    logged = validate(tmp_path, FollowsRows, MG())
    assert logged["nose_correlation"] > 0.95  # rows are whole pixels
    assert (logged["left"], logged["right"], logged["top"]) == pytest.approx((0.25, 0.75, 0))


@pytest.mark.parametrize(
    ("options", "masking", "expected"),
    [
        ({"partial": False}, MG(), set()),
        ({}, DE(), {"left", "top", "right", "bottom"}),  # no landmarks, so no nose
        ({}, None, set()),
    ],
)
def test_what_cannot_be_measured_is_left_out(
    options: dict[str, Any], masking: Any, expected: set[str], tmp_path: Path
) -> None:
    assert set(validate(tmp_path, masking=masking, **options)) == expected
    assert (tmp_path / "pictures").exists() == options.get("partial", True)
