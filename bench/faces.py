"""Drawing generated faces, in one process: faces a second, and against decoding what was drawn."""

import time

import cv2
import numpy as np

from maskrec.data.generated import draw_face
from maskrec.memory import keep_freed_memory

IDENTITIES, IMAGES, ROUNDS = 5, 24, 5


def main() -> None:
    keep_freed_memory()
    draw_face(0, 0, 0)  # the model is built once
    drawing, decoding = [], []
    for start in range(0, ROUNDS * IDENTITIES, IDENTITIES):
        begin = time.perf_counter()
        faces = [draw_face(1, start + row, image)[0] for row in range(IDENTITIES) for image in range(IMAGES)]
        files = [cv2.imencode(".jpg", face)[1] for face in faces]
        drawn = time.perf_counter()
        for file in files:
            cv2.imdecode(file, cv2.IMREAD_COLOR)
        decoding.append(time.perf_counter() - drawn)
        drawing.append(drawn - begin)
    rate = IDENTITIES * IMAGES / np.array(drawing)
    print(f"drawn: median {np.median(rate):.0f} faces/s, from {rate.min():.0f} to {rate.max():.0f} (aim 100)")
    print(f"against decoding: x {np.median(np.array(drawing) / np.array(decoding)):.0f}")
