"""K-BFGS of matrices used at places: what its pair is, and the networks that it refuses."""

from types import SimpleNamespace

import numpy as np
import pytest

import reference as ref
from reference.problems.layers import LAYERS
from tests.curvature.test_kfac_exact import (DENSES, IMAGE, MEANS, PLACES, POINTS, TOLERANCE,
                                             WEIGHTS, WINDOW, Swap, problem)
from tests.derivatives.cases import distance

LAM = 0.3


def case(name):
    return LAYERS[name](np.random.default_rng(0))


def pair(objective, theta, l):
    """s and y of a step that moves matrix l alone, without averages."""
    own = objective.net.layout.slices[l]
    there = theta.copy()
    there[own] += 0.3 * np.random.default_rng(l).standard_normal(theta[own].size)
    first = ref.kbfgs_factors(objective, theta, LAM)
    f = ref.kbfgs_update(objective, theta, there, first, LAM, decay=0.0)[l]
    return f.s, f.y, there


LINEAR = {
    "dense, label at each place": (DENSES, PLACES, "expand"),
    "convolution, label at each place": (
        (WINDOW, ref.Conv1d(3, 5, 1), Swap()), IMAGE, "expand"),
    "1x1, mean over places": ((*POINTS, *MEANS), IMAGE, "reduce"),
    "convolution, mean over places": (
        (WINDOW, ref.Conv1d(3, 5, 1), *MEANS, ref.Dense(5, 4)), IMAGE, "reduce"),
    "one place": (DENSES, PLACES[:, 0], "expand"),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", LINEAR)
def test_y_is_G_s_on_deep_linear_networks_with_squared_error(name, weights):
    """G of K-FAC, in the setting that is exact there; only one matrix moves."""
    layers, x, setting = LINEAR[name]
    objective, theta = problem(layers, x, weights=weights)
    for l, K in enumerate(ref.kfac(objective, theta, setting=setting)):
        s, y, _ = pair(objective, theta, l)
        assert distance(y, K.G @ s) <= TOLERANCE
        T = x.shape[1] if setting == "expand" and name != "one place" else 1
        if T > 1:                                         # the mean of g over places is T too small
            assert distance(y / T, K.G @ s) > 0.1


def test_y_is_not_G_s_where_the_network_bends():
    objective, theta = problem((DENSES[0], ref.Tanh(), ref.Dense(4, 2)), PLACES)
    s, y, _ = pair(objective, theta, 0)
    assert distance(y, ref.kfac(objective, theta)[0].G @ s) > 0.01


@pytest.mark.parametrize("name", ["Conv2d, strided and padded", "Dense at places", "LSTM"])
def test_y_is_the_change_of_the_biases_gradient(name):
    """So it is on the scale of L, at any number of places."""
    objective, theta = case(name)
    for l, (own, shape) in enumerate(zip(objective.net.layout.slices, objective.net.layout.shapes)):
        _, y, there = pair(objective, theta, l)
        b, c = (objective.grad(t)[own].reshape(shape)[:, -1] for t in (theta, there))
        assert distance(y, b - c) <= 1e-12                        # which may cancel


@pytest.mark.parametrize("name", ["BatchNorm without affine part", "BatchNorm of images"])
def test_nets_that_couple_the_examples_are_refused(name):
    objective, theta = case(name)
    with pytest.raises(ValueError, match="couples the examples of a batch: K-BFGS takes means"):
        ref.kbfgs_factors(objective, theta, LAM)
    theirs = [SimpleNamespace(Hg=np.eye(O), Ha=np.eye(I))
              for O, I in objective.net.layout.shapes]
    with pytest.raises(ValueError, match="couples the examples"):
        ref.kbfgs_update(objective, theta, theta, theirs, LAM)


def test_batch_norm_by_running_statistics_is_not_refused():
    rng = np.random.default_rng(0)
    norm = ref.BatchNorm(4, affine=False, mean=rng.random(4), variance=1 + rng.random(4))
    objective, theta = problem((ref.Dense(5, 4), norm, ref.Tanh(), ref.Dense(4, 3)), PLACES[:, 0])
    factors = ref.kbfgs_factors(objective, theta, LAM)
    moved = ref.kbfgs_update(objective, theta, theta - objective.grad(theta), factors, LAM)
    assert all(np.isfinite(f.Hg).all() and np.isfinite(f.Ha).all() for f in moved)


@pytest.mark.parametrize("name, error, words", [
    ("Conv2d, two groups", ValueError, "that all their rows share"),
    ("LayerNorm", ValueError, "that all their rows share"),
    ("Unembedding", TypeError, "used transposed")])
def test_matrices_without_one_pair_of_factors_are_refused(name, error, words):
    with pytest.raises(error, match=words):
        ref.kbfgs_factors(*case(name), LAM)


def test_labels_at_places_with_weights_of_their_own_are_refused():
    for loss in ref.CrossEntropy(ignore=1), ref.CrossEntropy(weights=(1.0, 2.0)):
        with pytest.raises(ValueError, match=r"one weight per example .*, got weights \(7, 3\)"):
            ref.kbfgs_factors(*problem(DENSES, PLACES, loss), LAM)


def test_weights_of_one_are_no_weights_at_places():
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Dense(3, 2), ref.Tanh(), ref.Dense(2, 2))
    x, y = rng.standard_normal((4, 5, 3)), rng.standard_normal((4, 5, 2))
    theta = rng.standard_normal(net.layout.size)
    plain, weighted = (ref.Objective(net, ref.SquaredError(), x, y, w) for w in (None, np.ones(4)))
    both = []
    for objective in (plain, weighted):
        first = ref.kbfgs_factors(objective, theta, 0.3)
        both.append(ref.kbfgs_update(objective, theta, 0.9 * theta, first, 0.3))
    for a, b in zip(*both):
        for name in ("A", "Ha", "Hg", "s", "y"):
            assert distance(getattr(a, name), getattr(b, name)) <= TOLERANCE
