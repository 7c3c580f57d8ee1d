"""The 96 landmarks of a face, by number: 68 as dlib and the iBUG 300-W mark-up have them, 28 on cheeks, sides and chin.

Right and left are the person's: the right eye lies on the left of an unmirrored picture.
The further 28 are for MAN's masks, anchored at the sides of the face (Wang et al., ICCV-MFR 2021: 96 landmarks).
"""

import numpy as np
import numpy.typing as npt

NUM_LANDMARKS = 96

JAW = slice(0, 17)  # from the right ear over the chin, 8, to the left ear
RIGHT_BROW, LEFT_BROW = slice(17, 22), slice(22, 27)  # both from left to right in the picture
NOSE_BRIDGE, NOSTRILS = slice(27, 31), slice(31, 36)  # downwards to the tip, 30; then from left to right
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
OUTER_LIPS, INNER_LIPS = slice(48, 60), slice(60, 68)  # clockwise in the picture from the right corner
RIGHT_SIDE, LEFT_SIDE = slice(68, 73), slice(81, 86)  # 5 each, downwards along the side of the face
RIGHT_CHEEK, LEFT_CHEEK = slice(73, 81), slice(86, 94)
CHIN = slice(94, 96)

# The point of FaceMesh's 468 at each landmark. Checked on generated faces, whose landmarks are known: `maskrec faces`.
FROM_MESH: npt.NDArray[np.intp] = np.array(
    [
        *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),  # jaw
        *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
        *(168, 197, 5, 4, 98, 97, 2, 326, 327),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
        *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
        *(227, 137, 177, 215, 138),  # right side
        *(123, 147, 213, 192, 214, 202, 204, 210),  # right cheek
        *(447, 366, 401, 435, 367),  # left side
        *(352, 376, 433, 416, 434, 422, 424, 430),  # left cheek
        *(200, 199),  # chin
    ]
)

# The landmark that takes the place of each when the picture is mirrored.
MIRROR: npt.NDArray[np.intp] = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
        *range(81, 94),
        *range(68, 81),
        *(94, 95),
    ]
)
