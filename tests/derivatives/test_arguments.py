"""What routes accept and refuse: precision, complex numbers, read-only arrays, shapes, names."""

import numpy as np
import pytest

from reference import Dense, Identity, Objective, Sequential, SquaredError
from reference.arrays.precision import eps
from reference.network.elementwise import Elementwise
from reference.derivatives.routes import ROUTES, gradient, hvp, jvp, offering, vjp
from reference.problems import ZOO
from tests.derivatives.cases import directions, distance, small

along_a_direction = pytest.mark.parametrize(
    "quantity, name", [(q, name) for q in ("jvp", "hvp") for name in offering(q)])


@pytest.mark.parametrize("quantity, name", [(q, name) for q in ("gradient", "jvp", "hvp")
                                            for name in offering(q)])
def test_no_route_writes_on_its_arguments(quantity, name):
    objective, theta = small()
    v = directions(theta)
    for array in (theta, v, objective.x, objective.targets):
        array.flags.writeable = False
    arguments = [theta] if quantity == "gradient" else [theta, v]
    assert np.isfinite(offering(quantity)[name](objective, *arguments)).all()


@along_a_direction
def test_directions_in_less_precision_cost_no_digits(quantity, name):
    objective, theta = small()
    v, function = directions(theta).astype(np.float32), offering(quantity)[name]
    found = function(objective, theta, v)
    assert found.dtype == float
    assert distance(found, function(objective, theta, v + 0.0 * theta)) <= 4 * eps(float)


COMPLEX = ("dual", "hyper-dual", "central difference")             # linear in v, analytic in theta


@along_a_direction
def test_complex_directions_give_both_parts_or_are_refused(quantity, name):
    objective, theta = small()
    (v, w), function = directions(theta), offering(quantity)[name]
    if name in COMPLEX:
        both = function(objective, theta, v) + 1j * function(objective, theta, w)
        assert distance(function(objective, theta, v + 1j * w), both) <= 2 * ROUTES[name].error(
            eps(float))
    else:
        for arguments in ((theta, v + 1j * w), (theta + 0.01j * w, v)):
            with pytest.raises(TypeError, match="real"):
                function(objective, *arguments)


def test_gradients_at_complex_parameters_are_analytic_or_refused():
    objective, theta = small()
    theta = theta + 0.01j * directions(theta)[0]
    for name, function in offering("gradient").items():
        if name in ("complex step", "autograd"):
            with pytest.raises(TypeError, match="real"):
                function(objective, theta)
        else:
            found = function(objective, theta)
            assert distance(found, objective.grad(theta)) <= ROUTES[name].error(eps(float))


# ---- bad input ----

def test_an_unknown_route_is_refused_with_the_names_of_those_there_are():
    objective, theta = small()
    with pytest.raises(ValueError, match="no route 'magic' to hvp; choose one of dual, complex"):
        hvp(objective, theta, theta, route="magic")
    with pytest.raises(ValueError, match="no route 'backprop' to hvp"):
        hvp(objective, theta, theta, route="backprop")
    with pytest.raises(ValueError, match="no route 'bicomplex' to gradient"):
        gradient(objective, theta, route="bicomplex")


@pytest.mark.parametrize("v, message", [
    (np.ones(33), r"v has shape \(33,\) and theta \(34,\)"),
    (np.ones((34, 1)), r"v has shape \(34, 1\)"),
    (np.ones((2, 3, 34)), r"v must be \(P,\) or \(K, P\)"),
    (np.ones(34, int), r"write v.astype\(float\)"),
    (np.ones(34, bool), r"v holds bool"),
    (np.ones(34, np.float16), r"use float32, float64 or longdouble"),
    ([1.0] * 34, r"pass numpy.asarray\(v"),
], ids=["short", "column", "cube", "integers", "booleans", "half", "list"])
def test_a_direction_of_wrong_shape_or_type_is_refused(v, message):
    objective, theta = small()
    for quantity in (hvp, gradient):
        with pytest.raises((ValueError, TypeError), match=message):
            quantity(objective, theta, v)


