"""Small parts that tests name in YAML."""

import os
import time
from typing import Any

from pytorch_lightning import Callback


class SlowSteps(Callback):
    """Waits SECONDS_A_STEP before each step, so that a kill can come in the midst of an epoch."""

    def on_train_batch_start(self, *args: Any) -> None:
        time.sleep(float(os.environ.get("SECONDS_A_STEP", "0")))
