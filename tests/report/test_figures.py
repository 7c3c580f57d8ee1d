"""Charts of scores that leave little to draw."""

import numpy as np
import pytest

from maskrec.report.figures import curve_of, det


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
