"""L(theta) = (1/R) sum_n w_n loss_n + (l2/2)|theta|^2, written out by hand."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.elementwise import LeakyReLU, Tanh
from reference.network.losses import (BinaryCrossEntropy, CrossEntropy, Gaussian, Huber, Poisson,
                                      SquaredError)
from reference.network.objective import Objective
from tests.derivatives.cases import small

EPS = np.finfo(float).eps
NET = Sequential(Dense(3, 5), Tanh(), LeakyReLU(0.2), Dense(5, 4))
RNG = np.random.default_rng(0)
THETA = RNG.standard_normal(NET.layout.size)
X = RNG.standard_normal((6, 3))
LABELS = np.array([0, 3, 1, 2, 1, 0])
WEIGHTS = np.array([0.5, 0.0, 2.0, 1.0, 3.0, 0.25])
POSITIVE = RNG.uniform(0, 1, (6, 4))

PROBLEMS = {
    "cross-entropy": (CrossEntropy(), LABELS),
    "soft labels": (CrossEntropy(smoothing=0.1), POSITIVE / POSITIVE.sum(-1, keepdims=True)),
    "all options": (CrossEntropy((1, 2, 0.5, 3), 0.2, -1), np.where(LABELS == 2, -1, LABELS)),
    "binary": (BinaryCrossEntropy(), POSITIVE),
    "squared": (SquaredError(), POSITIVE), "Huber": (Huber(0.3), POSITIVE),
    "Poisson": (Poisson(), np.floor(5 * POSITIVE)), "Gaussian": (Gaussian(), POSITIVE[:, :2]),
}
each_problem = pytest.mark.parametrize("loss, y", PROBLEMS.values(), ids=PROBLEMS)


def near(a, b, ulps=32):
    size = max(1, np.abs(b).max())
    return np.shape(a) == np.shape(b) and np.abs(a - b).max() <= ulps * EPS * size


def log_softmax(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


# ---- the formula ----

@each_problem
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("reduction, R", [("mean", 6), ("sum", 1)])
def test_the_objective_is_the_weighted_sum_of_losses_over_R_plus_weight_decay(
        loss, y, weights, reduction, R):
    objective = Objective(NET, loss, X, y, weights, reduction, l2=0.7)
    total = 0.0
    for n in range(6):                           # one example at a time, through the loss alone
        q, mass = loss.targets(y[n:n + 1], (1, 4))
        one = loss.value(NET.forward(THETA, X[n:n + 1])[-1], q)[0]
        total += (1 if mass is None else mass[0]) * (1 if weights is None else weights[n]) * one
    assert near(objective.value(THETA), total / R + 0.35 * THETA @ THETA)
    assert objective.R == R and objective.N == 6


@each_problem
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_the_gradient_is_that_of_the_complex_step(loss, y, weights):
    objective = Objective(NET, loss, X, y, weights, l2=0.7)
    h = 1e-20
    steps = THETA + 1j * h * np.eye(THETA.size)          # leading axes: all directions at once
    assert near(objective.grad(THETA), objective.value(steps).imag / h, 64)


def test_class_weights_example_weights_and_ignored_labels_multiply_and_the_mean_divides_by_N():
    w, y = np.array([1, 2, 0.5, 3]), np.where(LABELS == 2, -1, LABELS)
    objective = Objective(NET, CrossEntropy(w, 0.0, -1), X, y, WEIGHTS)
    log_p = log_softmax(objective.outputs(THETA))
    per_example = [-w[c] * v * row[c] if c >= 0 else 0 for c, v, row in zip(y, WEIGHTS, log_p)]
    assert near(objective.value(THETA), np.sum(per_example) / 6)
    assert near(objective.example_weights, np.where(y >= 0, w[y], 0) * WEIGHTS)


def test_an_integer_weight_is_a_repeated_example_and_weight_zero_an_absent_one():
    counts = np.array([1, 0, 2, 1, 3, 0])
    weighted = Objective(NET, CrossEntropy(), X, LABELS, counts * 1.0, "sum")
    repeated = Objective(NET, CrossEntropy(), np.repeat(X, counts, 0), np.repeat(LABELS, counts),
                         reduction="sum")
    assert near(weighted.value(THETA), repeated.value(THETA))
    assert near(weighted.grad(THETA), repeated.grad(THETA))


def test_labels_at_places_are_labels_of_examples_and_the_mean_divides_by_N_alone():
    x, y = X.reshape(2, 3, 3), LABELS.reshape(2, 3)
    places = Objective(NET, CrossEntropy(), x, y, np.array([1.0, 2.0]))
    flat = Objective(NET, CrossEntropy(), X, LABELS, np.repeat([1.0, 2.0], 3))
    assert places.outputs(THETA).shape == (2, 3, 4) and places.losses(THETA).shape == (2, 3)
    assert near(places.value(THETA), 3 * flat.value(THETA))
    assert near(places.grad(THETA), 3 * flat.grad(THETA))


def test_probabilities_in_one_row_are_the_expectation_over_labels():
    q = np.tile([0.1, 0.2, 0.3, 0.4], (6, 1))
    soft = Objective(NET, CrossEntropy(), X, q).value(THETA)
    hard = [Objective(NET, CrossEntropy(), X, np.full(6, c)).value(THETA) for c in range(4)]
    assert near(soft, q[0] @ hard)


def test_two_logits_of_cross_entropy_are_one_of_binary_cross_entropy():
    one, two = Sequential(Dense(3, 1)), Sequential(Dense(3, 2))
    W, y = THETA[:4], LABELS % 2
    binary = Objective(one, BinaryCrossEntropy(), X, y[:, None] * 1.0)
    cross = Objective(two, CrossEntropy(), X, y)
    assert near(binary.value(W), cross.value(np.concatenate([0 * W, W])))
    assert near(binary.grad(W), cross.grad(np.concatenate([0 * W, W]))[4:])


# ---- the pieces ----

@each_problem
def test_dz_is_the_gradient_of_the_objective_in_the_outputs(loss, y):
    objective = Objective(NET, loss, X, y, WEIGHTS)
    z, h = objective.outputs(THETA), 1e-20
    step = np.zeros((24, 6, 4))
    step.reshape(24, 24)[np.diag_indices(24)] = h
    values = objective.weighted(loss.value(z + 1j * step, objective.targets)).sum(-1)
    assert near(objective.dz(z), (values.imag / h).reshape(6, 4))


def test_a_batch_averages_over_itself_and_batches_make_the_whole():
    objective = Objective(NET, CrossEntropy(ignore=2), X, LABELS, WEIGHTS)
    parts = [objective.batch(i) for i in (slice(0, 2), np.array([2, 4, 5, 3]))]
    assert [part.R for part in parts] == [2, 4]
    total = sum(part.N * part.value(THETA) for part in parts)
    assert near(total / 6, objective.value(THETA))


def test_an_index_may_be_a_slice_booleans_or_whole_numbers():
    objective = Objective(NET, CrossEntropy(), X, LABELS, WEIGHTS)
    chosen = np.array([True, False, True, False, False, True])
    value = objective.batch([0, 2, 5]).value(THETA)
    for index in (chosen, list(chosen), np.array([0, 2, 5]), np.array([0, 2, -1], "int8")):
        assert objective.batch(index).value(THETA) == value
    assert objective.batch(slice(None, None, -1)).value(THETA) != value


def test_another_precision_takes_data_along_and_labels_stay():
    objective = Objective(NET, CrossEntropy(), X, LABELS, WEIGHTS, l2=0.1)
    for dtype in (np.float32, np.longdouble):
        there = objective.to(dtype)
        theta = THETA.astype(dtype)
        assert there.x.dtype == there.weights.dtype == there.targets.dtype == dtype
        assert there.y is objective.y
        assert there.value(theta).dtype == there.grad(theta).dtype == dtype
        rough = 32 * max(EPS, np.finfo(dtype).eps)
        assert abs(there.value(theta) - objective.value(THETA)) < rough
    assert objective.to("numpy").x is objective.x


@pytest.mark.parametrize("loss, y", [(SquaredError(), POSITIVE), (Huber(0.3), POSITIVE),
                                     (CrossEntropy((1, 2, 0.5, 3)), PROBLEMS["soft labels"][1])])
def test_targets_are_widened_to_x_and_never_narrowed(loss, y):
    y = y.astype(np.longdouble)
    y = y / y.sum(-1, keepdims=True)                     # digits that float64 has not
    narrow, wide = (Objective(NET, loss, x, y) for x in (X, X.astype(np.longdouble)))
    assert narrow.targets.dtype == narrow.value(THETA).dtype == np.longdouble
    assert (narrow.targets == wide.targets).all()
    wide = Objective(NET, loss, X.astype(np.longdouble), y.astype(float))
    assert wide.targets.dtype == np.longdouble


def test_nothing_is_written_to():
    arrays = [X.copy(), LABELS.copy(), WEIGHTS.copy(), THETA.copy()]
    for a in arrays:
        a.flags.writeable = False
    objective = Objective(NET, CrossEntropy(), *arrays[:3], l2=0.1)
    objective.grad(arrays[3]), objective.value(arrays[3][None] + 1j)


# ---- elsewhere ----

@each_problem
def test_an_objective_survives_pickling(loss, y):
    objective = Objective(NET, loss, X, y, WEIGHTS, "sum", 0.2)
    copy, grad = pickle.loads(pickle.dumps((objective, objective.grad)))   # as executors do
    assert copy.value(THETA) == objective.value(THETA)
    assert copy.net == objective.net and copy.loss == objective.loss
    assert np.array_equal(grad(THETA), objective.grad(THETA))


def test_a_replaced_field_is_checked_again():
    objective = Objective(NET, CrossEntropy(), X, LABELS)
    assert replace(objective, l2=1.0).value(THETA) > objective.value(THETA)
    with pytest.raises(ValueError, match="reduction must be one of"):
        replace(objective, reduction="median")


@pytest.mark.parametrize("narrow, wide", [("float32", "float64"), ("float64", "longdouble")])
def test_weight_decay_is_as_precise_as_the_wider_of_theta_and_data(narrow, wide):
    objective, theta = small(l2=0.3)
    theta, both = theta.astype(narrow), objective.to(wide)
    known = theta.astype(wide)
    assert both.value(theta) == both.value(known)
    assert (both.grad(theta) == both.grad(known)).all()
    assert (objective.to(narrow).grad(theta) != both.grad(known)).any()
