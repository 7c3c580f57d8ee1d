"""What each kind does with its parameters."""

import cv2
import numpy as np
import pytest

from maskrec.errors import UserError
from maskrec.masking import KPCVX, KPSYN, MG, NIST, STYLES, Black, Eye, MANMask, MaskTransform
from maskrec.masking.base import Face
from maskrec.masking.gallery import gallery
from maskrec.masking.layout import LEFT_SIDE, RIGHT_SIDE
from maskrec.masking.light import light_on
from maskrec.masking.man import MANParameters
from maskrec.masking.nist import NISTParameters, Shape, outline
from maskrec.masking.quality import Fit, fit_of

COLOURS = ((100.0, 150.0, 200.0), (90.0, 90.0, 90.0), (200.0, 200.0, 200.0))
NOWHERE = np.full((96, 2), np.nan, dtype=np.float32)


def by_hand(landmarks: np.ndarray, shape: Shape) -> np.ndarray:
    """The polygons of the digest, point by point."""
    x, y = landmarks[:, 0], landmarks[:, 1]
    jaw = [(x[i], y[i]) for i in range(1, 16)]
    tops = {
        "a": [(x[42], y[15]), (x[27], y[27]), (x[39], y[1])],
        "c": [(x[29], y[29])],
        "e": [(x[i], y[i]) for i in (35, 34, 33, 32, 31)],
    }
    return np.array(jaw + tops[shape], dtype=np.float32)


@pytest.mark.parametrize("shape", ["a", "c", "e"])
def test_nist_polygons_are_those_of_the_paper(shape: Shape, portraits: list[Face]) -> None:
    for image, landmarks in portraits[:3]:
        np.testing.assert_array_equal(outline(landmarks, shape), by_hand(landmarks, shape))
        masked, region = NIST().render(image, landmarks, NISTParameters(shape, (9, 99, 199)))
        assert (masked[region] == (9, 99, 199)).all()
        corners = by_hand(landmarks, shape)
        for row, column in np.ndindex(region.shape):
            if abs(distance := cv2.pointPolygonTest(corners, (column, row), True)) > 1.5:
                assert region[row, column] == (distance > 0)


@pytest.mark.parametrize(("shape", "top"), [("b", 27), ("d", 29), ("f", 33)])
def test_nist_ellipses_reach_from_their_top_to_the_chin(shape: Shape, top: int, portrait: Face) -> None:
    line = outline(portrait[1], shape)
    for point in portrait[1][[top, 8]]:
        assert np.linalg.norm(line - point, axis=1).min() < 1e-3


def test_nist_shapes_have_names() -> None:
    with pytest.raises(UserError, match="got \\['z'\\]"):
        NIST(shapes=["z"])  # type: ignore[list-item]


@pytest.mark.parametrize("right", [0.0, 0.3, 0.75])
@pytest.mark.parametrize("left", [0.1, 0.5])
def test_mans_upper_edge_hangs_at_its_heights(right: float, left: float, portrait: Face) -> None:
    image, landmarks = portrait
    parameters = MANParameters("cloth", COLOURS, False, right, left, 0.5)
    _, region = MANMask(p=1).render(image, landmarks, parameters)
    for side, height in ((landmarks[RIGHT_SIDE], right), (landmarks[LEFT_SIDE], left)):
        x, y = (np.interp(4 * height, range(5), side[:, axis]) for axis in (0, 1))
        inward = 2 if x < 56 else -2  # the very corner is a point
        column = np.flatnonzero(region[:, round(x) + inward])
        assert abs(column[0] - y) < 3.5
    middle = (landmarks[28] + landmarks[29]) / 2
    assert abs(np.flatnonzero(region[:, round(float(middle[0]))])[0] - middle[1]) < 2.5


def test_man_covers_half_or_all_of_the_lower_face(portrait: Face) -> None:
    half, full = MANMask(half=1, p=1), MANMask(half=0, p=1)
    rng = np.random.default_rng(0)
    assert all(half.sample(rng).is_half for _ in range(20))
    assert not any(full.sample(rng).is_half for _ in range(20))
    assert MANMask().p == 0.2
    x, y = np.rint(portrait[1][30]).astype(int)
    for _ in range(20):
        assert not half.render(*portrait, half.sample(rng))[1][y, x]
        assert full.render(*portrait, full.sample(rng))[1][y, x]


def test_kp_cvx_is_black_from_the_nose_to_the_chin(portrait: Face) -> None:
    masked, region = KPCVX().render(*portrait, None)
    assert (masked[region] == 0).all()
    for x, y in np.rint(portrait[1][[30, 33, 51, 57]]).astype(int):
        assert region[y, x]
    for x, y in np.rint(portrait[1][36:48]).astype(int):
        assert not region[y, x]


def test_black_is_the_box_of_the_paper_or_the_lower_half(portrait: Face) -> None:
    image, landmarks = portrait
    masked, region = Black().render(image, landmarks, None)
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    assert abs(rows[0] - landmarks[27, 1]) <= 1
    assert abs(rows[-1] - min(landmarks[8, 1], 111)) <= 1
    assert abs(columns[0] - max(landmarks[:17, 0].min(), 0)) <= 1
    assert (masked[region] == 0).all()
    fallen_back = Black().render(image, NOWHERE, None)[1]
    np.testing.assert_array_equal(fallen_back, np.arange(112)[:, None].repeat(112, axis=1) >= 56)


