"""The tolerance takes in a program that subtracts without care, and takes in no fault with it."""

import numpy as np
import pytest

import reference as ref
from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.elementwise import Elementwise
from reference.network.losses import CrossEntropy, SquaredError
from reference.network.objective import Objective
from reference.oracle.judge.roundings import rounded_operations

ROWS, EPS = 11, np.finfo(float).eps


def sure(scale, activation="Tanh"):
    """(objective, theta) of a network whose units or outputs saturate as theta's scale grows."""
    rng = np.random.default_rng(3)
    net = Sequential(Dense(4, 5), Elementwise(activation), Dense(5, 3))
    x, theta = rng.standard_normal((ROWS, 4)), scale * rng.standard_normal(net.layout.size)
    objective = Objective(net, CrossEntropy(), x, np.zeros(ROWS, int))
    return Objective(net, CrossEntropy(), x, objective.outputs(theta).argmax(-1)), theta


def careless(objective, theta, tanh_slope=lambda y: 1 - y * y, off=0.0):
    """The gradient by hand: p - y and 1 - y^2 as everybody writes them, p off by `off`."""
    W1, W2 = objective.net.layout.unpack(theta)
    x = np.hstack([objective.x, np.ones((ROWS, 1))])
    h = np.tanh(x @ W1.T)
    z = np.hstack([h, np.ones((ROWS, 1))]) @ W2.T
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    dz = ((1 + off) * p - np.eye(3)[objective.y]) / ROWS
    dh = dz @ W2[:, :5] * tanh_slope(h)
    return np.concatenate([(dh.T @ x).ravel(), (dz.T @ np.hstack([h, np.ones((ROWS, 1))])).ravel()])


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0, 12.0])
def test_a_careless_gradient_agrees_however_sure_the_model_is(scale):
    objective, theta = sure(scale)
    assert ref.check(careless(objective, theta), "gradient", objective, theta).passed


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_loss_of_ten_digits_does_not_agree(scale):
    objective, theta = sure(scale)
    wrong = careless(objective, theta, off=1e-10)
    assert not ref.check(wrong, "gradient", objective, theta).passed


def test_the_data_alone_would_not_tell_of_the_careless():
    objective, theta = sure(12.0)
    ours, off = objective.grad(theta), careless(objective, theta) - objective.grad(theta)
    xi = np.random.default_rng(0).uniform(-1, 1, theta.size)
    near = objective.grad(theta * (1 + EPS * xi)) - ours
    rounded = rounded_operations(objective, EPS, np.random.default_rng(0)).grad(theta) - ours
    assert 8 * np.linalg.norm(near) < np.linalg.norm(off) < 8 * np.linalg.norm(rounded)


@pytest.mark.parametrize("activation", ["Tanh", "Sigmoid", "GELU", "SiLU", "Softplus", "ELU"])
def test_operations_are_off_by_as_much_as_they_are_told(activation):
    objective, theta = sure(0.5, activation)
    v = np.random.default_rng(1).standard_normal(theta.size)
    off = rounded_operations(objective, 1e-6, np.random.default_rng(0))
    for told in (lambda o: o.value(theta), lambda o: o.grad(theta), lambda o: ref.hvp(o, theta, v)):
        distance = np.linalg.norm(told(off) - told(objective)) / np.linalg.norm(told(objective))
        assert 1e-8 < distance < 1e-4              # 1e-6 times what a few layers multiply it by


def test_what_subtracts_nothing_stays_as_it_is():
    rng = np.random.default_rng(5)
    net = Sequential(Dense(4, 5), Elementwise("ReLU"), Dense(5, 3))
    objective = Objective(net, SquaredError(), rng.standard_normal((ROWS, 4)),
                          rng.standard_normal((ROWS, 3)))
    theta = rng.standard_normal(net.layout.size)
    off = rounded_operations(objective, 1e-3, rng)
    np.testing.assert_array_equal(off.grad(theta), objective.grad(theta))
