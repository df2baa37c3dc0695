"""The preconditioner's squares are sums over examples, one by one, of squared gradients."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.optim import preconditioner as module
from reference.optim.preconditioner import mean_squares, preconditioner
from tests.curvature import brute
from tests.derivatives.cases import distance, weighted

WEIGHTS = np.append(np.random.default_rng(3).random(12) + 0.5, 0)


def one_by_one(objective, theta):
    """sum_n w_n g_n^2/R, g_n the gradient of an objective of example n, without w_n."""
    bare = replace(objective, weights=None, reduction="sum", l2=0.0)
    w = np.ones(objective.N) if objective.weights is None else objective.weights
    return sum(w[n] * bare.batch(slice(n, n + 1)).grad(theta) ** 2
               for n in range(objective.N)) / objective.R


CASES = {
    "dense": weighted(), "deep": brute.deep(weights=WEIGHTS, l2=0.1),
    "convolutional": brute.convolutional(reduction="sum"),
    "recurrent": brute.recurrent(weights=WEIGHTS),
    "words": brute.words(), "words, all labels": brute.words(reduction="mean over labels"),
    "weighted words": brute.words(weights=WEIGHTS, l2=0.1)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("room", [2 ** 24, 40])
def test_squares_are_those_of_the_examples_one_by_one(name, room, monkeypatch):
    monkeypatch.setattr(module, "ROOM", room)              # 40: two examples at a time
    objective, theta = CASES[name]
    assert distance(mean_squares(objective, theta), one_by_one(objective, theta)) < 1e-13


def test_they_are_no_squares_of_the_mean():
    objective, theta = CASES["recurrent"]
    assert distance(objective.grad(theta) ** 2, one_by_one(objective, theta)) > 0.1


def test_labels_that_are_ignored_or_weigh_more():
    """Class weights are weights of an example with one label; of labels at places they are in g."""
    rng = np.random.default_rng(0)
    loss = ref.CrossEntropy(ignore=2, weights=(1.0, 2.0, 3.0))
    x, y = rng.standard_normal((6, 4)), np.array([0, 1, 2, 1, 0, 2])
    net = ref.Sequential(ref.Dense(4, 3))
    theta = net.initial(rng)
    objective = ref.Objective(net, loss, x, y)
    plain = replace(objective, loss=ref.CrossEntropy(), weights=np.array([1.0, 2, 0, 2, 1, 0]))
    assert distance(mean_squares(objective, theta), one_by_one(plain, theta)) < 1e-13
    words = ref.Objective(net, loss, x.reshape(2, 3, 4), y.reshape(2, 3))
    assert distance(mean_squares(words, theta), one_by_one(words, theta)) < 1e-13


def test_it_is_damped_and_raised():
    objective, theta = CASES["dense"]
    expected = (one_by_one(objective, theta) + 2.0 + 0.3) ** 0.75
    assert distance(preconditioner(objective, theta, 2.0), expected) < 1e-13
    assert distance(preconditioner(objective, theta, 2.0, 1.0), expected ** (4 / 3)) < 1e-13
    assert (preconditioner(objective, theta, 2.0, 0) == 1).all()


def test_it_is_the_diagonal_of_the_empirical_fisher_matrix_for_one_label():
    for name, equal in (("deep", True), ("convolutional", True), ("words", False)):
        objective, theta = CASES[name]
        own = ref.diagonal(ref.fisher(objective, theta, "empirical"))
        assert (distance(mean_squares(objective, theta), own) < 1e-13) == equal


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
def test_it_keeps_the_precision(dtype):
    for name, (objective, theta) in CASES.items():
        found = mean_squares(objective.to(dtype), theta.astype(dtype))
        assert found.dtype == dtype
        assert distance(found, one_by_one(objective, theta)) < (1e-5 if dtype == "float32"
                                                                else 1e-13), name


def test_examples_that_are_coupled_have_no_squares_of_their_own():
    net = ref.Sequential(ref.Dense(4, 3), ref.BatchNorm(3))
    objective = replace(CASES["dense"][0], net=net, x=np.zeros((7, 4)),
                        y=np.zeros(7, int), loss=ref.CrossEntropy())
    theta = net.initial(np.random.default_rng(0))
    with pytest.raises(ValueError, match="couples the examples"):
        preconditioner(objective, theta, 1.0)
    assert (preconditioner(objective, theta, 1.0, 0) == 1).all()
