"""The design holds if one more of anything is a few lines, and the whole check passes over it.

Added here: an activation and a loss as one table line each, a layer as one class with two methods,
a route as one function, a number system as one module; and then one problem that uses them all.
"""

from dataclasses import dataclass

import numpy as np
import pytest

import reference as ref
from reference.arrays import functions as F
from reference.arrays.dual import Dual
from reference.derivatives.routes import ROUTES, Route
from reference.network import targets
from reference.network.elementwise import ACTIVATIONS, Activation, Elementwise
from reference.network.losses import LOSSES, Line, Loss, diagonal
from reference.oracle import check as oracle
from reference.oracle.quantities import QUANTITIES
from reference.problems import ZOO, spirals
from tests.arrays import counting                 # the number system: one module

BENT = Activation(lambda x: x + F.sqrt(x * x + 1), lambda x, y: 1 + x / F.sqrt(x * x + 1))

# -log N(y; z, 1/2) up to a constant: without the 1/2 that SquaredError has
TWICE = Line(lambda z, y: F.sum((z - y) * (z - y), -1), lambda z, y: 2 * (z - y),
             lambda z, y: diagonal(2 * F.ones_like(z)), targets.real,
             lambda rng, z: z + rng.standard_normal(z.shape) / np.sqrt(2))


@dataclass(frozen=True)
class Reverse(ref.Layer):
    """y_i = x_(D-i): a layer that permutes its features."""

    def output_shape(self, shape):
        return shape

    def forward(self, W, x):
        return x[..., ::-1]

    def vjp(self, W, x, y, dy):
        return None, dy[..., ::-1]


def differences_of_the_tape(objective, theta, v):
    """H v by central differences of autograd's gradient: not exact, and stated so."""
    rows, grad, h = v.reshape(-1, theta.size), ROUTES["autograd"].gradient, 1e-6
    return np.stack([(grad(objective, theta + h * d) - grad(objective, theta - h * d)) / (2 * h)
                     for d in rows]).reshape(v.shape)


def counted_gradient(objective, theta):
    """The gradient in the added number system."""
    return counting.value(objective.grad(counting.Counted(theta)))


def problem(rng):
    x, y = spirals(rng, 21)
    net = ref.Sequential(ref.Dense(2, 5), Elementwise("Bent"), Reverse(), ref.Dense(5, 3))
    one_hot = np.eye(3)[y % 3]
    return ref.Objective(net, Loss("Twice"), x, one_hot, l2=0.01), net.initial(rng)


@pytest.fixture
def one_of_each(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "Bent", BENT)
    monkeypatch.setitem(LOSSES, "Twice", TWICE)
    monkeypatch.setitem(ROUTES, "differences of the tape",
                        Route(lambda eps: 1e-6, hvp=differences_of_the_tape))
    monkeypatch.setitem(ROUTES, "counted", Route(lambda eps: 45 * eps, counted_gradient))
    monkeypatch.setitem(ZOO, "one of each", problem)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_whole_check_passes_over_one_more_of_each(one_of_each, quantity):
    rows = oracle.rows_of(("one of each", quantity, 0))
    for row in rows:
        assert row.passed, row
    added = {"gradient": "counted", "hvp": "differences of the tape"}.get(quantity)
    assert added is None or added in {row.route for row in rows}


@pytest.mark.parametrize("quantity", ["gradient", "hvp"])
def test_the_check_fails_over_a_wrong_one_of_each(one_of_each, monkeypatch, quantity):
    """Slopes off by 1e-9: value and slope disagree, and the function's own routes see it."""
    wrong = Activation(BENT.value, lambda x, y: BENT.slope(x, y) * (1 + 1e-9))
    monkeypatch.setitem(ACTIVATIONS, "Bent", wrong)
    assert not all(row.passed for row in oracle.rows_of(("one of each", quantity, 0)))


def test_the_added_layer_runs_in_dual_numbers_of_several_directions(one_of_each):
    objective, theta = problem(np.random.default_rng(0))
    V = np.random.default_rng(1).standard_normal((3, theta.size))
    assert np.allclose(objective.value(Dual(theta, V)).du, V @ objective.grad(theta), rtol=1e-13)
