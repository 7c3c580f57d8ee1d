"""Small parts that tests name in YAML."""

import os
import time
from typing import Any

from pytorch_lightning import Callback

from data_modules import GeneratedFaces
from maskrec.masking import DE


class SlowSteps(Callback):
    """Waits SECONDS_A_STEP before each step, so that a kill can come in the midst of an epoch."""

    def on_train_batch_start(self, *args: Any) -> None:
        time.sleep(float(os.environ.get("SECONDS_A_STEP", "0")))


def tiny_faces(**changes: Any) -> GeneratedFaces:
    """A few small generated faces, 9 batches of 8 of them to train on."""
    sizes = {"identities": 12, "images": 6, "val_identities": 6, "test_identities": 6, "test_images": 4, "pairs": 20}
    options = {"image_size": (32, 32), "batch_size": 8, "num_workers": 0, "val_masking": DE(), "test_masking": DE()}
    return GeneratedFaces(**(sizes | options | changes))
