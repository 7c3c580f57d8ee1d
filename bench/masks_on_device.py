"""MG in batches, on a GPU where there is one, against MG face by face on one thread."""

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from maskrec.data.generated import draw_face
from maskrec.masking import MG
from maskrec.masking.on_device import BatchedMG, encode
from maskrec.memory import keep_freed_memory

FACES, DIFFERENT, ROUNDS = 512, 32, 7
AIM = 20_000  # faces/s on a GPU


def rate(work: Callable[[], object], device: torch.device) -> float:
    """Faces/s."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return FACES / (time.perf_counter() - start)


def main() -> None:
    cv2.setNumThreads(1)
    keep_freed_memory()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mg = MG()
    rng = np.random.default_rng(0)
    drawn = [draw_face(0, number, 0) for number in range(DIFFERENT)] * (FACES // DIFFERENT)
    faces = [(image, landmarks.astype(np.float32)) for image, landmarks in drawn]
    parameters = [mg.sample(rng) for _ in faces]
    images = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image, _ in faces])).to(device)
    landmarks = torch.from_numpy(np.stack([landmarks for _, landmarks in faces])).to(device)
    rows = torch.from_numpy(np.stack([encode(row, mg.styles) for row in parameters])).to(device)
    batched = BatchedMG(mg).to(device)

    def face_by_face() -> None:
        for (image, landmarks), row in zip(faces, parameters, strict=True):
            mg.render(image, landmarks, row)

    rates: dict[str, list[float]] = {"one by one": [], "in batches": []}
    for turn in range(ROUNDS + 1):
        for name, work in (("one by one", face_by_face), ("in batches", lambda: batched(images, landmarks, rows))):
            measured = rate(work, device)
            if turn:  # the first warms up
                rates[name].append(measured)
    one, many = (statistics.median(measured) for measured in rates.values())
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"one by one, one thread   {one:10,.0f} faces/s")
    print(f"in batches of {FACES}, {name}   {many:10,.0f} faces/s   x {many / one:.2f}")
    print(f"aim on a GPU: {AIM:,} faces/s" + ("" if device.type == "cuda" else "; there is none here: not measured"))
