"""Differences: their order of accuracy, and that the error they estimate is honest."""

import numpy as np
import pytest

from reference import Dense, Objective, ReLU, Sequential, SquaredError, hvp
from reference.arrays.precision import eps
from reference.derivatives import complex_step
from reference.derivatives.finite_difference import central_difference, derivative
from tests.derivatives.cases import LOSSES, SMOOTH, directions, distance, small, wide

FUNCTIONS = ("value", "outputs", "grad")
SMOOTH_LOSSES = [loss for loss in LOSSES if loss != "Huber"]


def exact(objective, theta, v, name):
    """The derivative along v of a method of the objective, by one complex step in longdouble."""
    objective, theta, v = wide(objective, theta, v)
    return complex_step.derivative(getattr(objective, name), theta, v)


def errors(objective, theta, V, name, found):
    """Largest error per row of V."""
    truth = exact(objective, theta, V, name)
    return np.abs(found - truth).reshape(len(V), -1).max(1).astype(float)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
@pytest.mark.parametrize("activation", SMOOTH)
def test_the_estimated_error_is_honest(activation, loss, name):
    objective, theta = small(activation, loss)
    V = directions(theta, 5)
    found, estimate = derivative(getattr(objective, name), theta, V)
    assert estimate.shape == (5,) and (estimate > 0).all()
    assert (errors(objective, theta, V, name, found) <= 10 * estimate).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_estimated_error_is_useful(name):
    """Not so wide that it says nothing: a typical estimate claims 10 digits."""
    objective, theta = small()
    V = directions(theta, 5)
    found, estimate = derivative(getattr(objective, name), theta, V)
    assert np.median(estimate) <= 1e-10 * np.abs(found).max()


def test_the_estimate_covers_a_direction_of_any_length_and_zero():
    objective, theta = small()
    v = directions(theta)[0]
    V = np.stack([1e-9 * v, v, 1e9 * v, 0 * v])
    found, estimate = derivative(objective.grad, theta, V)
    assert (errors(objective, theta, V, "grad", found) <= 10 * estimate).all()
    assert (found[3] == 0).all()


def bent(offset, dtype=float):
    """One ReLU whose input is `offset`, and a direction of length 1 along which it grows as t."""
    net = Sequential(Dense(1, 1), ReLU(), Dense(1, 1))
    objective = Objective(net, SquaredError(), np.ones((1, 1)), np.full((1, 1), 3.0))
    theta = np.array([offset - 1, 1.0, 1.0, 0.5]).astype(dtype)
    return objective.to(dtype), theta, np.array([1, 0, 0, 0], dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [2.0 ** -k for k in range(9, 22)] + [-1e-3, 1e-6])
def test_products_whose_steps_all_cross_a_kink_are_refused(offset, dtype):
    objective, theta, v = bent(offset, dtype)
    with pytest.raises(ArithmeticError, match="do not converge: .* a kink within their reach"):
        hvp(objective, theta, v, "central difference")


@pytest.mark.parametrize("offset", [0.3, 2.0 ** -3, 2.0 ** -5, -0.1])
def test_a_kink_out_of_reach_of_some_steps_is_stepped_short_of(offset):
    objective, theta, v = bent(offset)
    truth = hvp(objective, theta, v)
    assert np.abs(hvp(objective, theta, v, "central difference") - truth).max() < 1e-6


def test_a_derivative_that_is_nothing_but_rounding_is_no_lack_of_convergence():
    objective, theta, v = bent(-1.0)                      # the unit is dead
    assert not np.abs(hvp(objective, theta, v, "central difference")).any()
    assert not np.abs(hvp(objective, theta, 0 * v, "central difference")).any()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_central_differences_are_of_second_order(name):
    objective, theta = wide(*small())                     # longdouble: rounding is far below h^2
    v = directions(theta)[0]
    hs = 2.0 ** -np.arange(7, 13)
    truth = exact(objective, theta, v, name)
    off = [distance(central_difference(getattr(objective, name), theta, v, h), truth) for h in hs]
    slope = np.polyfit(np.log(hs), np.log(off), 1)[0]
    assert abs(slope - 2) < 0.01                          # the next term is h^2 = 1e-4 smaller


def test_the_slope_of_a_first_order_difference_is_told_apart():
    objective, theta = wide(*small())
    v = directions(theta)[0]
    hs = 2.0 ** -np.arange(7, 13)
    truth = exact(objective, theta, v, "grad")
    off = [distance((objective.grad(theta + h * v) - objective.grad(theta)) / h, truth) for h in hs]
    assert abs(np.polyfit(np.log(hs), np.log(off), 1)[0] - 1) < 0.1


@pytest.mark.parametrize("h", [1e-10, 1e-20, 1e-40, 1e-80, 1e-140])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_error_of_a_complex_step_does_not_depend_on_its_length(name, h, monkeypatch):
    objective, theta = small()
    v = directions(theta)[0]
    monkeypatch.setattr(complex_step, "complex_step_length", lambda dtype: h)
    found = complex_step.derivative(getattr(objective, name), theta, v)
    monkeypatch.undo()
    assert distance(found, exact(objective, theta, v, name)) <= 45 * eps(float)


def test_a_complex_step_that_is_too_long_shows():
    objective, theta = small()
    v = directions(theta)[0]
    found = objective.grad(theta + 1e-4j * v).imag / 1e-4
    assert 1e-12 < distance(found, exact(objective, theta, v, "grad")) < 1e-4
