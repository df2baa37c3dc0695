"""A converted damping is right if the other program's inverse is ours; and refused if none is."""

import numpy as np
import pytest

import reference as ref
from reference import Kron, KronBlocks, convert_damping, shifts
from reference.arrays import ball
from reference.arrays.precision import eps
from reference.curvature.damping import ON_THE_PRODUCT, RULES
from tests.curvature.brute import convolutional, distance
from tests.curvature.test_damping import DAMPED
from tests.curvature.test_kron import kron

DAMPING = {rule: 0.04 for rule in (*RULES, *ON_THE_PRODUCT)} | {"shifts": (0.3, 0.7)}
SCALES = [(1, 1), (1 / 7, 7), (23, 1), (2, 2), (1 / (23 ** 2 * 7 ** 2), 1 / 7 ** 3)]
KRONECKER = set(RULES) - {"shifts"}


def same_inverse(K, rule, to, scale, damping=None):
    """How far the other program's inverse, times g a, is from ours under the converted damping."""
    lam = DAMPING[rule] if damping is None else damping
    other = Kron(scale[0] * K.G, scale[1] * K.A)
    theirs = other.inv(convert_damping(K, lam, rule, to, scale), to).dense()
    return distance(scale[0] * scale[1] * theirs, K.inv(lam, rule).dense())


def possible(rule, to, scale):
    """What the derivation says: pi follows any scales; equal shifts want g = a."""
    if to == "shifts":
        return rule in RULES
    if rule == to:
        return scale[0] == scale[1] or rule not in ("factored", "per factor")
    return {rule, to} == {"factored", "per factor"} and scale[0] == scale[1]


@pytest.mark.parametrize("scale", SCALES, ids=["same", "KFC", "sums", "twice", "slip"])
@pytest.mark.parametrize("to", DAMPING)
@pytest.mark.parametrize("rule", DAMPING)
def test_the_inverse_is_the_same_where_that_is_possible_and_refused_elsewhere(rule, to, scale):
    K = kron()
    if possible(rule, to, scale) or rule == "shifts" == to:
        bound = 45 * eps(float) * np.linalg.cond(K.dense())
        assert same_inverse(K, rule, to, scale) <= bound
        return
    damps = "the product" if rule in ON_THE_PRODUCT else "has the same inverse"
    with pytest.raises(ValueError, match=f"{damps}.*'{to}'|no damping of '{to}'"):
        convert_damping(K, DAMPING[rule], rule, to, scale)


def test_conversions_in_closed_form():
    K = kron()
    close = dict(rtol=1e-14)
    np.testing.assert_allclose(convert_damping(K, 0.04, "factored", "per factor"), 0.2, **close)
    np.testing.assert_allclose(convert_damping(K, 0.2, "per factor", "factored"), 0.04, **close)
    np.testing.assert_allclose(convert_damping(K, 0.04, "pi", "pi", (3, 5)), 0.6, **close)
    np.testing.assert_allclose(convert_damping(K, 0.04, "exact", "exact", (3, 5)), 0.6, **close)
    assert convert_damping(K, 0.04, "marquardt", "marquardt", (3, 5)) == 0.04
    for to, lam in (("factored", 0.04), ("per factor", 0.2)):
        np.testing.assert_allclose(convert_damping(K, (0.2, 0.2), "shifts", to), lam, **close)
    s, t = shifts(K, 0.04)
    np.testing.assert_allclose((s * t, t / s), (0.04, K.pi() ** 2), **close)
    np.testing.assert_allclose(convert_damping(K, 0.04, "pi", "shifts", (3, 5)), (3 * s, 5 * t),
                               **close)


def test_a_pi_of_one_is_no_pi():
    """Factors of equal traces: "pi" is "factored", and the spectral norm still another rule."""
    K = kron()
    even = Kron(K.G / np.trace(K.G) * 3, K.A / np.trace(K.A) * 5)
    assert same_inverse(even, "pi", "factored", (1, 1)) <= 1e-13
    assert same_inverse(even, "factored", "pi", (1, 1)) <= 1e-13
    with pytest.raises(ValueError, match="no damping of 'pi spectral'"):
        convert_damping(even, 0.04, "pi", "pi spectral")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("to", ON_THE_PRODUCT)
def test_the_refused_ones_are_different_whatever_the_damping(rule, to):
    """Shifts (s, t) and a damping of the product never agree: brute force over many dampings."""
    K = kron()
    truth = DAMPED[rule](K, 0.04)
    nearest = min(distance(DAMPED[to](K, lam), truth) for lam in np.geomspace(1e-6, 1e3, 400))
    assert nearest > 1e-3


