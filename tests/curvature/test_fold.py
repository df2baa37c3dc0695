"""Shared matrices: parts of the network that shares none, added up."""

import numpy as np
import pytest

import reference as ref
from reference.curvature import fold, parts
from reference.curvature.point import point
from reference.derivatives import dual
from tests.curvature.whole import MATRICES, TOLERANCE, off, problem


def classify(layers, shape, N=5, l2=0.1):
    rng, net = np.random.default_rng(0), ref.Sequential(*layers)
    C = net.output_shape(shape)[-1]
    y = rng.integers(0, C, (N, *net.output_shape(shape)[:-1]))
    objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((N, *shape)), y, l2=l2)
    return objective, 0.6 * rng.standard_normal(net.layout.size)


def tied(name="W", layer=ref.Dense(4, 4)):
    return ref.Tied(name, layer)


CELL = ref.RNN(3, 3)
NETS = {
    "in the chain": lambda: problem("Tied"),
    "three times, first and last": lambda: classify(
        [tied(), ref.Tanh(), tied(), ref.Dense(4, 4), ref.Sine(), tied()], (4,)),
    "two, crossed": lambda: classify(
        [tied("V"), ref.Tanh(), tied("W"), ref.Tanh(), tied("V"), ref.Tanh(), tied("W")], (4,)),
    "before the chain and in it": lambda: classify(
        [ref.Dense(2, 4), tied(), ref.LayerNorm(4), tied(), ref.Tanh(), tied(), ref.Dense(4, 3)],
        (2,)),
    "at places": lambda: classify([tied(), ref.Tanh(), tied(), ref.Dense(4, 3)], (2, 4)),
    "convolutions": lambda: classify(
        [tied("k", ref.Conv1d(2, 2, 2)), ref.Tanh(), tied("k", ref.Conv1d(2, 2, 2)), ref.Tanh(),
         ref.Flatten(-2), ref.Dense(8, 3)], (2, 6)),
    "recurrent, both matrices": lambda: classify(
        [ref.Tied("r", CELL), ref.Tied("r", CELL), ref.Dense(3, 2)], (4, 3)),
    "in branches": lambda: classify(
        [ref.Parallel(tied(), ref.Sequential(ref.Tanh(), tied())), ref.Dense(4, 3)], (4,)),
    "embedding": lambda: problem("Embedding, tied to the output"),
    "language model": lambda: problem("Language model, labels ignored"),
}

each_net = pytest.mark.parametrize("net", NETS)


@each_net
@pytest.mark.parametrize("matrix", MATRICES)
def test_what_is_assembled_is_the_columns_of_products(net, matrix):
    objective, theta = NETS[net]()
    operator, layout = MATRICES[matrix](objective, theta), objective.net.layout
    truth = ref.columns(operator)
    operator.product = None                               # no products from here on
    M = ref.dense(operator)
    assert off(M, truth, truth) <= TOLERANCE and np.array_equal(M, M.T)
    for block, s in zip(ref.blocks(operator, layout), layout.slices):
        assert off(block, truth[s, s], truth) <= TOLERANCE
    for (l, m), block in ref.stream(operator, layout):
        assert off(block, truth[layout.slices[l], layout.slices[m]], truth) <= TOLERANCE
    assert off(ref.diagonal(operator), np.diagonal(truth), truth) <= TOLERANCE


@pytest.mark.parametrize("net", ["two, crossed", "before the chain and in it", "in branches"])
def test_the_hessian_is_that_of_the_function_alone(net):
    objective, theta = NETS[net]()
    E = np.eye(theta.size)
    truth = np.concatenate([dual.hyper_curvature(objective, theta, E[k:k + 8], E)
                            for k in range(0, theta.size, 8)])
    assert off(ref.dense(ref.hessian(objective, theta)), truth, truth) <= TOLERANCE


def test_it_is_the_untied_matrix_between_copies_of_the_parameters():
    """H = E^T H_apart E, with E written out."""
    objective, theta = NETS["two, crossed"]()
    layers = [getattr(layer, "layer", layer) for layer in objective.net.layers]
    apart = ref.Objective(ref.Sequential(*layers), objective.loss, objective.x, objective.y)
    places = np.concatenate([np.arange(20) + 20 * owner for owner in objective.net.owners])
    E = np.eye(40)[places]
    together = ref.Objective(objective.net, objective.loss, objective.x, objective.y)
    for matrix in (ref.hessian, ref.gauss_newton):
        H = ref.dense(matrix(together, theta))
        assert off(H, E.T @ ref.dense(matrix(apart, E @ theta)) @ E, H) <= TOLERANCE


def test_a_summand_forgotten_or_not_transposed_would_be_seen(monkeypatch):
    objective, theta = NETS["two, crossed"]()
    H = ref.hessian(objective, theta)
    truth = ref.columns(H)

    def forgetful(found, owners):
        return fold.folded((((i, j), part * (owners[i] <= owners[j])) for (i, j), part in found),
                           owners)

    def careless(found, owners):
        return fold.folded((((i, j), part.T if owners[i] > owners[j] else part)
                            for (i, j), part in found), owners)
    for wrong in (forgetful, careless):
        monkeypatch.setattr(parts, "folded", wrong)
        assert off(ref.dense(H), truth, truth) > 1e-3


def test_parts_leave_as_soon_as_they_are_complete():
    """Matrices 0, 1, 0, 2: (0, 0) waits for three pairs of uses, (1, 2) for one."""
    owners = (0, 1, 0, 2)
    pairs = [(i, j) for j in range(4) for i in range(j + 1)]
    came = []

    def source():
        for pair in pairs:
            came.append(pair)
            yield pair, np.ones((1, 1))
    left = {key: (len(came), part.item()) for key, part in fold.folded(source(), owners)}
    assert left == {(1, 1): (3, 1), (0, 0): (6, 4), (0, 1): (5, 2), (0, 2): (9, 2), (1, 2): (8, 1),
                    (2, 2): (10, 1)}


def test_the_uses_that_belong_to_wanted_pairs():
    owners = (0, 1, 0, 2)
    assert fold.apart({(0, 1)}, owners) == {(0, 1), (1, 2)}
    assert fold.apart({(0, 0), (2, 2)}, owners) == {(0, 0), (0, 2), (2, 2), (3, 3)}


def test_uses_that_are_not_wanted_are_not_made(monkeypatch):
    objective, theta = NETS["before the chain and in it"]()
    made = []
    column = parts.chain_column
    monkeypatch.setattr(parts, "chain_column", lambda at, S, second_order, m, rows: made.append(
        (m, tuple(rows))) or column(at, S, second_order, m, rows))
    H, layout = ref.hessian(objective, theta), objective.net.layout
    assert point(objective, theta).cut == 3               # Dense, W, norm; then W, W, Dense
    assert [pair for pair, _ in H.parts({(len(layout.shapes) - 1,) * 2})] == [(3, 3)]
    assert made == [(2, (2,))]
