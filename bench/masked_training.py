"""What masks on half of the faces cost: a training step of IR-18 with its batch, and the loading of a batch alone."""

import statistics
import tempfile
import time
import warnings
from pathlib import Path

import torch

from data_modules import FaceFolder
from maskrec.data.detection import detect_landmarks
from maskrec.data.generated import generate_faces
from maskrec.losses import ArcFace
from maskrec.masking import MG
from maskrec.memory import keep_freed_memory
from maskrec.methods import FaceClassifier

IDENTITIES, IMAGES, BATCH = 32, 8, 32
ROUNDS, WARM_UP = 12, 2


def main() -> None:
    warnings.simplefilter("ignore")
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "faces"
        generate_faces(root, IDENTITIES, IMAGES, 0)
        detect_landmarks(root)
        # No loader processes: what they would hide behind the step is counted.
        options = {"held_out": 0.0, "batch_size": BATCH, "num_workers": 0}
        data = {
            "plain": FaceFolder(str(root), **options),
            "masked": FaceFolder(str(root), masking=MG(p=0.5), **options),
        }
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = FaceClassifier("iresnet18", 512, IDENTITIES, ArcFace(), input_size=(112, 112)).to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        loading: dict[str, list[float]] = {name: [] for name in data}
        training: dict[str, list[float]] = {name: [] for name in data}
        for turn in range(ROUNDS):
            for name, module in data.items():  # in turns, so that a slow minute slows both
                loader = iter(module.train_dataloader())
                start = time.perf_counter()
                batch = next(loader)
                loaded = time.perf_counter()
                batch = module.on_after_batch_transfer(batch._replace(image=batch.image.to(device)), 0)
                loss = model.head(model.backbone(batch.image), batch.identity.to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()
                if turn >= WARM_UP:
                    loading[name].append(loaded - start)
                    training[name].append(time.perf_counter() - start)
    for what, seconds in {"loader alone": loading, "IR-18 training": training}.items():
        plain, masked = (BATCH / statistics.median(seconds[name]) for name in data)
        print(f"{what:15s} {plain:7.1f} faces/s, with masks on half {masked:7.1f}: {masked / plain:.3f} of it")
    print("(aim: 0.95 of the training's throughput)")
