"""One picture of all masks: a row a kind or style, a column a face."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from maskrec.masking.base import Face, Image, MaskTransform
from maskrec.masking.mg import MG

MARGIN = 4  # pixels
LABEL_WIDTH = 150
INK, PAPER = (40, 40, 40), 255


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
    rows = {**kinds, **{name: MG(styles=(name,)) for name in styles}}
    height, width = faces[0][0].shape[:2]
    half = -(-len(rows) // 2)
    column_width = LABEL_WIDTH + len(faces) * (width + MARGIN)
    sheet = np.full((MARGIN + half * (height + MARGIN), 2 * column_width, 3), PAPER, dtype=np.uint8)
    for row, (name, kind) in enumerate(rows.items()):
        top, start = MARGIN + row % half * (height + MARGIN), row // half * column_width
        place = (start + MARGIN, top + height // 2)
        cv2.putText(sheet, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
        for column, (image, landmarks) in enumerate(faces):
            left = start + LABEL_WIDTH + column * (width + MARGIN)
            parameters = kind.sample(np.random.default_rng((seed, row, column)))
            sheet[top : top + height, left : left + width] = kind.render(image, landmarks, parameters)[0]
    return sheet
