"""What every data module's loaders share: processes, ranks, and where a resumed epoch goes on."""

import os
from typing import Any

from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from maskrec.data.samplers import EpochBatchSampler


class LoaderModule(LightningDataModule):
    """Loaders of one rank among several.

    A resume goes on behind the last batch that was trained on, whatever the workers had prefetched.

    Args:
        num_workers: Loader processes of each rank; default: one a core, at most 8, shared by the ranks of this machine.
    """

    def __init__(self, num_workers: int | None = None) -> None:
        super().__init__()
        self.num_workers = num_workers
        self._resume: dict[str, int] = {}

    def training_loader(self, faces: Any, sampler: EpochBatchSampler, collate: Any = None) -> DataLoader[Any]:
        """Batches of a sampler, from where training stopped."""
        sampler.set_epoch(self._resume.get("epoch", 0))
        sampler.start = self._resume.get("consumed", 0)
        return DataLoader(faces, batch_sampler=sampler, collate_fn=collate, **self.worker_options())

    def worker_options(self) -> dict[str, Any]:
        """What a `DataLoader` needs to know of this machine."""
        ranks_here = int(os.environ.get("LOCAL_WORLD_SIZE", 0)) or (self.trainer.num_devices if self.trainer else 1)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = max(1, min(8, cores // ranks_here)) if self.num_workers is None else self.num_workers
        return {
            "num_workers": workers,
            "pin_memory": bool(self.trainer and self.trainer.strategy.root_device.type == "cuda"),
        }

    @property
    def rank(self) -> int:
        """This process among `world_size`."""
        return self._shares["rank"]

    @property
    def world_size(self) -> int:
        """Processes that share a global batch."""
        return self._shares["num_replicas"]

    @property
    def _shares(self) -> dict[str, int]:
        """How the strategy has faces shared out; one that knows nothing of it runs one process."""
        strategy = self.trainer.strategy if self.trainer else None
        return getattr(strategy, "distributed_sampler_kwargs", {"num_replicas": 1, "rank": 0})

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches were trained on."""
        assert self.trainer is not None
        loop = self.trainer.fit_loop
        consumed: int = loop.epoch_loop.batch_progress.current.processed  # type: ignore[attr-defined]
        is_over = consumed >= self.trainer.num_training_batches
        # `ready` counts epochs begun; `current_epoch` would already have moved on in end-of-epoch hooks.
        return {"epoch": loop.epoch_progress.current.ready - 1 + is_over, "consumed": 0 if is_over else consumed}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Remember where the next training loader starts."""
        self._resume = dict(state_dict)
