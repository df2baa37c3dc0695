"""Jacobians and per-example gradients, and forward mode against reverse mode."""

import numpy as np
import pytest

from reference import Dense, Sigmoid, Tanh, gradient, jacobian, jvp, per_example_gradients, vjp
from reference.arrays.precision import eps
from reference.derivatives import dual
from reference.derivatives.routes import ROUTES, offering
from reference.network.elementwise import ACTIVATIONS
from tests.derivatives.cases import LOSSES, SMOOTH, directions, distance, make, small, wide

# Sums of some 100 products, each rounded: a few tens of eps relative to the largest.
TOLERANCE = 45 * eps(float)
DEEP = (Dense(5, 3), Tanh(), Dense(3, 2, bias=False), Sigmoid(), Dense(2, 4))


def cotangents(objective, count=3):
    return np.random.default_rng(5).standard_normal((count,) + objective.output_shape)


@pytest.mark.parametrize("name", offering("jvp"))
@pytest.mark.parametrize("activation", SMOOTH)
def test_jvp_and_vjp_are_adjoint(activation, name):
    objective, theta = small(activation)
    V, U = directions(theta), cotangents(objective)
    Jv, Ju = jvp(objective, theta, V, route=name), vjp(objective, theta, U)
    forward, reverse = np.einsum("unc,vnc->uv", U, Jv), Ju @ V.T
    assert distance(forward, reverse) <= 10 * ROUTES[name].error(eps(float))   # the sums may cancel


def test_directional_derivatives_are_products_with_the_gradient():
    objective, theta = small(l2=0.1)
    V = directions(theta, 3)
    truth = dual.derivative(objective.value, theta, V)
    assert distance(gradient(objective, theta, V), truth) <= TOLERANCE
    assert distance(gradient(objective, theta, V[1], route="autograd"), truth[1]) <= TOLERANCE


def test_vjp_of_many_cotangents_equals_one_by_one():
    objective, theta = make(DEEP, LOSSES["CrossEntropy"])
    U = cotangents(objective)
    together = vjp(objective, theta, U)
    assert distance(together, np.stack([vjp(objective, theta, u) for u in U])) <= TOLERANCE


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_columns_of_the_jacobian_are_jvps(activation):
    objective, theta = small(activation)
    J = jacobian(objective, theta)
    assert J.shape == (7, 4, 34)
    assert distance(np.moveaxis(J, -1, 0), jvp(objective, theta, np.eye(34))) <= TOLERANCE


def test_rows_of_the_jacobian_are_vjps():
    objective, theta = make(DEEP, LOSSES["CrossEntropy"])
    J, u = jacobian(objective, theta), cotangents(objective)
    assert distance(np.einsum("ncp,knc->kp", J, u), vjp(objective, theta, u)) <= TOLERANCE


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", LOSSES)
def test_per_example_gradients_sum_to_the_gradient(loss, reduction):
    w = np.random.default_rng(4).random(7)
    objective, theta = make(DEEP, LOSSES[loss], weights=w, l2=0.2, reduction=reduction)
    rows = per_example_gradients(objective, theta)
    R = 7 if reduction == "mean" else 1
    assert distance(w @ rows / R + 0.2 * theta, objective.grad(theta)) <= TOLERANCE


def test_per_example_gradients_are_the_gradients_of_single_examples():
    objective, theta = make(DEEP, LOSSES["Poisson"])
    alone = [objective.batch(slice(n, n + 1)).grad(theta) for n in range(7)]
    assert distance(per_example_gradients(objective, theta), np.stack(alone)) <= TOLERANCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_jacobians_and_rows_keep_the_precision(dtype):
    objective, theta = make(DEEP, LOSSES["CrossEntropy"])
    truth = jacobian(*wide(objective, theta))
    J = jacobian(objective.to(dtype), theta.astype(dtype))
    rows = per_example_gradients(objective.to(dtype), theta.astype(dtype))
    assert J.dtype == rows.dtype == dtype
    # the data are rounded to float32 as well, which tanh and sigmoid do not amplify
    assert distance(J, truth) <= 45 * eps(dtype)


def test_jacobian_in_dual_numbers_is_its_derivative():
    objective, theta = small()
    v, h = directions(theta)[0], 1e-20
    R = dual.derivative(lambda t: jacobian(objective, t), theta, v)
    assert distance(R, jacobian(objective, theta + 1j * h * v).imag / h) <= TOLERANCE


# ---- bad input ----

def test_cotangents_of_wrong_shape_or_type_are_refused():
    objective, theta = small()
    for shape in [(7, 3), (4, 7), (4,), (2, 3, 7, 4)]:
        with pytest.raises(ValueError, match=r"u has shape .*, the outputs \(7, 4\)"):
            vjp(objective, theta, np.ones(shape))
    with pytest.raises(ValueError, match=r"write u.astype\(float\)"):
        vjp(objective, theta, np.ones((7, 4), int))
    with pytest.raises(TypeError, match="u is a list"):
        vjp(objective, theta, [[1.0] * 4] * 7)


def test_a_swapped_jacobian_would_be_seen():
    """The checks above depend on sizes that differ and on rows that differ."""
    objective, theta = small()
    J = jacobian(objective, theta)
    V = np.moveaxis(jvp(objective, theta, np.eye(34)), 0, -1)
    assert distance(J[:, ::-1], V) > 0.1 and distance(J[::-1], V) > 0.1
    assert distance(J[..., [1, 0, *range(2, 34)]], V) > 1e-3