def test_eye_shows_forehead_and_eyes_and_moves_landmarks(portrait: Face) -> None:
    image, landmarks = portrait
    seen = Eye()(image=image, keypoints=landmarks)
    moved = seen["keypoints"]
    assert seen["image"].shape == image.shape
    assert (moved[36:48] > 0).all()
    assert (moved[36:48] < 112).all()
    assert moved[30, 1] > 112
    x, y = np.rint(moved[36]).astype(int)
    cropped = cv2.getRectSubPix(image, (3, 3), landmarks[36].tolist()).mean(axis=(0, 1))
    assert np.abs(seen["image"][y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1)) - cropped).max() < 30
    upper = Eye().render(image, NOWHERE, None)[0]
    np.testing.assert_array_equal(upper, cv2.resize(image[:56], (112, 112), interpolation=cv2.INTER_LINEAR))


def fits(kind: MaskTransform, faces: list[Face]) -> np.ndarray:
    """(N, 3) eyes free, covered, unchanged outside."""
    seen = []
    for number, (image, landmarks) in enumerate(faces):
        masked, region = kind.render(image, landmarks, kind.sample(np.random.default_rng(number)))
        seen.append(fit_of(image, landmarks, masked, region))
    return np.array(seen)


@pytest.mark.parametrize(
    ("kind", "failures"),
    [(MG(), 1), (MG(shading=False), 1), (KPSYN(), 1), (MANMask(half=0, p=1), 2)],
    ids=["MG", "MG-flat", "KPSYN", "MAN-full"],
)
def test_eyes_stay_free_and_nose_and_mouth_are_covered(
    kind: MaskTransform, failures: int, portraits: list[Face]
) -> None:
    eyes_free, covered, unchanged = fits(kind, portraits).mean(axis=0)
    assert len(portraits) == 60
    assert eyes_free >= 1 - failures / 60
    assert covered >= 1 - failures / 60
    assert unchanged == 1


def test_fit_sees_what_is_wrong(portraits: list[Face], portrait: Face) -> None:
    assert not fits(Black(), portraits[:10])[:, 0].any()  # the paper's box begins between the eyes
    assert not fits(NIST(("f",)), portraits[:10])[:, 1].any()
    image, landmarks = portrait
    nowhere = np.zeros((112, 112), dtype=bool)
    assert fit_of(image, landmarks, image + 1, nowhere) == Fit(True, False, False)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_covers_nose_and_mouth(style: str, portraits: list[Face]) -> None:
    assert fits(MG(styles=(style,)), portraits[:12])[:, 1].all()


def test_a_mask_is_lit_as_the_face_is(portrait: Face) -> None:
    image, landmarks = portrait
    across = np.linspace(1.4, 0.4, 112)[:, None]
    from_the_left = (image * across).clip(0, 255).astype(np.uint8)
    from_the_right = (image * across[::-1]).clip(0, 255).astype(np.uint8)
    assert light_on(from_the_left, landmarks).direction[0] < light_on(from_the_right, landmarks).direction[0]
    mg = MG(styles=("surgical_white",))
    parameters = mg.sample(np.random.default_rng(0))
    left, right = (np.rint(landmarks[mark]).astype(int) for mark in (48, 54))
    contrast = []
    for lit in (from_the_left, from_the_right):
        masked = mg.render(lit, landmarks, parameters)[0].astype(int)
        contrast.append(masked[left[1], left[0]].sum() - masked[right[1], right[0]].sum())
    assert contrast[0] > contrast[1] + 30
    dark, bright = (mg.render((image * k).astype(np.uint8), landmarks, parameters)[0] for k in (0.3, 1.0))
    x, y = np.rint(landmarks[57]).astype(int)
    assert dark[y, x].sum() < 0.7 * bright[y, x].sum()


def test_a_grey_photograph_stays_grey(portrait: Face) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(portrait[0], cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mg = MG(styles=("surgical_blue",))
    masked = mg.render(grey, portrait[1], mg.sample(np.random.default_rng(0)))[0].astype(int)
    assert np.ptp(masked, axis=2).mean() < 4


def test_flat_masks_have_no_shadow_and_no_loops(portrait: Face) -> None:
    shaded, flat = (MG(styles=("surgical_blue",), shading=shading) for shading in (True, False))
    parameters = shaded.sample(np.random.default_rng(0))
    assert shaded.render(*portrait, parameters)[1].sum() > 1.03 * flat.render(*portrait, parameters)[1].sum()


def test_styles_must_exist() -> None:
    with pytest.raises(UserError, match="no style of mask is called 'velvet': use one of surgical_blue"):
        MG(styles=("velvet",))
    with pytest.raises(UserError, match="none is given"):
        KPSYN(styles=())


def test_the_gallery_has_a_row_for_each_kind_and_style(portraits: list[Face]) -> None:
    sheet = gallery({"Black": Black(), "NIST": NIST()}, ["n95"], portraits[:3])
    assert sheet.shape == (4 + 2 * 116, 2 * (150 + 3 * 116), 3)  # two rows in the first column, one in the second
    np.testing.assert_array_equal(sheet[4:116, 150:262], Black().render(*portraits[0], None)[0])
