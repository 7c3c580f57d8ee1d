"""Every kind of mask on an aligned face, one thread, landmarks given; against a mask warped triangle by triangle."""

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from maskrec.data.generated import draw_face
from maskrec.masking import DE, KPCVX, KPSYN, MG, NIST, Black, Eye, MANMask, MaskTransform
from maskrec.masking.base import Image, Points
from maskrec.masking.styles import choose
from maskrec.masking.warp import anchors_on, delaunay, with_rim

FACES, ROUNDS = 16, 40
REFERENCE_TRIANGLES = 27

KINDS: dict[str, MaskTransform] = {
    "MG": MG(),
    "MG, flat": MG(shading=False),
    "KPSYN": KPSYN(),
    "MANMask": MANMask(p=1),
    "NIST": NIST(),
    "KPCVX": KPCVX(),
    "Black": Black(),
    "DE": DE(),
    "Eye": Eye(),
}


def triangle_by_triangle(image: Image, source: Points, target: Points, triangles: np.ndarray, picture: Image) -> Image:
    """The plain way: for each triangle a warp of its bounding box, and a blend."""
    masked = image.copy()
    frame = (0, 0, image.shape[1], image.shape[0])
    for corners in triangles:
        x, y, width, height = (max(part, 0) for part in cv2.boundingRect(target[corners]))
        right, bottom = min(x + width, frame[2]), min(y + height, frame[3])
        if right <= x or bottom <= y:
            continue
        place = target[corners] - np.float32((x, y))
        affine = cv2.getAffineTransform(source[corners], place)
        warped = cv2.warpAffine(picture, affine, (right - x, bottom - y), borderMode=cv2.BORDER_REPLICATE)
        inside = np.zeros((bottom - y, right - x), dtype=np.uint8)
        cv2.fillConvexPoly(inside, np.rint(place).astype(np.int32), 255)
        cv2.copyTo(warped, inside, masked[y:bottom, x:right])
    return masked


def main() -> None:
    cv2.setNumThreads(1)
    faces = [draw_face(0, number, 0) for number in range(FACES)]
    faces = [(image, landmarks.astype(np.float32)) for image, landmarks in faces]
    style = choose("surgical_blue")
    source = with_rim(style.anchors)
    triangles = delaunay(source)[:REFERENCE_TRIANGLES]

    def reference(image: Image, landmarks: Points) -> object:
        return triangle_by_triangle(image, source, with_rim(anchors_on(landmarks)), triangles, style.paints)

    def warp(image: Image, landmarks: Points) -> object:
        target = with_rim(anchors_on(landmarks))
        mapped = style.mesh.map_to(target, style.mesh.box(target, image.shape))
        return cv2.remap(style.paints, mapped, None, cv2.INTER_LINEAR)

    def drawing(kind: MaskTransform) -> Callable[[Image, Points], object]:
        rng = np.random.default_rng(0)
        drawn = iter([kind.sample(rng) for _ in range((ROUNDS + 1) * FACES)])
        return lambda image, landmarks: kind.render(image, landmarks, next(drawn))

    works = {"plain warp": reference, "warp alone": warp, **{name: drawing(kind) for name, kind in KINDS.items()}}
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):
        for name, work in works.items():  # in turns, so that a slow minute slows all of them
            for image, landmarks in faces:
                start = time.perf_counter()
                work(image, landmarks)
                if turn:  # the first draws the styles
                    times[name].append(time.perf_counter() - start)
    plain = statistics.median(times["plain warp"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:12s} {1e3 * median:6.3f} ms   x {median / plain:.2f} of the plain warp")
