"""Examples one by one for every layer: against N copies of theta, each with one example.

theta (N, P) makes N networks, and x (N, 1, ...) gives each its own batch of one: then the gradients
of examples are totals of N batches, and the contraction that keeps examples apart is not used.
Layers that hold an array per example, or read integers, are cut into batches of one instead.
"""

from dataclasses import fields, replace

import numpy as np
import pytest

import reference as ref
from reference.arrays.precision import eps
from reference.problems.layers import LAYERS
from tests.derivatives.cases import distance

TOLERANCE = 500 * eps(float)           # transformers add up some hundred products, several times


def ignoring(rng):
    """Labels at places, of which some count more and some do not count."""
    net, loss = ref.Sequential(ref.Dense(4, 3)), ref.CrossEntropy((1.0, 2.0, 0.5), ignore=1)
    x, y = rng.standard_normal((5, 7, 4)), rng.integers(0, 3, (5, 7))
    return ref.Objective(net, loss, x, y), rng.standard_normal(15)


CASES = LAYERS | {"labels ignored": ignoring}


def problem(case):
    return CASES[case](np.random.default_rng(0))


def holds_examples(net):
    """Whether a layer cuts an array when the batch is cut, as masks and states; found by asking."""
    return held(net) != held(net.batch(slice(0, 1)))


def held(layer):
    """Shapes of the arrays that are fields of layers, all the way down."""
    if isinstance(layer, ref.Layer):
        return [held(getattr(layer, field.name)) for field in fields(layer)]
    return list(map(held, layer)) if isinstance(layer, tuple) else np.shape(layer)


APART = [case for case in CASES if problem(case)[0].net.apart and not problem(case)[0].net.couples]
COUPLED = [case for case in CASES if problem(case)[0].net.couples]
LIFTED = [case for case in APART if problem(case)[0].x.dtype.kind == "f"
          and not holds_examples(problem(case)[0].net)]
each_apart = pytest.mark.parametrize("case", APART)


def pulled(objective, theta, u):
    """(dz_n/dtheta)^T u_n (M, N, P) for u (M, N, ...), by totals of batches of one."""
    net, N = objective.net, objective.N
    thetas = np.tile(theta, (N, 1))
    Ws = net.matrices(thetas)
    trace = net.trace(Ws, objective.x[:, None])
    uses, _ = net.pull(Ws, trace, u[:, :, None], data=True)
    return packed(net, [use.total() for use in uses])


def packed(net, totals):
    """One total for each matrix of the layers, those of shared matrices added."""
    first = {}
    for entries, dW in zip(net.matrices(np.arange(net.layout.size) + 0.0), totals):
        key = int(entries[0, 0])
        first[key] = first.get(key, 0) + dW
    return net.layout.pack([first[key] for key in sorted(first)])


def one_by_one(objective, theta, u):
    """The same by a loop over batches of one."""
    columns = []
    for n in range(objective.N):
        one = objective.batch(slice(n, n + 1))
        thetas = np.tile(theta, (len(u), 1))
        Ws = one.net.matrices(thetas)
        trace = one.net.trace(Ws, one.x if one.x.dtype.kind in "iu" else one.x[None])
        uses, _ = one.net.pull(Ws, trace, u[:, n:n + 1], data=True)
        columns.append(packed(one.net, [use.total() for use in uses]))
    return np.stack(columns, axis=1)


def own_weights(objective):
    """Of labels at places, their weights, which are in the rows; those of examples are not."""
    w = objective.label_weights
    return w if w is not None and w.ndim > 1 else np.ones(objective.output_shape[:-1])


def truth(case, u):
    return (pulled if case in LIFTED else one_by_one)(*problem(case), u)


def test_most_layers_are_lifted_and_the_others_read_words_or_hold_examples():
    assert len(LIFTED) > 0.6 * len(APART)
    for case in set(APART) - set(LIFTED):
        assert any(word in case for word in (
            "Embedding", "mask", "state", "Positions", "Dropout", "Language")), case


@each_apart
def test_gradients_of_examples_are_totals_of_batches_of_one(case):
    objective, theta = problem(case)
    z = objective.outputs(theta)
    u = objective.loss.gradient(z, objective.targets) * own_weights(objective)[..., None]
    rows = ref.per_example_gradients(objective, theta)
    assert rows.shape == (objective.N, theta.size)
    assert distance(rows, truth(case, u[None])[0]) <= TOLERANCE


@each_apart
def test_jacobians_are_totals_of_batches_of_one_and_keep_the_places(case):
    objective, theta = problem(case)
    shape = objective.output_shape
    J = ref.jacobian(objective, theta)
    assert J.shape == shape + (theta.size,)
    units = np.eye(J[0, ..., 0].size).reshape(-1, 1, *shape[1:])
    rows = truth(case, np.broadcast_to(units, units.shape[:1] + shape))
    assert distance(J, np.moveaxis(rows, 0, 1).reshape(J.shape)) <= TOLERANCE


@pytest.mark.parametrize("case", LIFTED)
def test_complex_steps_of_batches_of_one_are_products_with_the_same_rows(case):
    """Nothing is pulled back at all."""
    objective, theta = problem(case)
    net, x = objective.net, objective.x[:, None]
    v = np.random.default_rng(1).standard_normal(theta.size)
    thetas = np.tile(theta + 1e-20j * v, (objective.N, 1))
    z = net.trace(net.matrices(thetas), x + 0j)[-1][:, 0]
    Jv = ref.jacobian(objective, theta) @ v
    assert distance(z.imag / 1e-20, Jv) <= TOLERANCE
    losses = objective.loss.value(z, objective.targets).imag / 1e-20 * own_weights(objective)
    rows = ref.per_example_gradients(objective, theta) @ v
    assert distance(losses.reshape(objective.N, -1).sum(1), rows) <= TOLERANCE


@each_apart
def test_rows_of_swapped_examples_and_places_would_be_seen(case):
    """Examples differ, and so do places, wherever there are some."""
    objective, theta = problem(case)
    J = ref.jacobian(objective, theta)
    assert distance(J[::-1], J) > 1e-3
    assert J.ndim == 3 or distance(J[:, ::-1], J) > 1e-3
    rows = ref.per_example_gradients(objective, theta)
    assert distance(rows[::-1], rows) > 1e-3


@pytest.mark.parametrize("case", COUPLED)
def test_coupled_examples_are_refused_because_the_lifted_network_is_another(case):
    objective, theta = problem(case)
    for quantity in (ref.per_example_gradients, ref.jacobian):
        with pytest.raises(ValueError, match="couples the examples"):
            quantity(objective, theta)
    two = replace(objective, x=objective.x[:2], y=objective.y[:2])
    assert distance(two.outputs(theta), objective.outputs(theta)[:2]) > 1e-3
