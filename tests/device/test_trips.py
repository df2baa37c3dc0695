"""What goes between host and device: counted, and bounded by a number with a reason.

A trip is one number that the host asks for (a branch on it, its text), and waits until all that was
asked of the device is done; a move is an array that crosses.
"""

import numpy as np
import pytest

import reference as ref
from reference.arrays.transfer import move
from tests.device import both, problems
from tests.device.optimizers import OPTIMIZERS
from tests.stand_in import array


@pytest.fixture(autouse=True)
def stand_in():
    with both.place("stand-in"):
        yield


def there(layer):
    """A small problem on the device, its data looked at before."""
    objective, theta = problems.layer(layer)
    objective, theta, v = objective.to("cupy"), move(theta, "cupy"), move(
        problems.direction(theta), "cupy")
    objective.value(theta)
    return objective, theta, v


def crossings(function, *arguments):
    """(trips, arrays to the host, arrays to the device) of one call."""
    array.trips.clear()
    array.moves.clear()
    function(*arguments)
    kinds = [kind for kind, _ in array.moves]
    return len(array.trips), kinds.count("get"), kinds.count("asarray")


OPERATIONS = {                      # the trips that an operation may take, and why
    "value": (lambda o, t, v: o.value(t), 0),
    "gradient": (lambda o, t, v: o.grad(t), 0),
    "gradient by routes": (lambda o, t, v: ref.gradient(o, t), 0),
    "H v": (lambda o, t, v: ref.hvp(o, t, v), 0),
    "G v": (lambda o, t, v: ref.gauss_newton(o, t) @ v, 1),                # theta is finite
    "H v of an operator": (lambda o, t, v: ref.hessian(o, t) @ v, 1),      # theta is finite
    "dense H": (lambda o, t, v: ref.dense(ref.hessian(o, t)), 1),          # theta is finite
    "dense G": (lambda o, t, v: ref.dense(ref.gauss_newton(o, t)), 1),     # theta is finite
    "a batch": (lambda o, t, v: o.batch(slice(0, 3)).grad(t), 3),     # x, y valid; is any ignored?
}


@pytest.mark.parametrize("layer", ["Dense", "LSTM", "Residual"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_formulas_ask_for_nothing(name, layer):
    operation, bound = OPERATIONS[name]
    trips, out, into = crossings(operation, *there(layer))
    assert trips <= bound and out == 0
    assert into <= (1 if (name, layer) == ("dense H", "LSTM") else 0)      # its table of places


@pytest.mark.parametrize("layer", ["Conv2d", "MultiHeadAttention, causal and masked"])
def test_tables_of_places_and_masks_go_to_the_device_and_nothing_comes_back(layer):
    for name in ("value", "gradient", "H v"):
        trips, out, into = crossings(OPERATIONS[name][0], *there(layer))
        assert (trips, out) == (0, 0) and 0 < into <= 5     # 1 table; the mask at each of 5 uses


def test_indices_that_are_data_are_looked_at_once_per_use():
    """An index out of range wraps unsaid on a device: take and scatter each ask, in one trip."""
    assert crossings(OPERATIONS["value"][0], *there("Embedding"))[:2] == (1, 0)
    assert crossings(OPERATIONS["gradient"][0], *there("Embedding"))[:2] == (2, 0)


# Of one step: trips per matrix, and trips beside these.  Two matrices.
STEPS = {
    "sgd": (0, 1),                  # theta is finite
    "adam": (0, 1),
    "rmsprop": (0, 1),
    "kbfgs": (8, 1),                # per matrix 2 for each of two dampings, 2 for each of two
                                    # updates (is s.y enough, is the result finite)
    "kbfgs, limited": (9, 1),       # one more: whether s and y are finite, apart
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_asks_for_no_more_than_its_decisions(name):
    optimizer, make = OPTIMIZERS[name]
    objective, theta = make()
    objective, theta = objective.to("cupy"), move(theta, "cupy")
    theta, seen = ref.run(optimizer, objective, theta, 2)
    each, beside = STEPS[name]
    trips, out, into = crossings(optimizer.step, objective, theta, seen.state)
    assert trips + 1 <= 2 * each + beside and (out, into) == (0, 0)      # 1: run's look at theta


@pytest.mark.parametrize("name", ["kfac", "simple-kfac"])
def test_a_step_of_kfac_asks_for_its_factors_and_draws_labels_on_the_host(name):
    """Per matrix 4 factors are symmetric and finite; for each of 3 dampings 2 have a size, 2 are
    far from singular, and 2 inverses are symmetric; beside these 12: the batch's data and labels,
    the model's coefficients, rho.  Labels are drawn from outputs that come to the host once.
    """
    optimizer, make = OPTIMIZERS[name]
    objective, theta = make()
    objective, theta = objective.to("cupy"), move(theta, "cupy")
    theta, seen = ref.run(optimizer, objective, theta, 2)
    trips, out, into = crossings(optimizer.step, objective, theta, seen.state)
    assert trips <= 2 * (4 + 3 * 6) + 12 and (out, into) == (1, 1)


def test_a_history_comes_to_the_host_together():
    optimizer, make = OPTIMIZERS["sgd"]
    objective, theta = make()
    _, out, into = crossings(ref.run, optimizer, objective.to("cupy"), move(theta, "cupy"), 7)
    assert 0 < out <= len(ref.optim.step.NAMES)        # one array per number, not one per step


def test_a_trip_and_a_move_are_counted():
    objective, theta, v = there("Dense")
    assert crossings(lambda: float(v[0])) == (1, 0, 0)
    assert crossings(lambda: ref.to_host(v)) == (0, 1, 0)
    assert crossings(lambda: move(np.ones(3), "cupy")) == (0, 0, 1)
