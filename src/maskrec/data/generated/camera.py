"""Where the points of a head land in the picture of the aligned face."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskrec.data.generated.view import View
from maskrec.masking.layout import LEFT_EYE, RIGHT_EYE

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

SIZE = 112  # pixels
AXIS = np.array([0.0, 0.0, -80.0])  # mm, what the head turns around

# Where aligned faces have their eyes, nose tip and mouth corners: the five points of ArcFace's 112x112 template.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


class Camera(NamedTuple):
    """A camera that looks at a turned head, and the alignment of what it sees.

    Points in the picture are complex numbers, x + iy, so that the alignment, a similarity, is `factor * z + offset`.
    """

    rotation: Array
    """(3, 3) the head's turn."""
    distance: float
    """mm from the camera to the head's axis."""
    factor: complex = 1
    offset: complex = 0

    @classmethod
    def of(cls, view: View, landmarks: Array) -> "Camera":
        """The camera of a view, aligned to the landmarks (96, 3) of a head."""
        yaw, _ = cv2.Rodrigues(np.array([0, np.radians(view.yaw), 0]))
        pitch, _ = cv2.Rodrigues(np.array([np.radians(view.pitch), 0, 0]))
        camera = cls(np.asarray(pitch @ yaw), view.distance)
        marks = camera._plane(camera.turn(landmarks))
        five = np.array([marks[RIGHT_EYE].mean(), marks[LEFT_EYE].mean(), marks[30], marks[48], marks[54]])
        # The least-squares similarity to the template, then what a detector's alignment leaves over.
        target = TEMPLATE @ (1, 1j)
        spread = five - five.mean()
        align = np.vdot(spread, target - target.mean()) / np.vdot(spread, spread).real
        middle = (SIZE - 1) / 2 * (1 + 1j)
        unsteady = view.zoom * np.exp(1j * np.radians(view.roll))
        centre = (target.mean() - middle) * unsteady + middle + complex(*view.shift)
        factor = complex(align * unsteady)
        return camera._replace(factor=factor, offset=complex(centre - factor * five.mean()))

    def turn(self, points: Array) -> Array:
        """(N, 3) in the head's frame to the camera's, in mm from the axis."""
        return np.asarray((points - AXIS) @ self.rotation.T)

    def picture(self, turned: Array) -> Array:
        """(N, 3) turned points to (N, 2) x, y in pixels; a pixel's centre lies at whole numbers."""
        z = self.factor * self._plane(turned) + self.offset
        return np.stack([z.real, z.imag], axis=1)

    def _plane(self, turned: Array) -> Complex:
        return np.asarray((turned[:, 0] + 1j * turned[:, 1]) / (1 - turned[:, 2] / self.distance))
