"""Balls enclose the truth, what leaves them is rounded outwards, and kinks are not guessed."""

from fractions import Fraction

import flint
import numpy as np
import pytest

from reference.arrays import ball
from reference.arrays import functions as F
from tests.arrays.systems import series


def fraction(t):
    """An exact ball, or a float, as a rational number."""
    if isinstance(t, (int, np.integer)):
        return Fraction(int(t))
    if isinstance(t, flint.arb):
        man, exp = t.man_exp()
        return Fraction(int(man)) * Fraction(2) ** int(exp)
    return Fraction(*np.asarray(t)[()].as_integer_ratio())


def ends(t):
    """Rational lower and upper end of a ball."""
    return fraction(t.mid()) - fraction(t.rad()), fraction(t.mid()) + fraction(t.rad())


LONG = np.longdouble
NUMBERS = [0.1, -1 / 3, 5e-324, 1.7e308, np.float32(0.1), LONG(1) / 3, -np.finfo(LONG).tiny,
           np.finfo(LONG).max / 3, np.int64(2 ** 62 + 1), 2 ** 80 + 1, -7, True]


@pytest.mark.parametrize("bits", [12, 53, 200])
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_every_number_enters_exactly_at_any_precision(number, bits):
    with ball.precision(bits):
        t = ball.exact(np.array([number]))[0]
    assert t.is_exact() and fraction(t) == fraction(number)


def test_balls_pass_unchanged_and_what_is_no_real_number_is_refused():
    third = flint.arb(1) / 3
    assert ball.exact(np.array([third]))[0] is third
    assert not ball.exact(np.array([np.inf, np.nan]))[1].is_finite()
    for wrong, error in ((1 + 2j, TypeError), ("x", ValueError)):
        with pytest.raises(error):
            ball.exact(np.array([wrong]))


@pytest.mark.parametrize("bits", [20, 53, 150])
def test_arithmetic_encloses_the_exact_rational_result(bits):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 4, 5))
    exact = np.frompyfunc(Fraction, 1, 1)
    with ball.precision(bits):
        A, B = ball.exact(a), ball.exact(b)
        results = A @ B.T, F.einsum("ij,ij->i", A, B), F.sum(A / B, -1), (A - B) * A, 1 / B - 0.1
    p, q = exact(a), exact(b)
    truths = (p @ q.T, (p * q).sum(-1), (p / q).sum(-1), (p - q) * p,
              np.array([[1 / t - Fraction(0.1) for t in row] for row in q]))
    for result, truth in zip(results, truths):
        assert result.shape == truth.shape
        for t, true in zip(result.flat, truth.flat):
            low, high = ends(t)
            assert low <= true <= high


# ---- out: rounded outwards ----

def straddling(middle, width):
    return flint.arb(middle, width)


BALLS = [straddling(0.1, 3e-20), straddling(1e300, 1e-300), straddling(0, 1e-320), flint.arb(1) / 3,
         flint.arb(2).sqrt(), flint.arb(10) ** -400, straddling(-1, flint.arb(10) ** -400)]


@pytest.mark.parametrize("bits", [20, 53, 300])
def test_radius_is_an_upper_bound_and_nearly_the_radius(bits):
    with ball.precision(bits):
        bounds = ball.radius(np.array(BALLS))
    for t, bound in zip(BALLS, bounds):
        true = fraction(t.rad())
        loose = max(Fraction(2) ** (3 - bits), Fraction(1, 10 ** 15))       # one rounding upwards
        assert true <= Fraction(bound) <= true * (1 + loose) + Fraction(2) ** -1074


@pytest.mark.parametrize("bits", [53, 300])
def test_distance_is_an_upper_bound_of_the_farthest_point(bits):
    y = np.array([0.1, 1e300, 0.0, 1 / 3, 1.4142135623730951, 0.0, -1.0])
    with ball.precision(bits):
        bounds = ball.distance(np.array(BALLS), y)
    for t, f, bound in zip(BALLS, y, bounds):
        assert max(abs(end - Fraction(f)) for end in ends(t)) <= Fraction(bound)


def test_midpoints_are_the_nearest_floats():
    with ball.precision(200):
        numbers = flint.arb(1) / 3, flint.arb(2).sqrt(), flint.arb(10) ** 400
        mids = ball.midpoint(np.array(numbers))
    assert mids.dtype == float and mids.tolist() == [1 / 3, 2 ** 0.5, np.inf]


def test_nothing_known_is_an_infinite_radius_and_no_comparison_passes_on_it():
    nothing = np.array([flint.arb(1) / 0, flint.arb.nan(), flint.arb(0, flint.arb(10) ** 400)])
    assert (ball.radius(nothing) == np.inf).all()
    distances = ball.distance(nothing, np.zeros(3))
    assert not (distances <= 1e308).any()
    assert not (ball.distance(ball.exact(np.ones(1)), np.array([np.nan])) <= 1e308).any()


def test_floats_have_no_radius():
    assert ball.radius(np.array([1.0, 2.5])).tolist() == [0, 0]


# ---- functions ----

@pytest.mark.parametrize("name", "exp expm1 log1p sin cos tanh ndtr".split())
def test_functions_at_any_precision_overlap_those_at_a_higher_one(name):
    x = np.array([-0.5, -1e-30, 0.0, 1e-30, 0.5, 20])
    results = []
    for bits in (30, 60, 300):
        with ball.precision(bits):
            results.append(getattr(F, name)(ball.exact(x)))
    with ball.precision(300):
        for coarse in results[:2]:
            assert all(c.overlaps(fine) for c, fine in zip(coarse, results[2]))
            assert all(c.rad() > fine.rad() or c.is_exact() for c, fine in zip(coarse, results[2]))


def test_series_and_balls_agree_on_the_value():
    x = np.array([-0.5, 0.25, 3.0])
    s = series(x, np.ones(3))
    for name in "exp expm1 log1p sin cos tanh ndtr".split():
        values = getattr(F, name)(ball.exact(x))
        assert all(t[0].overlaps(v) for t, v in zip(getattr(F, name)(s), values))
    assert ball.midpoint(s).tolist() == x.tolist() and F.positive(s).tolist() == [False, True, True]


def test_a_series_without_axes_stays_one_number():
    s = ball.boxed(flint.arb_series([2, 1], prec=2))
    for y in (F.exp(s), F.sum(s[None], -1), ball.exact(s), s[None].sum(-1, keepdims=True)[0:1]):
        assert y.size == 1 and isinstance(y.flat[0], flint.arb_series)


# ---- kinks ----

@pytest.mark.parametrize("function", [F.positive, F.positive_part, F.negative_part])
def test_a_ball_across_a_kink_is_undecided(function):
    with pytest.raises(ball.Undecided, match="straddles a kink at 0; raise the precision"):
        function(np.array([flint.arb(1), straddling(0.1, 0.2)]))
    with pytest.raises(ball.Undecided):
        function(np.array([flint.arb.nan()]))


def test_a_formula_branch_is_never_undecided():
    across = np.array([straddling(0.0, 1e-3), straddling(-1e-4, 1e-3)])
    for function in (F.sigmoid, F.softplus, F.magnitude):
        assert all(t.is_finite() for t in function(across))
    for t, point in zip(F.sigmoid(across), (1e-4, -1e-4)):                # both signs are inside
        assert t.overlaps(1 / (1 + (-flint.arb(point)).exp()))


def test_zero_and_proven_negative_balls_are_not_positive():
    assert not F.positive(np.array([flint.arb(0), straddling(-1.0, 0.5)])).any()
