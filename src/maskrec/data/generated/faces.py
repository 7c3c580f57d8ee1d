"""Numbered faces: an identity's number and a picture's number to the picture."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from maskrec.data.generated.camera import SIZE as FACE_SIZE
from maskrec.data.generated.camera import Camera
from maskrec.data.generated.head import shape
from maskrec.data.generated.identity import Identity, sample_identity
from maskrec.data.generated.plane import Picture
from maskrec.data.generated.render import Image, render
from maskrec.data.generated.skin import draw_skin
from maskrec.data.generated.view import View, sample_view

__all__ = ["FACE_SIZE", "draw_face", "face_landmarks"]

Array = npt.NDArray[np.float64]
IDENTITY, SKIN, VIEW = range(3)  # what a generator is for: each has a stream of its own


def draw_face(seed: int, identity: int, image: int) -> tuple[Image, Array]:
    """Draw a face.

    Args:
        seed: Seed of a whole population.
        identity: Number of the identity in it.
        image: Number of the picture of that identity.

    Returns:
        (112, 112, 3) RGB, and the landmarks of `masking.layout`, (96, 2) x, y in pixels, a pixel's centre at whole
        numbers; those that the head hides, or that lie outside the picture, are where they are all the same.
    """
    who, skin = _identity(seed, identity)
    return render(who, skin, _view(seed, identity, image))


def face_landmarks(seed: int, identity: int, image: int) -> Array:
    """The landmarks of `draw_face` without the picture."""
    who, view = sample_identity(_generator(seed, IDENTITY, identity)), _view(seed, identity, image)
    head = shape(who.modes, view.expression)
    camera = Camera.of(view, head.landmarks)
    return camera.picture(camera.turn(head.landmarks))


@lru_cache(maxsize=1)  # pictures are drawn identity after identity
def _identity(seed: int, identity: int) -> tuple[Identity, Picture]:
    who = sample_identity(_generator(seed, IDENTITY, identity))
    return who, draw_skin(who, _generator(seed, SKIN, identity))


def _view(seed: int, identity: int, image: int) -> View:
    return sample_view(_generator(seed, VIEW, identity, image))


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
