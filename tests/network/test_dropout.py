"""Dropout with a given mask: a linear map, cut with the batch, and drawn from a generator."""

import numpy as np
import pytest

from reference import (CrossEntropy, Dense, Dropout, Objective, Parallel, Sequential, Tanh, certify,
                       dropout, gradient, hvp, per_example_gradients)
from tests.derivatives.cases import distance

NEAR = 64 * np.finfo(float).eps
rng = np.random.default_rng


def test_kept_entries_are_divided_by_the_chance_of_being_kept_and_others_are_zero():
    g = rng(0)
    mask, (x, dy) = g.random((4, 2, 5)) < 0.6, g.standard_normal((2, 4, 2, 5))
    layer = Dropout(mask, 0.3)
    y, (_, dx) = layer.forward(None, x), layer.vjp(None, x, None, dy)
    for i in np.ndindex(x.shape):
        assert abs(y[i] - (x[i] / 0.7 if mask[i] else 0)) < 1e-15
        assert abs(dx[i] - (dy[i] / 0.7 if mask[i] else 0)) < 1e-15
    assert layer.output_shape((2, 5)) == (2, 5)


def scaled(power, chance):
    """Dropout with another factor, or with the factor twice."""
    class Planted(Dropout):
        def _masked(self, a):
            return np.where(self.mask, a / chance(self.p) ** power, 0)
    return Planted


@pytest.mark.parametrize("fault", [scaled(1, lambda p: p), scaled(2, lambda p: 1 - p),
                                   scaled(0, lambda p: p)], ids=["by p", "twice", "never"])
def test_expectations_see_a_wrong_scale(fault):
    """E y = x over masks: 0.4/(1 - p) of one when 0.4 are kept, exactly."""
    mask, x = np.arange(10)[:, None] < 4, np.ones((10, 1))
    assert abs(Dropout(mask, 0.6).forward(None, x).mean() - 1) < 1e-15
    assert abs(fault(mask, 0.6).forward(None, x).mean() - 1) > 0.1


def test_nothing_is_dropped_at_zero_and_a_shared_mask_is_the_same_for_all():
    x = rng(0).standard_normal((4, 5))
    assert np.array_equal(dropout(rng(1), (4, 5), 0.0).forward(None, x), x)
    mask = np.array([True, False, True, True, False])
    one, all_of_them = Dropout(mask, 0.25, shared=True), Dropout(np.tile(mask, (4, 1)), 0.25)
    assert np.array_equal(one.forward(None, x), all_of_them.forward(None, x))
    assert one.batch(slice(0, 2)) is one and one.output_shape((5,)) == (5,)


def test_masks_are_drawn_from_the_generator_and_keep_a_share_of_one_minus_p():
    layer = dropout(rng(0), (200, 500), 0.3)
    assert np.array_equal(layer.mask, dropout(rng(0), (200, 500), 0.3).mask)
    assert not np.array_equal(layer.mask, dropout(rng(1), (200, 500), 0.3).mask)
    deviation = np.sqrt(0.3 * 0.7 / 1e5)
    assert abs(layer.mask.mean() - 0.7) < 5 * deviation
    assert layer.p == 0.3 and not layer.shared and dropout(rng(0), (3,), shared=True).shared


def problem(inside=lambda layer: layer):
    g = rng(3)
    net = Sequential(Dense(4, 5), inside(dropout(g, (6, 5), 0.3)), Tanh(), Dense(5, 3))
    objective = Objective(net, CrossEntropy(), g.standard_normal((6, 4)), g.integers(0, 3, 6))
    return objective, g.standard_normal(net.layout.size)


@pytest.mark.parametrize("inside", [lambda layer: layer, Sequential, Parallel],
                         ids=["bare", "chain", "branch"])
def test_a_batch_takes_its_masks_along(inside):
    objective, theta = problem(inside)
    rows, index = per_example_gradients(objective, theta), np.array([4, 1, 2])
    assert distance(per_example_gradients(objective.batch(index), theta), rows[index]) <= NEAR
    alone = [objective.batch(slice(n, n + 1)).grad(theta) for n in range(6)]
    assert distance(rows, np.array(alone)) <= NEAR
    chosen = np.arange(6) % 2 == 0
    assert distance(objective.batch(chosen).grad(theta), rows[chosen].mean(0)) <= NEAR


def test_leading_axes_of_theta_meet_one_mask():
    objective, theta = problem()
    thetas = np.array([theta, 2 * theta, -theta]).reshape(3, 1, -1)
    loop = [objective.grad(t) for t in thetas[:, 0]]
    assert distance(objective.grad(thetas)[:, 0], np.array(loop)) <= NEAR


def test_derivatives_agree_and_are_proven():
    objective, theta = problem()
    v = rng(4).standard_normal(theta.size)
    assert distance(objective.grad(theta), gradient(objective, theta, route="complex step")) <= NEAR
    assert distance(hvp(objective, theta, v), hvp(objective, theta, v, "autograd")) <= NEAR
    assert certify(hvp, objective, theta, v).digits >= 14


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_the_scale_has_the_precision_of_x(dtype):
    y = Dropout(np.ones((1, 1), bool), 0.1).forward(None, np.ones((1, 1), dtype))
    assert y.dtype == dtype and abs(y * (1 - dtype(0.1)) - 1) <= 2 * np.finfo(dtype).eps


# ---- bad input ----

@pytest.mark.parametrize("make, says", [
    (lambda: Dropout(np.ones((3, 4))), "mask must hold True"),
    (lambda: Dropout(np.ones((3, 0), bool)), "mask must hold True"),
    (lambda: Dropout(np.ones((3, 4), bool), 1.0), r"p must be a Python float in \[0, 1\)"),
    (lambda: dropout(rng(0), (3, 4), -0.1), "p must be"),
    (lambda: dropout(rng(0), (3, 4), np.float32(0.5)), "p must be a Python float"),
    (lambda: dropout(rng(0), (3, 4), 0.5).output_shape((3,)), r"masks examples of shape \(4,\)"),
    (lambda: dropout(rng(0), (3, 4), 0.5).output_shape((3, 4)), "draw a mask"),
    (lambda: dropout(rng(0), (3, 4)).forward(None, np.ones((5, 4))), "3 examples and the .* 5"),
    (lambda: dropout(rng(0), (3, 4)).forward(None, np.ones((1, 4))), "3 examples and the .* 1"),
])
def test_bad_masks_and_probabilities_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_masks_are_arrays_and_generators_are_generators():
    with pytest.raises(TypeError, match="mask is a list"):
        Dropout([True, False])
    with pytest.raises(TypeError, match="is not a generator"):
        dropout(0, (3, 4))
    with pytest.raises(TypeError, match="shared must be True or False"):
        Dropout(np.ones((3, 4), bool), 0.5, 1)
