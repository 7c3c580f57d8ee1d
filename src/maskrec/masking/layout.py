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

# The centres of the right eye, the left eye and the chin are `CENTRES @ landmarks`.
CENTRES: npt.NDArray[np.float32] = np.zeros((3, NUM_LANDMARKS), dtype=np.float32)
for _row, _part in enumerate((RIGHT_EYE, LEFT_EYE, CHIN)):
    CENTRES[_row, _part] = 1 / (_part.stop - _part.start)

# Where they lie in an aligned 112x112 face, (96, 2) x, y in pixels: the mean of generated heads, seen from the front.
TEMPLATE_SIZE = 112
TEMPLATE: npt.NDArray[np.float32] = np.array(
    [
        *((15.3, 50.1), (16.3, 57.9), (17.5, 66.2), (18.9, 75.3), (22.1, 83.4), (30.9, 93.6)),  # jaw
        *((35.1, 100.9), (44.7, 108.3), (56.2, 110.5), (67.7, 108.2), (77.3, 100.7), (81.4, 93.4)),
        *((90.1, 83.0), (93.2, 74.9), (94.5, 65.8), (95.5, 57.4), (96.6, 49.6)),
        *((22.5, 40.4), (25.8, 36.9), (30.8, 35.2), (37.6, 35.4), (46.2, 36.8)),  # brows
        *((65.4, 36.7), (74.0, 35.2), (80.9, 35.0), (85.8, 36.6), (89.2, 40.0)),
        *((55.9, 49.5), (56.0, 60.2), (56.0, 68.8), (56.0, 74.7), (47.4, 79.3)),  # nose
        *((52.0, 80.5), (56.1, 81.1), (60.1, 80.5), (64.8, 79.2)),
        *((29.3, 51.4), (33.1, 48.5), (39.7, 48.3), (45.9, 52.8), (40.7, 54.5), (34.3, 54.5)),  # eyes
        *((66.0, 52.7), (72.1, 48.2), (78.7, 48.3), (82.5, 51.1), (77.5, 54.3), (71.2, 54.3)),
        *((41.4, 90.9), (47.1, 88.8), (52.1, 87.4), (56.1, 88.2), (60.2, 87.4), (65.1, 88.7)),  # outer lips
        *((70.9, 90.7), (64.8, 95.0), (60.5, 96.4), (56.2, 96.7), (51.8, 96.4), (47.5, 95.1)),
        *((43.8, 91.3), (52.1, 91.4), (56.1, 91.4), (60.2, 91.4)),  # inner lips
        *((68.4, 91.2), (60.2, 92.3), (56.1, 92.4), (52.1, 92.3)),
        *((17.4, 58.9), (18.5, 66.6), (19.9, 74.4), (21.6, 82.2), (26.5, 87.9)),  # right side and cheek
        *((20.9, 67.7), (22.2, 74.6), (23.1, 80.6), (26.5, 85.1), (31.1, 90.0)),
        *((37.8, 93.9), (41.5, 97.5), (35.0, 95.8)),
        *((94.5, 58.5), (93.5, 66.2), (92.2, 74.0), (90.6, 81.8), (85.7, 87.6)),  # left side and cheek
        *((91.1, 67.3), (89.9, 74.2), (89.0, 80.3), (85.7, 84.7), (81.1, 89.7)),
        *((74.4, 93.7), (70.8, 97.3), (77.3, 95.5)),
        *((56.2, 102.5), (56.2, 107.0)),  # chin
    ],
    dtype=np.float32,
)
