"""MFV and MFI: masked faces for verification and for identification (Ding et al., ACM MM 2020, §3.2).

Their layout on disk was not published: full faces go into `unmasked`, masked ones into `masked`.
"""

from typing import Any

from data_modules.masked_unmasked import MaskedUnmasked


class MFV(MaskedUnmasked):
    """400 pictures of 200 identities: 200 genuine and 200 impostor pairs of a full and a masked face.

    Args:
        root: Holds `masked/<identity>/<image>` and `unmasked/<identity>/<image>`.
        pairs: Genuine pairs, and as many impostor pairs, where no `pair_list` is given.
        name: Short name, as in log keys.
        **kwargs: As for `MaskedUnmasked`.
    """

    def __init__(self, root: str, pairs: int = 200, name: str = "mfv", **kwargs: Any) -> None:
        super().__init__(root, pairs, name=name, **kwargs)


class MFI(MaskedUnmasked):
    """669 identities: 2,211 masked faces searched for among 2,705 full ones, and 1,200 pairs.

    Args:
        root: Holds `masked/<identity>/<image>` and `unmasked/<identity>/<image>`.
        pairs: Genuine pairs, and as many impostor pairs, where no `pair_list` is given.
        name: Short name, as in log keys.
        **kwargs: As for `MaskedUnmasked`.
    """

    def __init__(self, root: str, pairs: int = 600, name: str = "mfi", **kwargs: Any) -> None:
        super().__init__(root, pairs, name=name, **kwargs)
