"""Curves: the recipe by plain loops, the same for ever, in [0, 1], inside the image."""

import numpy as np
import pytest

from reference.problems import curves


def one(points, side):
    """One image by the formula itself: the largest density over all sampled points."""
    image = np.zeros((side, side))
    for t in np.linspace(0, 1, 6 * side):
        at = ((2 * t - 1) * (t - 1) * points[0] + 4 * t * (1 - t) * points[1]
              + t * (2 * t - 1) * points[2])
        for i in range(side):
            for j in range(side):
                square = (at[0] - i - 0.5) ** 2 + (at[1] - j - 0.5) ** 2
                image[i, j] = max(image[i, j], np.exp(-square / (2 * (side / 40) ** 2)))
    return image.ravel()


def test_images_are_those_of_the_formula():
    points = np.random.default_rng(3).uniform(1, 7, (4, 3, 2))
    x = curves(np.random.default_rng(3), 4, side=8)
    # a square of up to 2 (8/0.2)^2/2 = 1600 in the exponent: its roundings relative to the ink
    assert np.allclose(x, [one(p, 8) for p in points], rtol=1e4 * 2.3e-16, atol=1e-300)
    assert not np.allclose(x, [one(p[::-1, ::-1], 8) for p in points], rtol=1e-2)


def test_they_are_the_same_on_the_same_generator_and_within_0_and_1():
    x = curves(np.random.default_rng(0), 150)
    assert (x == curves(np.random.default_rng(0), 150)).all()
    assert x.shape == (150, 784) and x.min() >= 0 and x.max() <= 1
    assert x.max(1).min() > 0.7              # every curve passes near the centre of some pixel
    assert 0.02 < x.mean() < 0.1


def test_pieces_do_not_show_and_the_curve_stays_inside():
    x = curves(np.random.default_rng(1), 300, side=8)
    points = np.random.default_rng(1).uniform(1, 7, (300, 3, 2))
    assert np.array_equal(x[299], curves(_Given(points[299:]), 1, side=8)[0])
    t = np.linspace(0, 1, 1001)[:, None]
    for a, b, c in np.concatenate([points, [[[1, 1], [7, 7], [7, 7]]]]):
        path = (1 - t) * (1 - 2 * t) * a + 4 * t * (1 - t) * b + t * (2 * t - 1) * c
        assert path.min() > 0 and path.max() < 8


class _Given(np.random.Generator):
    """A generator that gives these points."""

    def __init__(self, points):
        super().__init__(np.random.PCG64(0))
        self.points = points

    def uniform(self, *_):
        return self.points


@pytest.mark.parametrize("arguments, error, match", [
    ((0, 3), TypeError, "default_rng"), ((np.random.default_rng(0), 0), ValueError, "n=0"),
    ((np.random.default_rng(0), 2, 3), ValueError, "side=3.*at least 4"),
    ((np.random.default_rng(0), 2.0), ValueError, "n=2.0"),
])
def test_bad_arguments_are_named(arguments, error, match):
    with pytest.raises(error, match=match):
        curves(*arguments)
