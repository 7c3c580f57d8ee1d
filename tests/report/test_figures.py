"""Charts of scores that leave little to draw."""

import numpy as np
import pytest

from maskrec.report.figures import curve_of, det, member_scores, stacked_shares


@pytest.mark.parametrize(
    ("genuine", "scale"),
    [
        (1.0, "linear"),  # a perfect scorer: no threshold at which both kinds of errors occur
        (0.0, "linear"),  # a constant one: everything is accepted, or nothing
        (0.5, "log"),
    ],
)
def test_an_error_trade_off_may_have_no_point(genuine: float, scale: str) -> None:
    is_genuine = np.arange(40) % 2 == 0
    score = genuine * is_genuine + (np.arange(40) / 40 if genuine == 0.5 else 0)
    curve = curve_of({"score": score.astype(np.float32), "is_genuine": is_genuine})
    assert curve is not None
    figure = det({"unmasked_masked": curve})
    figure.canvas.draw()
    (axis,) = figure.axes
    assert axis.get_xscale() == axis.get_yscale() == scale


def test_shares_lie_on_top_of_each_other() -> None:
    figure = stacked_shares("alpha", [9, 19, 29], {"ArcFace_0.05": [0.5, 0.4, 0.3], "ArcFace_0.45": [0.5, 0.6, 0.7]})
    (axis,) = figure.axes
    lower, upper = (area.get_paths()[0].vertices for area in axis.collections)
    assert lower[lower[:, 0] == 29, 1].max() == pytest.approx(0.3)
    assert upper[upper[:, 0] == 29, 1].max() == pytest.approx(1)
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["ArcFace_0.45", "ArcFace_0.05"]


def test_the_best_member_of_each_step_is_marked() -> None:
    figure = member_scores([9, 19], {"member_0": [0.7, 0.8], "member_1": [0.75, 0.6]}, [1, 0])
    (axis,) = figure.axes
    marked = axis.get_lines()[-1]
    assert marked.get_color() == "black"
    assert marked.get_xydata().tolist() == [[9, 0.75], [19, 0.8]]
