"""LFW, Labeled Faces in the Wild (Huang et al., 2007), with masks put on."""

from pathlib import Path

from maskrec.data import MaskedPairs, read_lfw_pairs
from maskrec.masking import MaskTransform


class LFW(MaskedPairs):
    """LFW's 6,000 pairs in 10 folds, in the three comparisons.

    Args:
        root: Aligned pictures, `<root>/<Name>/<Name>_0001.jpg`, and the official list, `<root>/pairs.txt`.
        masking: How faces are masked; without it only `unmasked_unmasked` is run.
        name: Short name, as in log keys.
    """

    def __init__(self, root: str, masking: MaskTransform | None = None, name: str = "lfw") -> None:
        super().__init__(name, read_lfw_pairs(Path(root) / "pairs.txt", root), Path(root), masking)
