"""Made-up data obeys its formula, and comes from the given generator alone."""

import numpy as np
import pytest

from reference.problems import spirals, teacher


def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("arms", [2, 3])
def test_spiral_angle_minus_turns_times_radius_is_the_arm(arms):
    x, y = spirals(rng(), 60, turns=1.5, noise=0.0, arms=arms)
    radius = np.hypot(*x.T)
    turn = np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) - 1.5 * radius - y / arms
    off = np.abs(turn - np.round(turn))
    assert (off * radius).max() < 10 * np.finfo(float).eps         # distance from the arm, in radii
    assert radius.max() < 1 and np.bincount(y).tolist() == [60 // arms] * arms


def test_spiral_noise_has_the_stated_deviation():
    clean, noisy = (spirals(rng(), 20000, noise=noise)[0] for noise in (0.0, 0.1))
    error = noisy - clean
    assert abs(error.std() - 0.1) < 0.1 * 4 / np.sqrt(2 * error.size)      # four standard errors


def test_a_teacher_is_a_tanh_network():
    """By least squares on the teacher's own hidden units nothing is left; noise is then what is."""
    x, y = teacher(rng(), 500, inputs=4, hidden=3, outputs=2)
    assert x.shape == (500, 4) and y.shape == (500, 2)
    again = rng()
    again.standard_normal((500, 4))
    U, a = again.standard_normal((3, 4)) / 2, again.standard_normal(3)
    features = np.column_stack([np.tanh(x @ U.T + a), np.ones(500)])
    residual = y - features @ np.linalg.lstsq(features, y, rcond=None)[0]
    assert np.abs(residual).max() < 1e-13            # a few hundred eps: 500 x 4, well conditioned
    noise = teacher(rng(), 500, 4, 3, 2, noise=0.5)[1] - y
    assert abs(noise.std() - 0.5) < 0.5 * 4 / np.sqrt(2 * noise.size)      # four standard errors


@pytest.mark.parametrize("make", [lambda g: spirals(g, 9), lambda g: teacher(g, 9, 2, 3, 1)])
def test_the_same_generator_gives_the_same_set(make):
    for first, second in zip(make(rng()), make(rng())):
        assert np.array_equal(first, second)


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="rng=0 .*default_rng"):
        spirals(0, 10)
    with pytest.raises(ValueError, match="n=0"):
        spirals(rng(), 0)
    with pytest.raises(ValueError, match="arms=1"):
        spirals(rng(), 10, arms=1)
    with pytest.raises(ValueError, match="hidden=0"):
        teacher(rng(), 10, 2, 0, 1)


@pytest.mark.parametrize("bad", [dict(n=2.5), dict(n="9"), dict(arms=2.5), dict(arms=None),
                                 dict(turns=np.nan), dict(turns=np.inf), dict(turns="1"),
                                 dict(noise=np.nan), dict(noise=np.inf), dict(noise=-0.1)], ids=str)
def test_spirals_refuse_what_is_no_number_in_range(bad):
    (name, value), = bad.items()
    with pytest.raises(ValueError, match=f"{name}={value!r}; .*number"):
        spirals(rng(), **{"n": 9, **bad})


@pytest.mark.parametrize("bad", [dict(n=2.5), dict(hidden=1.0), dict(outputs=np.nan),
                                 dict(noise=np.nan), dict(noise=-1), dict(noise=None)], ids=str)
def test_a_teacher_refuses_what_is_no_number_in_range(bad):
    (name, value), = bad.items()
    with pytest.raises(ValueError, match=f"{name}={value!r}; .*number"):
        teacher(rng(), **{"n": 9, "inputs": 2, "hidden": 3, "outputs": 1, **bad})
