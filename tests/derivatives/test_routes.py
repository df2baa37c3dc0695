"""Every route keeps the error that it states, on every activation with every loss.

The truth is computed in longdouble from the value alone, by dual and hyper-dual numbers: no line
of backward code takes part.  The suite is a function, `faults`; routes that are planted wrong must
show up in what it returns, and a route that is added must not.
"""

from dataclasses import replace

import numpy as np
import pytest

from reference.arrays.precision import eps
from reference.derivatives import dual
from reference.derivatives.routes import ROUTES, Route, hvp, offering
from reference.network.elementwise import ACTIVATIONS

from tests.derivatives.cases import LOSSES, SMOOTH, directions, distance, small, weighted, wide

TYPES = {"float32": np.float32, "float64": np.float64}


def truths(objective, theta, v):
    """{quantity: its value in longdouble}, from forward code alone."""
    objective, theta, v = wide(objective, theta, v)
    return {"gradient": dual.gradient(objective, theta), "jvp": dual.jvp(objective, theta, v),
            "hvp": dual.hyper_hvp(objective, theta, v)}


def answer(quantity, function, objective, theta, v):
    """What a route says; only a gradient needs no direction."""
    return function(objective, theta, *([] if quantity == "gradient" else [v]))


def faults(objective, theta, v, smooth=True):
    """{(quantity, route)} where the error exceeds what the route states, or the dtype changes.

    Differences are asked only on functions that are smooth.
    """
    found = set()
    for quantity, truth in truths(objective, theta, v).items():
        for name, function in offering(quantity).items():
            if not (smooth or ROUTES[name].exact):
                continue
            value = answer(quantity, function, objective, theta, v)
            right = distance(value, truth) <= ROUTES[name].error(eps(theta.dtype))
            if not (right and value.dtype == theta.dtype):
                found.add((quantity, name))
    return found


@pytest.mark.parametrize("dtype", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_route_keeps_the_error_it_states(activation, loss, dtype):
    objective, theta = weighted(activation, loss)
    smooth = activation in SMOOTH and loss != "Huber"
    theta = theta.astype(dtype)
    assert faults(objective.to(dtype), theta, directions(theta), smooth) == set()


def test_central_differences_are_far_worse_than_exact_routes_and_say_so():
    objective, theta = small()
    v = directions(theta)
    for quantity, truth in truths(objective, theta, v).items():
        errors = {name: distance(answer(quantity, function, objective, theta, v), truth)
                  for name, function in offering(quantity).items()}
        assert errors.pop("central difference") > 10 * max(errors.values())
    assert [name for name, route in ROUTES.items() if not route.exact] == ["central difference"]


@pytest.mark.parametrize("quantity, name", [(q, name) for q in ("jvp", "hvp")
                                            for name in offering(q)])
def test_many_directions_at_once_equal_one_by_one(quantity, name):
    objective, theta = weighted()
    function, V = offering(quantity)[name], directions(theta, 67)      # more than fit in one pass
    together = function(objective, theta, V)
    alone = np.stack([function(objective, theta, v) for v in V])
    assert distance(together, alone) <= ROUTES[name].error(eps(theta.dtype))


# ---- a route more ----

def forward_difference(objective, theta, v, h=2.0 ** -27):
    """(grad L(theta + h v) - grad L(theta))/h: a route in one line."""
    return (objective.grad(theta + h * v) - objective.grad(theta)) / h


def test_a_route_is_added_by_one_function_and_one_line(monkeypatch):
    objective, theta = small()
    v = directions(theta)
    monkeypatch.setitem(ROUTES, "forward difference",
                        Route(lambda eps: 40 * eps ** 0.5, hvp=forward_difference))
    assert distance(hvp(objective, theta, v, route="forward difference"),
                    hvp(objective, theta, v)) < 1e-6
    assert faults(objective, theta, v) == set()


# ---- routes that are wrong ----

def swapped(value):
    """Two entries exchanged."""
    value = value.copy()
    value[..., [0, 1]] = value[..., [1, 0]]
    return value


def punctured(value):
    """One NaN."""
    value = value.copy()
    value[..., -1] = np.nan
    return value


WRONG = {
    "too long": lambda value: 1.001 * value,
    "too short by 1e-13": lambda value: (1 - 1e-13) * value,
    "swapped": swapped,
    "not a number": punctured,
    "downcast": lambda value: value.astype(np.float32).astype(float),
    "imaginary": lambda value: value + 0j,
    "one row": lambda value: value[..., None],
}


@pytest.mark.parametrize("quantity", ["gradient", "jvp", "hvp"])
@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG)
def test_a_wrong_route_is_caught_and_no_other(spoil, quantity, monkeypatch):
    objective, theta = small()
    right = getattr(ROUTES["complex step"], quantity)
    wrong = replace(ROUTES["complex step"], **{quantity: lambda *a: spoil(right(*a))})
    monkeypatch.setitem(ROUTES, "complex step", wrong)
    assert faults(objective, theta, directions(theta)) == {(quantity, "complex step")}