@pytest.mark.parametrize("rule", DAMPING)
@pytest.mark.parametrize("to", DAMPING)
def test_no_damping_is_no_damping_by_every_rule(rule, to):
    K, none = kron(), {"shifts": (0, 0)}
    lam = convert_damping(K, none.get(rule, 0.0), rule, to, (2, 5))
    assert np.all(np.asarray(lam) == 0) and np.shape(lam) == np.shape(none.get(to, 0.0))
    assert shifts(K, none.get(rule, 0.0), rule) == (0, 0)


def test_shifts_keep_the_precision_and_enclose():
    for dtype in (np.float32, np.float64, np.longdouble):
        for rule in KRONECKER - {"pi spectral"}:
            assert {s.dtype for s in shifts(kron(dtype), 0.1, rule)} == {np.dtype(dtype)}
    K = kron()
    balls = Kron(ball.exact(K.G), ball.exact(K.A))
    for rule in KRONECKER - {"pi spectral"}:
        close = np.abs(ball.midpoint(np.array(shifts(balls, 0.1, rule))) / shifts(K, 0.1, rule) - 1)
        assert close.max() <= 45 * eps(float)
    single = kron(np.float32)
    assert abs(convert_damping(single, 0.04, "factored", "per factor") - 0.2) <= 1e-7


def test_factors_of_kfc_are_damped_alike_on_a_convolution():
    """[GM16] keeps Omega = T A and Gamma = G/T: factored damping is another one there, pi not."""
    objective, theta = convolutional()
    K, T = ref.kfac(objective, theta)[0], 7
    theirs = Kron(K.G / T, T * K.A)
    assert distance(theirs.inv(0.01).dense(), K.inv(0.01).dense()) <= 1e-12
    assert distance(theirs.inv(0.01, "factored").dense(), K.inv(0.01, "factored").dense()) > 0.1
    assert same_inverse(K, "factored", "shifts", (1 / T, T), 0.01) <= 1e-12


@pytest.mark.parametrize("scale", [1, (1,), (1, 0), (1, -2), (1, np.nan), (1, 2, 3), "ab", None])
def test_scales_are_two_positive_numbers(scale):
    with pytest.raises(ValueError, match=r"scale must be \(g, a\), two positive numbers"):
        convert_damping(kron(), 0.1, "pi", "pi", scale)


def test_what_has_no_shifts_is_refused():
    K = kron()
    for rule in ON_THE_PRODUCT:
        with pytest.raises(ValueError, match=f"{rule}' damps the product.* take one of pi, .*shif"):
            shifts(K, 0.1, rule)
    for other in (KronBlocks((K,)), K.eigen(), K.dense(), [K]):
        for function in (shifts, lambda *given: convert_damping(*given, "pi")):
            with pytest.raises(TypeError, match="K is a .*; pass a Kron"):
                function(other, 0.1, "pi")
    with pytest.raises(ValueError, match="rule must be one of pi, .*, got 'best'"):
        convert_damping(K, 0.1, "pi", "best")
    with pytest.raises(ValueError, match="damping must be a number"):
        convert_damping(K, -0.1, "exact", "exact")
    balls = Kron(ball.exact(K.G), ball.exact(K.A))
    with pytest.raises(ValueError, match="a factor holds object"):
        convert_damping(balls, 0.1, "pi", "factored")


@pytest.mark.parametrize("dtype", [np.float32, float])
@pytest.mark.parametrize("power", [-30, 30, -200, 200])
def test_dampings_whose_squares_vanish_or_overflow_are_converted(power, dtype):
    if abs(power) > np.log10(np.finfo(dtype).max):
        return
    K, lam = kron(dtype), 10.0 ** power
    for to in ("per factor", "shifts"):
        found = np.ravel(convert_damping(K, lam, "per factor", to))
        assert np.abs(found / dtype(lam) - 1).max() <= 4 * eps(dtype)
    for wide in (np.longdouble(2), 2):
        assert convert_damping(K, lam, "pi", "pi", (wide, 1)) == pytest.approx(2 * lam, rel=1e-5)
    if abs(power) * 2 > np.log10(np.finfo(dtype).max):
        with pytest.raises(ValueError, match="no damping of 'factored' has the same inverse"):
            convert_damping(K, lam, "per factor", "factored")               # it is 10^(2 power)
