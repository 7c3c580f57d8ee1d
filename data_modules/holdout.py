"""The held-out identities of any data set as a test set."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from data_modules.face_folder import FaceFolder
from maskrec.data import FaceLandmarks, MaskedPairs, PairList, drawn_list, have_both_kinds, landmarks_for
from maskrec.errors import UserError
from maskrec.masking import MaskTransform


class Holdout(MaskedPairs):
    """A fixed list of as many genuine as impostor pairs, drawn once, in the three comparisons, and the right one of 20.

    So hold Seneviratne et al. sets out, "Multi-dataset training for masked face recognition with a contrastive Siamese
    network", Sec. 3.6.

    Args:
        faces: Which identities: those it holds out; with `held_out: 1.0` all. Its `masked_copy` brings the masks.
        name: Short name, as in log keys.
        pairs: Genuine pairs, and as many impostor pairs: 1,000 in all, as the paper's public lists have.
        masking: Else, how faces are masked.

    Raises:
        UserError: There are no such pairs.
    """

    def __init__(self, faces: FaceFolder, name: str, pairs: int = 500, masking: MaskTransform | None = None) -> None:
        held_out = faces.split[1]
        names = [path.removeprefix(f"{faces.root}/") for path in held_out.paths]
        drawn = drawn_list(name, faces.root, names, held_out.labels, pairs)
        if not have_both_kinds(drawn.is_genuine):
            raise UserError(
                f"data root {faces.root}: who is held out gives no genuine and impostor pairs; hold out more, or test"
                " on another folder"
            )
        listed = PairList(drawn.reference, drawn.probe, drawn.is_genuine, drawn.fold, held_out.paths, held_out.labels)
        worn = [str(faces.masked_copy / name) for name in names] if faces.masked_copy else []
        super().__init__(name, listed, faces.root, masking, one_of_20=True, worn=worn)
        self.held_out = faces

    def folder(self) -> Path:
        """Where the aligned faces of all identities lie."""
        return self.held_out.held_out_rows().root

    @cached_property
    def _pictures(self) -> tuple[Sequence[str], FaceLandmarks | None, Sequence[str]]:
        root, paths, _, worn = self.held_out.held_out_rows()
        return paths, landmarks_for([self.masking], root, paths), worn
