"""`maskrec realism`: how close masks come to real ones, and what they leave of a face, without training on them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from maskrec.backbones import Backbone
from maskrec.data.detection import face_mesh
from maskrec.data.halves import Half, pictures_below
from maskrec.data.images import fit_image, normalise, read_image, to_tensor, write_png
from maskrec.data.landmarks import landmarks_for
from maskrec.data.masked_copy import NO_LANDMARKS
from maskrec.errors import UserError
from maskrec.masking.base import Image, MaskTransform, Region
from maskrec.masking.gallery import sheet
from maskrec.networks import FEWEST, UNet
from maskrec.processes import in_silence, process_pool
from maskrec.progress import track

CHUNK = 16  # pictures a process takes at a time
SHOWN, SHOWN_SIZE = 8, (112, 112)  # faces of each kind in the picture
COLUMNS = ("face kept", "S finds", "FaceMesh lost", "Fréchet", "colours")
NAMED = 24  # characters of a kind's name, at least


class Realism(nn.Module):
    """Measures sets of faces by a recogniser and a segmenter that had no part in drawing their masks.

    Args:
        recogniser: Its features, (B, D), are what faces are compared by.
        segmenter: S.
    """

    def __init__(self, recogniser: Backbone, segmenter: UNet) -> None:
        super().__init__()
        self.recogniser = recogniser.eval()
        self.segmenter = segmenter.eval()

    @torch.inference_mode()
    def features(self, images: Sequence[Image]) -> Tensor:
        """(N, H, W, 3) to (N, D)."""
        size = self.recogniser.input_size
        fitted = torch.stack([to_tensor(fit_image(image, size)) for image in images])
        return torch.cat([self.recogniser(normalise(part)).float() for part in fitted.split(32)])

    @torch.inference_mode()
    def regions(self, images: Sequence[Image]) -> list[Region]:
        """Where S finds masks."""
        return [(self.segmenter(normalise(to_tensor(image)[None]))[0] > 0).numpy() for image in images]

    def kept(self, full: Sequence[Image], masked: Sequence[Image], regions: Sequence[Region]) -> float:
        """Mean cosine of the features of each face without and with its mask, the mask's region black in both."""
        shown = zip(full, masked, regions, strict=True)
        pairs = [(np.where(r[..., None], 0, f), np.where(r[..., None], 0, m)) for f, m, r in shown]
        before, after = (self.features([pair[side] for pair in pairs]) for side in range(2))
        return float(torch.cosine_similarity(before, after).mean())

    def distance(self, masked: Sequence[Image], real: Tensor) -> float:
        """Fréchet distance of the features of masked faces to those of real ones, (M, D)."""
        metric = FrechetInceptionDistance(Given(real.shape[1]))
        metric.update(real, real=True)
        metric.update(self.features(masked), real=False)
        return float(metric.compute())


class Given(nn.Identity):
    """What is given are features already.

    Args:
        num_features: D.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def colour_spread(images: Sequence[Image], regions: Sequence[Region]) -> float:
    """Root mean squared distance of the masks' mean colours from their mean, in levels; 0 where there are no masks."""
    shown = [(image, region) for image, region in zip(images, regions, strict=True) if region.any()]
    colours = np.array([image[region].mean(axis=0) for image, region in shown])
    return float(np.sqrt(((colours - colours.mean(axis=0)) ** 2).sum(axis=1).mean())) if len(colours) else 0.0


def compare_masks(
    kinds: dict[str, MaskTransform],
    full: Path,
    masked: Path,
    realism: Realism,
    faces: int = 500,
    half: Half | None = None,
    seed: int = 0,
    picture: Path | None = None,
) -> Iterator[str]:
    """A line for real masked faces, and one for each kind of mask on full faces.

    Args:
        kinds: By the name to be printed.
        full: A folder of faces without masks; with landmarks where a kind needs them.
        masked: A folder of faces with real masks.
        realism: What they are measured by.
        faces: How many of each, evenly out of the folders.
        half: One half of the folders directly below `masked` alone.
        seed: Of the masks.
        picture: A .png that shows all kinds on the same faces, one under the other (Geng et al., Figs. 6 and 7).

    Raises:
        UserError: A folder has too few pictures, or no landmarks, or a picture is broken, or cannot be written.
    """
    real = [read_image(path) for path in _some(masked, faces, half)]
    paths = _some(full, faces, None)
    landmarks = landmarks_for([*kinds.values()], full, paths)
    originals = [read_image(path) for path in paths]
    shown = {"real masks": _shown(real), "without": _shown(originals)}
    if picture is not None:
        write_png(picture, sheet(shown))
    named = max([NAMED, *map(len, kinds)])
    yield _line("kind".ljust(named), COLUMNS)
    regions, features = realism.regions(real), realism.features(real)
    yield _line(f"real ({len(real)})".ljust(named), _numbers(None, regions, _lost(real), None, real))
    was_lost = _lost(originals)
    for name, kind in kinds.items():
        drawn = []
        for row, image in enumerate(track(originals, name)):
            points = NO_LANDMARKS if landmarks is None else landmarks.of(row, image.shape)
            drawn.append(kind.render(image, points, kind.sample(np.random.default_rng((seed, row)))))
        images, own = [image for image, _ in drawn], [region for _, region in drawn]
        shown[name] = _shown(images)
        if picture is not None:
            write_png(picture, sheet(shown))
        lost = _lost([image for image, was in zip(images, was_lost, strict=True) if not was])
        kept, distance = realism.kept(originals, images, own), realism.distance(images, features)
        numbers = _numbers(kept, realism.regions(images), lost, distance, images, own)
        yield _line(name.ljust(named), numbers)


def _shown(images: Sequence[Image]) -> list[Image]:
    rows = np.linspace(0, len(images) - 1, min(SHOWN, len(images))).round().astype(int)
    return [fit_image(images[row], SHOWN_SIZE) for row in rows]


def _lost(images: Sequence[Image]) -> list[bool]:
    """Whether FaceMesh finds no face; in processes of its own, for none may be forked off one that has run it."""
    with process_pool(None, in_silence) as pool:
        return list(pool.map(_is_lost, images, chunksize=CHUNK))


def _is_lost(image: Image) -> bool:
    return face_mesh().detect(image) is None


def _some(folder: Path, count: int, half: Half | None) -> list[str]:
    paths = pictures_below(folder, half)
    if len(paths) < 2:
        raise UserError(f"data root {folder}: expected 2 pictures at least, there is one")
    rows = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[row] for row in rows]


def _numbers(
    kept: float | None,
    found: Sequence[Region],
    lost: Sequence[bool],
    distance: float | None,
    images: Sequence[Image],
    own: Sequence[Region] | None = None,
) -> tuple[str, ...]:
    return (
        "-" if kept is None else f"{kept:.3f}",
        f"{np.mean([region.mean() > FEWEST for region in found]):.1%}",
        f"{np.mean(lost):.1%}",
        "-" if distance is None else f"{distance:.1f}",
        f"{colour_spread(images, found if own is None else own):.1f}",
    )


def _line(name: str, cells: Sequence[str]) -> str:
    return name + "".join(cell.rjust(len(column) + 2) for cell, column in zip(cells, COLUMNS, strict=True))
