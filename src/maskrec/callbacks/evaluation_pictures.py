"""Pictures of what a test found."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import Dataset, default_collate
from torchvision.utils import make_grid, save_image

from maskrec.callbacks.pictures import log_picture
from maskrec.callbacks.saliency import grad_cam, guided_backprop
from maskrec.data.images import normalise
from maskrec.evaluation import Evaluation, Identification, Verification
from maskrec.types import FaceBatch

FRAME = 5  # pixels around a face
GAP = 3  # pixels between faces
GREY, GREEN, RED = (0.45, 0.45, 0.45), (0.1, 0.75, 0.25), (0.85, 0.1, 0.1)


class EvaluationPictures(Callback):
    """Shows for each test set the ten best of some searches, and what the similarity of a pair depends on.

    A module that is tested on other data, as one that draws masks, is left alone. A picture that cannot be drawn is
    left out with a warning: the numbers of a test never wait for it.

    Args:
        dirpath: Folder of the pictures.
        searches: Probes of each identification, at even steps.
    """

    def __init__(self, dirpath: str, searches: int = 8) -> None:
        self.dirpath = Path(dirpath)
        self.searches = searches

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read a few faces again and draw; in one process."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        if not trainer.is_global_zero or trainer.fast_dev_run or not hasattr(data, "evaluation_sets"):  # type: ignore[attr-defined]
            return
        self.dirpath.mkdir(parents=True, exist_ok=True)
        for faces in data.evaluation_sets("test"):
            evaluation, images = faces.evaluation(), faces.faces(data.image_size)
            try:
                self._show_saliency(trainer, pl_module, evaluation, images)
                self._show_searches(trainer, pl_module, evaluation, images)
            except Exception as error:
                warnings.warn(f"{evaluation.name}: not all pictures could be drawn: {error}", stacklevel=2)

    def _show_saliency(self, trainer: Trainer, method: Any, evaluation: Evaluation, images: Dataset[FaceBatch]) -> None:
        """One genuine pair of each comparison of listed pairs."""
        columns: list[tuple[str, Tensor, Tensor, Tensor]] = []
        for comparison, protocol in evaluation.protocols.items():
            if not isinstance(protocol, Verification) or not protocol.is_genuine.any():
                continue
            at = int(protocol.is_genuine.nonzero()[0])
            rows = [int(protocol.reference[at]), int(protocol.probe[at])]
            read = default_collate([images[row] for row in rows])
            faces = FaceBatch(*(values.to(method.device) for values in read))
            pair, similarity = normalise(faces.image), partial(_similarity, method, faces)
            with trainer.precision_plugin.forward_context():
                with torch.no_grad():
                    title = f"{comparison}\nsimilarity {float(similarity(pair)):.3f}"
                guided, cam = (explain(method, similarity, pair) for explain in (guided_backprop, grad_cam))
            columns.append((title, (pair.float().cpu() + 1) / 2, guided.float().cpu(), cam.cpu()))
        if columns:
            file = self.dirpath / f"{evaluation.name}_saliency.png"
            saliency_figure(columns).savefig(file, dpi=130)
            log_picture(trainer.loggers, file)

    def _show_searches(self, trainer: Trainer, method: Any, evaluation: Evaluation, images: Dataset[FaceBatch]) -> None:
        """Each probe with the gallery's ten best."""
        for comparison, protocol in evaluation.protocols.items():
            found = method.results.get(f"{evaluation.name}/{comparison}")
            if not isinstance(protocol, Identification) or found is None:
                continue
            probes, best = found.arrays["top_probe"], found.arrays["top"]
            shown = np.unique(np.linspace(0, len(probes) - 1, self.searches).round().astype(int))
            file = self.dirpath / f"{evaluation.name}_{comparison}_best.png"
            save_image(search_rows(images, probes[shown], best[shown], protocol.identity.numpy()), file)
            log_picture(trainer.loggers, file)


def _similarity(method: Any, faces: FaceBatch, pair: Tensor) -> Tensor:
    """(1,), of two faces in pictures of them, (2, 3, H, W), that a gradient may be asked of."""
    embedding = method.embed_labelled(faces._replace(image=pair))
    first, second = (tree_map(lambda leaf, i=i: leaf[i : i + 1], embedding) for i in range(2))
    score: Tensor = method.pairwise_similarity(first, second)
    return score


def search_rows(
    images: Dataset[FaceBatch],
    probes: npt.NDArray[np.int64],
    best: npt.NDArray[np.int64],
    identity: npt.NDArray[np.int64],
) -> Tensor:
    """A picture, (3, H, W) in [0, 1]: a probe a row, framed grey, then its best, framed green if right, else red.

    Args:
        images: The faces by row.
        probes: (P,) rows.
        best: (P, K) rows, the best first.
        identity: (num_faces,) label of every row.
    """
    tiles = []
    for probe, found in zip(probes, best, strict=True):
        tiles.append(_framed(images[int(probe)].image, GREY))
        for row in found:
            tiles.append(_framed(images[int(row)].image, GREEN if identity[row] == identity[probe] else RED))
    picture: Tensor = make_grid(tiles, nrow=1 + best.shape[1], padding=GAP, pad_value=1)
    return picture


def _framed(image: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """(3, H, W) uint8 with a frame, in [0, 1]."""
    height, width = image.shape[-2:]
    tile = torch.tensor(colour).view(3, 1, 1).repeat(1, height + 2 * FRAME, width + 2 * FRAME)
    tile[:, FRAME:-FRAME, FRAME:-FRAME] = image / 255
    return tile


def saliency_figure(columns: list[tuple[str, Tensor, Tensor, Tensor]]) -> Figure:
    """Pairs side by side: the faces, below them guided back-propagation and Grad-CAM.

    Args:
        columns: Title, faces (2, 3, H, W) in [0, 1], gradients (2, 3, H, W) and maps (2, H, W) in [0, 1] of each pair.
    """
    figure = Figure(figsize=(2.8 * len(columns) + 0.4, 4.6), layout="constrained")
    for part, (title, faces, guided, cam) in zip(
        figure.subfigures(1, len(columns), squeeze=False)[0], columns, strict=True
    ):
        part.suptitle(title, fontsize=9)
        axes = part.subplots(3, 2)
        for axis in axes.flat:
            axis.set_axis_off()
        for i in range(2):
            face = faces[i].permute(1, 2, 0).numpy()
            strength = guided[i].abs().amax(dim=0).numpy()
            axes[0, i].imshow(face)
            axes[1, i].imshow(strength, cmap="gray_r", vmin=0, vmax=max(np.quantile(strength, 0.995), 1e-12))
            axes[2, i].imshow(face.mean(axis=2), cmap="gray")
            axes[2, i].imshow(cam[i].numpy(), cmap="inferno", alpha=0.55, vmin=0, vmax=1)
    return figure
