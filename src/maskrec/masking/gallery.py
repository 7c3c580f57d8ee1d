"""Pictures of masks: a row a kind or style, a column a face."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from maskrec.masking.base import Face, Image, MaskTransform
from maskrec.masking.mg import MG

MARGIN = 4  # pixels
LABEL_WIDTH = 150  # at least
INK, PAPER = (40, 40, 40), 255
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45


def gallery(
    kinds: Mapping[str, MaskTransform],
    styles: Sequence[str],
    faces: Sequence[Face],
    seed: int = 0,
) -> Image:
    """Draw every kind, then MG in every style, on every face.

    Args:
        kinds: By the name to be written beside them.
        styles: Names of styles.
        faces: All of one size, left and right of their landmarks as in the layout.
        seed: Of the masks.

    Returns:
        A picture of a row for each kind and style, in two columns.
    """
    maskings = [*kinds.items(), *((name, MG(styles=(name,))) for name in styles)]
    rows: dict[str, list[Image]] = {}
    for row, (name, kind) in enumerate(maskings):
        draws = [kind.sample(np.random.default_rng((seed, row, column))) for column in range(len(faces))]
        rows[name] = [kind.render(*face, draw)[0] for face, draw in zip(faces, draws, strict=True)]
    return sheet(rows, columns=2)


def sheet(rows: Mapping[str, Sequence[Image]], columns: int = 1) -> Image:
    """Rows of pictures under each other, their names beside them.

    Args:
        rows: Pictures of one size.
        columns: In how many the rows are laid, one after the other.
    """
    label_width = max(LABEL_WIDTH, *(cv2.getTextSize(name, FONT, FONT_SCALE, 1)[0][0] + 2 * MARGIN for name in rows))
    height, width = next(iter(rows.values()))[0].shape[:2]
    deep = -(-len(rows) // columns)
    column_width = label_width + max(map(len, rows.values())) * (width + MARGIN)
    paper = np.full((MARGIN + deep * (height + MARGIN), columns * column_width, 3), PAPER, dtype=np.uint8)
    for row, (name, images) in enumerate(rows.items()):
        top, start = MARGIN + row % deep * (height + MARGIN), row // deep * column_width
        cv2.putText(paper, name, (start + MARGIN, top + height // 2), FONT, FONT_SCALE, INK, 1, cv2.LINE_AA)
        for column, image in enumerate(images):
            left = start + label_width + column * (width + MARGIN)
            paper[top : top + height, left : left + width] = image
    return paper
