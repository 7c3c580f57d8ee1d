"""Any folder of masked faces beside one of unmasked faces of the same identities."""

from pathlib import Path
from typing import Any

from maskrec.data import Half, RealMasks, by_comparison, drawn_lists, list_identities, read_pairs


class MaskedUnmasked(RealMasks):
    """`<root>/masked/<identity>/<image>` and `<root>/unmasked/<identity>/<image>`, compared in all ways.

    Args:
        root: What the two folders lie below.
        pairs: Genuine pairs drawn for each comparison, and as many impostor pairs; fixed: they are kept in the cache.
        pair_list: In place of drawn pairs, a file of lines `<reference><TAB><probe>`, or `<TAB><fold>` too, that name
            pictures below the root.
        name: Short name, as in log keys.
        half: Only one half of the identities: for a test of what learnt from the other.
        masked: Name of the folder of masked faces.
        unmasked: Name of the folder of unmasked faces.
        **kwargs: As for `RealMasks`.
    """

    def __init__(
        self,
        root: str,
        pairs: int = 3000,
        pair_list: str | None = None,
        name: str = "masked_unmasked",
        half: Half | None = None,
        masked: str = "masked",
        unmasked: str = "unmasked",
        **kwargs: Any,
    ) -> None:
        names, labels, is_masked = list_identities(Path(root), {masked: True, unmasked: False}, half)
        if pair_list is None:
            lists = drawn_lists(f"{name}-{half}" if half else name, Path(root), names, labels, is_masked, pairs)
        else:
            lists = by_comparison(read_pairs(Path(pair_list), names, labels), is_masked)
        super().__init__(name, Path(root), names, labels, is_masked, lists, **kwargs)
