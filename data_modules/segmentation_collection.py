"""Several sets of masked faces with their regions as one."""

from typing import Any

from maskrec.data import JoinedRegions, SegmentationModule
from maskrec.data.segmentation import Regions


class SegmentationCollection(SegmentationModule):
    """Trains on several sets together, and validates on what each of them holds out.

    Args:
        sets: Which faces; how they are shown is said here.
        **kwargs: As for `SegmentationModule`.
    """

    def __init__(self, sets: list[SegmentationModule], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sets = sets

    def prepare_data(self) -> None:
        """Prepare each set; Lightning calls this in one process a machine."""
        for part in self.sets:
            part.prepare_data()

    def regions(self, shown: SegmentationModule) -> tuple[Regions, Regions]:
        """Those of all sets, one after the other."""
        training, held_out = zip(*(part.regions(shown) for part in self.sets), strict=True)
        return JoinedRegions(training), JoinedRegions(held_out)
