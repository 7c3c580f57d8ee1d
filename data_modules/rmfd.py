"""RMFD's real part, RMFRD: real-world masked faces (Wang et al., 2020)."""

from typing import Any

from data_modules.masked_unmasked import MaskedUnmasked


class RMFD(MaskedUnmasked):
    """Celebrities with and without masks, in two folders; no pair list was published, so pairs are drawn.

    Args:
        root: Holds `AFDB_masked_face_dataset/<name>/<image>` and `AFDB_face_dataset/<name>/<image>`.
        pairs: Genuine pairs of each comparison, and as many impostor pairs: Huang et al. have 4,586 in all.
        name: Short name, as in log keys.
        **kwargs: As for `MaskedUnmasked`.
    """

    def __init__(self, root: str, pairs: int = 2293, name: str = "rmfd", **kwargs: Any) -> None:
        super().__init__(
            root,
            pairs,
            name=name,
            masked="AFDB_masked_face_dataset",
            unmasked="AFDB_face_dataset",
            **kwargs,
        )
