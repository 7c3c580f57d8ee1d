"""MAN: stacked members against as many trained one after another, the exchange; records against plain JPEG files."""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import torch

from bench.steps import say, seconds
from maskrec.data import record_faces
from maskrec.data.generated import draw_face
from maskrec.data.images import read_image
from maskrec.data.records import FRAME, HEADER, MAGIC
from maskrec.losses import ArcFace
from maskrec.memory import keep_freed_memory
from maskrec.methods import MAN, FaceClassifier
from maskrec.types import FaceBatch

MEMBERS, FACES, SIZE, IDENTITIES = 4, 32, 48, 2_825
STEPS, ROUNDS = 2, 15
EPOCH = 300  # steps of a small epoch
PICTURES, READ_ROUNDS = 1_000, 9


def stepping(model: MAN | FaceClassifier, batches: list[FaceBatch]) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    model.log = lambda *_args, **_options: None  # type: ignore[method-assign]

    def steps() -> None:
        for batch in batches:
            loss = model.training_step(batch, 0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return steps


def members() -> None:
    image = torch.rand(STEPS * FACES, 3, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    identity, row = torch.randint(IDENTITIES, (STEPS * FACES,)), torch.arange(STEPS * FACES)
    parts = zip(image.split(FACES), identity.split(FACES), row.split(FACES), strict=True)
    batches = [FaceBatch(x, y, y < 0, at, torch.empty(0)) for x, y, at in parts]
    shape = {"backbone": "resnet10t", "embedding_dim": 256, "num_identities": IDENTITIES, "input_size": (SIZE, SIZE)}
    man = MAN(**shape, population=MEMBERS)  # type: ignore[arg-type]
    man.members.use(man.search.drawn)
    stacked = stepping(man, batches)
    alone = [
        stepping(FaceClassifier(**shape, loss=ArcFace(0.25)), batches)  # type: ignore[arg-type]
        for _ in range(MEMBERS)
    ]
    times = []
    for _ in range(ROUNDS + 1):
        together = seconds(stacked)
        times.append((together, sum(seconds(one) for one in alone)))  # in turns, so that a slow minute slows both
    ratios = sorted(one / other for one, other in times[1:])
    say(f"{MEMBERS} members stacked / one after another, ResNet-10 at {SIZE}x{SIZE}, {FACES} faces", ratios, 1.05)
    step = statistics.median(together for together, _ in times[1:]) / STEPS
    exchange = statistics.median(seconds(lambda: man.members.copy_to_all(1)) for _ in range(ROUNDS))
    print(f"exchange / epoch of {EPOCH} steps: {100 * exchange / (EPOCH * step):.3f} % (aim < 1 %)")


def write_records(files: list[Path], target: Path) -> None:
    offsets = []
    with target.open("wb") as out:
        for number, file in enumerate(files):
            offsets.append(out.tell())
            content = HEADER.pack(0, float(number // 10), number, 0) + file.read_bytes()
            out.write(FRAME.pack(MAGIC, len(content)) + content + bytes(-len(content) % 4))
    target.with_suffix(".idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in enumerate(offsets)))


def records() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number // 10:04}", f"{number % 10}.jpg") for number in range(PICTURES)]
        encoded = [
            cv2.imencode(".jpg", draw_face(1, number // 10, number % 10)[0])[1].tobytes() for number in range(100)
        ]
        for number, file in enumerate(files):
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(encoded[number % 100])
        write_records(files, Path(folder, "train.rec"))
        plain, packed = [str(file) for file in files], record_faces(Path(folder, "train.rec"))[0]

        def reading(paths: list[str]) -> Callable[[], None]:
            return lambda: [read_image(path) for path in paths].clear()

        times = [(seconds(reading(plain)), seconds(reading(packed))) for _ in range(READ_ROUNDS + 1)]
    say("images/s from records / from JPEG files", sorted(files / rec for files, rec in times[1:]), 1.0)
    rate = PICTURES / statistics.median(rec for _, rec in times[1:])
    print(f"records: {rate:,.0f} images/s in one process")


def main() -> None:
    keep_freed_memory()
    torch.manual_seed(0)
    members()
    records()
