"""MFSR-REC: masked face recognition in the wild (Geng et al., ACM MM 2020, §3)."""

from typing import Any

from data_modules.masked_unmasked import MaskedUnmasked


class MFSRREC(MaskedUnmasked):
    """11,615 pictures of 1,004 identities, some in full, some masked.

    `unmasked_masked`: 10 sets of 5,000 + 5,000 pairs; `unmasked_masked_search`: 3,648 masked faces among 7,967 full
    ones. Neither its layout on disk nor its pairs were published: full faces go into `unmasked`, masked ones into
    `masked`, and pairs are drawn, none twice, so there may be fewer.

    Args:
        root: Holds `masked/<identity>/<image>` and `unmasked/<identity>/<image>`.
        pairs: Genuine pairs, and as many impostor pairs: 10 x 5,000, dealt to 10 folds.
        name: Short name, as in log keys.
        **kwargs: As for `MaskedUnmasked`.
    """

    def __init__(self, root: str, pairs: int = 50_000, name: str = "mfsr_rec", **kwargs: Any) -> None:
        super().__init__(root, pairs, name=name, **kwargs)