def test_a_theta_of_wrong_shape_or_type_is_refused():
    objective, theta = small()
    with pytest.raises(ValueError, match="theta must be"):
        hvp(objective, theta[None], theta)
    with pytest.raises(ValueError, match=r"^theta has shape \(1, 34\); theta must be one vector"):
        gradient(objective, theta[None])
    with pytest.raises(TypeError, match=r"theta is a list; pass numpy.asarray\(theta"):
        gradient(objective, list(theta))
    with pytest.raises(ValueError, match=r"theta has shape \(35,\) but .* needs 34"):
        gradient(objective, np.ones(35))
    for name in offering("gradient"):
        with pytest.raises(ValueError, match="theta holds int64"):
            gradient(objective, np.ones(34, int), route=name)


@pytest.mark.parametrize("length", [1e200, 1e20, 1e-250], ids=str)
@pytest.mark.parametrize("route", offering("hvp"))
def test_the_length_of_a_direction_does_not_matter(route, length):
    objective, theta = ZOO["pooled digits"](np.random.default_rng(0))
    v = np.random.default_rng(1).standard_normal(theta.size)
    Hv = hvp(objective, theta, v)
    found = hvp(objective, theta, length * v, route) / length
    assert np.abs(found - Hv).max() <= ROUTES[route].error(2.3e-16) * np.abs(Hv).max()


@pytest.mark.parametrize("route", offering("hvp"))
def test_a_longdouble_direction_is_not_narrowed(route):
    objective, theta = ZOO["pooled digits"](np.random.default_rng(0))
    assert hvp(objective, theta, np.ones(145, np.longdouble), route).dtype == np.longdouble


def test_a_first_layer_that_does_nothing_changes_nothing():
    x = np.random.default_rng(0).standard_normal((4, 3))
    objectives = [Objective(Sequential(*first, Dense(3, 2)), SquaredError(), x, x[:, :2])
                  for first in ((), (Identity(),))]
    theta = objectives[0].net.initial(np.random.default_rng(1))
    assert (gradient(objectives[0], theta) == gradient(objectives[1], theta)).all()


@along_a_direction
def test_no_directions_give_no_products(quantity, name):
    objective, theta = small()
    one = offering(quantity)[name](objective, theta, np.zeros((1, theta.size)))
    none = offering(quantity)[name](objective, theta, np.zeros((0, theta.size)))
    assert none.shape == (0, *one.shape[1:])


@pytest.mark.parametrize("name", ["ELU", "SELU", "Tanh", "Sigmoid", "Softplus", "GELU", "Mish"])
@pytest.mark.parametrize("x", [-800.0, -40.0, -20.0, 20.0, 800.0])
def test_exact_routes_agree_in_the_tails(name, x):
    net = Sequential(Dense(1, 1, bias=False), Elementwise(name), Dense(1, 1, bias=False))
    objective = Objective(net, SquaredError(), np.ones((1, 1)), np.full((1, 1), 0.5))
    theta, v = np.array([x, 1.0]), np.array([1.0, 0.5])
    g, Hv = gradient(objective, theta), hvp(objective, theta, v)
    for route in ("dual", "autograd"):
        assert np.allclose(gradient(objective, theta, route=route), g, rtol=1e-13, atol=1e-300)
        assert np.allclose(hvp(objective, theta, v, route), Hv, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("function", [gradient, jvp, hvp, vjp])
def test_what_is_no_objective_is_refused(function):
    objective, theta = small()
    for wrong in (3, objective.net):
        with pytest.raises(TypeError, match="objective is a .*; pass Objective"):
            function(wrong, theta, theta)


def test_a_list_is_no_name_of_a_route():
    objective, theta = small()
    with pytest.raises(ValueError, match=r"no route \['dual'\] to hvp; choose"):
        hvp(objective, theta, theta, ["dual"])
