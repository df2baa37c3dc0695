"""Taylor coefficients along a line against rational arithmetic, gradients, and nested duals."""

from fractions import Fraction
from math import factorial

import flint
import numpy as np
import pytest

from reference import Dense, Objective, Poisson, ReLU, Sequential, Tanh, hvp, taylor
from reference.arrays import ball
from reference.derivatives import dual
from reference.derivatives.taylor import curvature
from tests.derivatives.cases import LOSSES, SMOOTH, directions, distance, make, small, wide

rational = np.vectorize(Fraction, otypes=[object])
LINEAR = (Dense(5, 3), Dense(3, 2, bias=False), Dense(2, 4))


def polynomial_product(a, b, times):
    """Coefficients of the product of two polynomials in t, lowest first."""
    out = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] = out[i + j] + times(x, y)
    return out


def rational_taylor(objective, theta, v):
    """All coefficients of L(theta + t v), for linear layers and squared error, in fractions."""
    net, unpack = objective.net, objective.net.layout.unpack
    x = [rational(objective.x)]
    for layer, W, V in zip(net.layers, unpack(rational(theta)), unpack(rational(v))):
        if layer.bias:
            one = rational(np.ones((objective.N, 1)))
            x = [np.concatenate([c, one if k == 0 else 0 * one], 1) for k, c in enumerate(x)]
        x = polynomial_product(x, [W, V], lambda a, B: a @ B.T)
    r = [x[0] - rational(objective.y), *x[1:]]
    squares = polynomial_product(r, r, lambda a, b: (a * b).sum())
    return [s / (2 * Fraction(objective.R)) for s in squares]


@pytest.mark.parametrize("order", range(10))
def test_a_deep_linear_network_is_a_polynomial_and_its_radii_contain_the_truth(order):
    objective, theta = make(LINEAR, LOSSES["SquaredError"])
    v = directions(theta)[0]
    truth = (rational_taylor(objective, theta, v) + [Fraction(0)] * 10)[:order + 1]
    found = taylor(objective, theta, v, order)
    assert found.coefficients.shape == found.radii.shape == (order + 1,)
    off = [abs(Fraction(c) - t) for c, t in zip(found.coefficients, truth)]
    assert all(error <= Fraction(radius) for error, radius in zip(off, found.radii))
    assert (found.radii <= 1e-16 * np.abs(found.coefficients) + 1e-30).all()
    assert not np.any(truth[7:]) and all(truth[:7])       # degree 6: three layers, squared


def test_one_rate_of_a_poisson_loss_gives_the_exponential_series():
    net = Sequential(Dense(1, 1, bias=False))
    objective = Objective(net, Poisson(), np.array([[0.75]]), np.array([[3.0]]))
    found = taylor(objective, np.array([0.0]), np.array([2.0]), 6)   # exp(1.5 t) - 3 (1.5 t)
    truth = [Fraction(3, 2) ** k / factorial(k) - (Fraction(9, 2) if k == 1 else 0)
             for k in range(7)]
    assert all(abs(Fraction(c) - t) <= Fraction(r)
               for c, t, r in zip(found.coefficients, truth, found.radii))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", SMOOTH)
def test_the_first_three_coefficients_are_value_slope_and_half_the_curvature(activation, loss):
    objective, theta = small(activation, loss, l2=0.1)
    v = directions(theta)[0]
    found = taylor(objective, theta, v, 2)
    wide_objective, wide_theta, wide_v = wide(objective, theta, v)
    truth = [wide_objective.value(wide_theta), wide_objective.grad(wide_theta) @ wide_v,
             wide_v @ hvp(wide_objective, wide_theta, wide_v) / 2]
    # longdouble is good to some tens of its own eps, 1e-19, which the sums over 34 entries add up
    slack = 1e-17 * np.abs(wide_v).sum() ** 2
    assert all(abs(c - t) <= r + slack for c, t, r in zip(found.coefficients, truth, found.radii))


def test_nested_dual_numbers_reach_the_third_order():
    objective, theta = small()
    v = directions(theta)[0]

    def derivative(f):
        return lambda x: dual.derivative(f, x, v)
    f, values = objective.value, []
    for _ in range(4):
        values.append(f(theta))
        f = derivative(f)
    truth = taylor(objective, theta, v, 3).coefficients * [1, 1, 2, 6]
    assert distance(values, truth) <= 45 * np.finfo(float).eps


def test_polarisation_gives_every_entry_of_the_hessian():
    objective, theta = small()
    v, w = directions(theta)
    truth = v @ hvp(objective, theta, w)
    assert abs(curvature(objective, theta, v, w) - truth) <= 1e-14 * abs(truth) * theta.size


def test_wider_balls_give_smaller_radii_and_none_is_lost():
    objective, theta = small()
    v = directions(theta)[0]
    coarse, fine = (taylor(objective, theta, v, 6, bits=bits) for bits in (60, 200))
    assert (np.abs(coarse.coefficients - fine.coefficients) <= coarse.radii + fine.radii).all()
    assert (fine.radii <= coarse.radii).all() and (coarse.radii > 1e-18).any()


def test_the_length_of_series_and_the_precision_are_left_as_they_were():
    objective, theta = small()
    before = flint.ctx.cap, flint.ctx.prec
    taylor(objective, theta, theta, 4)
    with pytest.raises(ball.Undecided):
        taylor(*at_a_kink(), 2)
    assert (flint.ctx.cap, flint.ctx.prec) == before


def at_a_kink():
    """tanh(a) - tanh(a) before a ReLU: 0, which no precision proves."""
    layers = (Dense(2, 2, bias=False), Tanh(), Dense(2, 1, bias=False), ReLU(), Dense(1, 1))
    objective, theta = make(layers, LOSSES["SquaredError"], n=3)
    theta = np.array([0.3, 0.7, 0.3, 0.7, 1.0, -1.0, 1.0, 0.0])
    return objective, theta, np.ones(8)


# ---- bad input ----

def test_a_bad_order_or_direction_is_refused():
    objective, theta = small()
    for order in (-1, 1.5, "2"):
        with pytest.raises(ValueError, match="an order >= 0, got"):
            taylor(objective, theta, theta, order)
    with pytest.raises(ValueError, match="one direction"):
        taylor(objective, theta, directions(theta), 2)
    with pytest.raises(ValueError, match=r"v has shape \(33,\)"):
        taylor(objective, theta, theta[1:], 2)
    with pytest.raises(ValueError, match=r"theta.astype\(float\)|v.astype\(float\)"):
        taylor(objective, theta, np.ones(theta.size, int), 2)


def test_what_is_not_finite_and_a_precision_that_is_none_are_refused():
    objective, theta = small()
    bad = theta.copy()
    bad[3] = np.nan
    with pytest.raises(ValueError, match=r"theta has 1 entries that are not finite; .*theta\[3\]"):
        taylor(objective, bad, theta, 2)
    with pytest.raises(ValueError, match=r"v has 34 entries that are not finite"):
        taylor(objective, theta, np.inf * np.ones(34), 2)
    with pytest.raises(ValueError, match="v holds complex128"):
        taylor(objective, theta, theta + 1j, 2)
    with pytest.raises(ValueError, match=r"theta has shape \(33,\)"):
        taylor(objective, theta[1:], theta[1:], 2)
    for bits in (1, 0, -5, 64.0, "64", None):
        with pytest.raises(ValueError, match="bits must be a whole number of at least 2, got"):
            taylor(objective, theta, theta, 2, bits=bits)
