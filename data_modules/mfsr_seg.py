"""MFSR-SEG: masked faces with labelled masks (Geng et al., ACM MM 2020, §3)."""

from typing import Any

from maskrec.data import MaskSegmentation


class MFSRSEG(MaskSegmentation):
    """9,742 masked faces. No layout was published: labels are 0 but for the mask.

    Args:
        root: Holds `images/<name>.jpg` and `labels/<name>.png`.
        **kwargs: As for `MaskSegmentation`.
    """

    def __init__(self, root: str, **kwargs: Any) -> None:
        super().__init__(root, **kwargs)
