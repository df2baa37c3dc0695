"""Pictures look as they did when somebody looked at them, whatever the version of matplotlib."""

import numpy as np
import pytest
from matplotlib import image

from tests.plotting.drawn import DRAWN, FOLDER, seen

# Of 255.  Matplotlib 3.8, 3.9 and 3.11 differ by 0.02 or less; what is planted, by 4 or more.
TOLERANCE = 1


def recorded(name):
    """Red, green and blue, 0 to 255."""
    return image.imread(FOLDER / f"{name}.png")[..., :3] * 255


def distance(name, figure):
    """Root mean square over all pixels and colours."""
    return np.sqrt(((seen(figure) - recorded(name)) ** 2).mean())


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_looks_as_it_was_recorded(name):
    assert distance(name, DRAWN[name][0]()) <= TOLERANCE


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_of_something_else_does_not(name):
    assert distance(name, DRAWN[name][1]()) > 3 * TOLERANCE


def test_every_record_belongs_to_a_picture():
    assert {path.stem for path in FOLDER.glob("*.png")} == set(DRAWN)
