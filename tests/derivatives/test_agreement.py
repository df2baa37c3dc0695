"""Handwritten digits, 64-16-10, tanh, cross-entropy: all routes agree, and balls prove them."""

import numpy as np
import pytest

from reference import (certify, columns, dense, fisher, gauss_newton, gradient, hessian, hvp,
                       jvp)
from reference.arrays import ball
from reference.arrays.precision import eps
from reference.derivatives.routes import ROUTES, offering
from reference.oracle.certify import certify_value
from tests.derivatives.cases import digits, directions, distance, small, wide

EXACT = [name for name, route in ROUTES.items() if route.exact]
SIX = [name for name in offering("hvp") if name in EXACT]
QUICK = [name for name in SIX if name not in ("hyper-dual", "bicomplex")]


@pytest.fixture(scope="module")
def problem():
    return digits()


@pytest.fixture(scope="module")
def hessian_matrix(problem):
    return dense(hessian(*problem))


@pytest.mark.parametrize("name", [name for name in offering("gradient") if name in EXACT])
def test_gradients_agree(problem, name):
    assert distance(gradient(*problem, route=name), gradient(*wide(*problem))) <= 1e-14


@pytest.mark.parametrize("name", SIX)
def test_hessian_vector_products_agree(problem, name):
    v = directions(problem[1])
    assert distance(hvp(*problem, v, route=name), hvp(*wide(*problem, v))) <= 1e-14


@pytest.mark.parametrize("quantity", ["gradient", "hvp"])
def test_differences_keep_the_error_they_state_which_is_not_absurdly_wide(problem, quantity):
    v, route = directions(problem[1])[:1], ROUTES["central difference"]
    truth = {"gradient": gradient(*problem), "hvp": hvp(*problem, v)}[quantity]
    found = {"gradient": lambda: route.gradient(*problem), "hvp": lambda: route.hvp(*problem, v)}
    stated = route.error(eps(float))
    assert 1e-4 * stated <= distance(found[quantity](), truth) <= stated


@pytest.mark.parametrize("name", QUICK)
def test_whole_hessians_agree(problem, hessian_matrix, name):
    assert distance(columns(hessian(*problem, route=name)), hessian_matrix) <= 1e-14


@pytest.mark.parametrize("name", [name for name in offering("jvp") if name in EXACT])
def test_gauss_newton_matrices_agree(problem, name):
    """Columns J^T S J e with J by each route; S and J^T written out here."""
    objective, theta = problem
    xs = objective.net.forward(theta, objective.x)
    z = xs[-1] - xs[-1].max(1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    u = jvp(objective, theta, np.eye(theta.size), route=name)
    Su = (p * u - p * (p * u).sum(-1, keepdims=True)) / objective.N
    G = objective.net.vjp(theta, xs, Su)[0]
    assert distance(G, dense(gauss_newton(objective, theta))) <= 1e-14
    assert distance(G, dense(fisher(objective, theta))) <= 1e-14


# ---- longdouble, and balls ----

def test_longdouble_is_right_to_17_digits(problem):
    objective, theta = problem
    v = directions(theta)[0]
    values = [gradient(*wide(*problem)), hvp(*wide(*problem, v))]
    with ball.precision(128):
        exact = [gradient(objective, ball.exact(theta)),
                 hvp(objective, ball.exact(theta), ball.exact(v))]
        errors = [ball.distance(truth, value).max() for truth, value in zip(exact, values)]
    for value, error in zip(values, errors):
        assert value.dtype == np.longdouble
        assert 0 < error <= 1e-17 * np.abs(value).max()


def test_longdouble_routes_agree_beyond_float64(problem):
    objective, theta = wide(*problem)
    v = directions(theta)
    values = [hvp(objective, theta, v, route=name) for name in QUICK]
    assert all(value.dtype == np.longdouble for value in values)
    assert max(distance(value, values[0]) for value in values) <= 45 * eps(np.longdouble)


@pytest.mark.parametrize("name", ["backprop", "autograd"])
def test_balls_prove_14_digits_of_the_gradient(problem, name):
    objective, theta = problem
    value = gradient(objective, theta, route=name)
    assert certify_value(value, gradient, objective, theta).digits >= 14


def test_balls_prove_14_digits_of_a_hessian_vector_product(problem):
    assert certify(hvp, *problem, directions(problem[1])[0]).digits >= 14


@pytest.mark.parametrize("loss", ["CrossEntropy", "Gaussian"])
@pytest.mark.parametrize("quantity", [hessian, gauss_newton], ids=["hessian", "gauss_newton"])
def test_balls_prove_14_digits_of_a_whole_matrix(quantity, loss):
    assert certify(quantity, *small(loss=loss)).digits >= 14
