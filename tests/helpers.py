"""Small parts that tests name in YAML."""

import os
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, Trainer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from data_modules import GeneratedFaces
from maskrec.masking import DE


class SlowSteps(Callback):
    """Waits SECONDS_A_STEP before each step, so that a kill can come in the midst of an epoch."""

    def on_train_batch_start(self, *args: Any) -> None:
        time.sleep(float(os.environ.get("SECONDS_A_STEP", "0")))


def bare_trainer(folder: Path, **changes: Any) -> Trainer:
    """A trainer for one epoch on the CPU that writes nothing."""
    options: dict[str, Any] = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "num_sanity_val_steps": 0,
        "default_root_dir": folder,
    }
    return Trainer(**(options | changes))


def freeze_batch_norm(network: nn.Module) -> None:
    """Keep the statistics, which would differ between one process and two."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def tiny_faces(**changes: Any) -> GeneratedFaces:
    """A few small generated faces, 9 batches of 8 of them to train on."""
    sizes = {"identities": 12, "images": 6, "val_identities": 6, "test_identities": 6, "test_images": 4, "pairs": 20}
    options = {"image_size": (32, 32), "batch_size": 8, "num_workers": 0, "val_masking": DE(), "test_masking": DE()}
    return GeneratedFaces(**(sizes | options | changes))
