"""Colours differ to every kind of eye, lines without colour too, and settings stay the caller's.

How a colour looks to who lacks one kind of cone: the matrices of G. M. Machado, M. M. Oliveira and
L. A. F. Fernandes, A physiologically-based model for simulation of color vision deficiency, IEEE
Transactions on Visualization and Computer Graphics 15(6), 1291-1298, 2009, at full severity, on
linear red, green and blue.
"""

import re
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import reference.plotting
from reference import plotting
from reference.plotting.style import look

EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]]}

XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
LEAST = 15                # CIELAB: 2.3 is just noticed; side by side in thin lines more is needed


def lab(color, eye):
    """L*, a*, b* (3,) of a colour of sRGB as that eye sees it."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(EYES[eye] @ linear, 0, 1)
    t = XYZ @ seen / XYZ.sum(1)                                   # relative to white
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors, eye):
    """(distance, the two colours) of the pair that is told apart least."""
    return min((np.linalg.norm(lab(a, eye) - lab(b, eye)), a, b)
               for a, b in combinations(colors, 2))


@pytest.mark.parametrize("eye", EYES)
def test_any_two_colours_differ_to_every_eye(eye):
    distance, *pair = nearest([*plotting.COLORS.values(), "#FFFFFF"], eye)
    assert distance > LEAST, pair


def test_red_and_green_would_be_refused():
    pair = "tab:red", "tab:green"
    assert nearest(pair, "all cones")[0] > 100
    assert nearest(pair, "deuteranopia")[0] < LEAST


def test_white_is_white_and_gray_is_gray_to_every_eye():
    for eye in EYES:                                              # rows of the matrices add up to 1
        assert np.abs(lab("#FFFFFF", eye) - [100, 0, 0]).max() < 0.02
        assert np.abs(lab("#808080", eye)[1:]).max() < 0.02


def test_28_lines_differ_by_colour_marker_and_dashes_and_7_by_marker_alone():
    looks = [look(k) for k in range(28)]
    assert len({tuple(each.values()) for each in looks}) == 28
    assert len({each["marker"] for each in looks[:7]}) == 7


NAMED = {"gray", "lightgray", "white", "black", "lightyellow"}    # told by lightness


def colors_of(source):
    """Colours in code that are not taken from COLORS: tab:red, C3, #123456, r."""
    names = re.findall(r'"(tab:\w+|C\d|#[0-9A-Fa-f]{6}|[rgbcmyk]|red|green)"(?!:)', source)
    names += re.findall(r'(?:color|fc|ec|c)="(\w+)"', source)
    return sorted(set(names) - NAMED)


def test_no_other_colours_are_drawn_with():
    folder = Path(reference.plotting.__file__).parent
    found = {path.name: colors_of(path.read_text("utf-8")) for path in folder.glob("*.py")}
    assert found.pop("style.py") == sorted(plotting.COLORS.values())
    assert not any(found.values())
    assert colors_of('plot(color="tab:red"); plot(x, "C1", color="gray", ec="teal")') == [
        "C1", "tab:red", "teal"]


def test_settings_of_the_caller_are_left_and_do_not_matter():
    with matplotlib.rc_context({"lines.linewidth": 7, "axes.grid": False, "font.size": 30}):
        axes = plotting.step_sizes(np.array([1, 0.1]), {"complex step": np.array([0.1, 0.01])})
        assert matplotlib.rcParams["lines.linewidth"] == 7
    assert axes.lines[0].get_linewidth() == plotting.STYLE["lines.linewidth"]
    assert axes.xaxis.label.get_size() == plotting.STYLE["axes.labelsize"]


def test_a_caption_is_as_wide_as_its_figure():
    narrow, wide = (plotting.caption(Figure(figsize=plotting.size(columns)), 20 * "ten words \n ")
                    for columns in (1, 2))
    assert narrow.get_text().count("\n") > wide.get_text().count("\n")
    assert "  " not in wide.get_text()
