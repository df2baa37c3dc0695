"""Dense matrices of any network: the rows formed layer by layer are the columns of products."""

from functools import partial

import numpy as np
import pytest

from reference import (AvgPool2d, Conv2d, CrossEntropy, Flatten, Layer, Objective, Sequential,
                       block, blocks, columns, dense, fisher, gauss_newton, hessian)
from reference.arrays.precision import eps
from reference.curvature import layerwise, sandwich, stepwise
from reference.curvature.contractions import pair
from reference.curvature.dense import is_assembled
from reference.curvature.point import point
from reference.network.affine import Affine, Dense
from reference.network.elementwise import Elementwise, Tanh
from reference.network.losses import SquaredError
from reference.network.recurrent import Direction
from reference.problems.layers import LAYERS
from tests.derivatives.cases import distance, wide

MATRICES = [hessian, gauss_newton, fisher]

each_case = pytest.mark.parametrize("name", LAYERS)
each_matrix = pytest.mark.parametrize("matrix", MATRICES, ids=lambda m: m.__name__)


def problem(name):
    return LAYERS[name](np.random.default_rng(0))


@each_matrix
@each_case
def test_the_dense_matrix_is_the_columns_of_products_and_symmetric_bit_by_bit(name, matrix):
    operator = matrix(*problem(name))
    whole = dense(operator)
    assert distance(whole, columns(operator)) <= 45 * eps(float)
    assert np.array_equal(whole, whole.T) or operator.matrix is None


@each_matrix
@each_case
def test_blocks_are_slices(name, matrix):
    objective, theta = problem(name)
    operator, layout = matrix(objective, theta), objective.net.layout
    whole, found = columns(operator), blocks(operator, layout)
    assert len(found) == len(layout.slices)
    for part, s in zip(found, layout.slices):
        assert part.shape == whole[s, s].shape
        assert np.abs(part - whole[s, s]).max() <= 45 * eps(float) * np.abs(whole).max()


def steps_where_added(at, i):
    layer = at.layers[i]
    added = isinstance(layer, Direction) and layer.cell.added
    return layerwise.by_steps if added else layerwise.by_weights


def pre_activations_where_affine(at, i):
    single = isinstance(at.layers[i], Affine) and pair(at.backward[0][i][0]) is not None
    return layerwise.by_pre_activations if single else layerwise.by_weights


def own_block_where_possible(at, i):
    runs, stop = at.layers[i + 1:], i
    while stop - i < len(runs) and (isinstance(runs[stop - i], Elementwise) or
                                    runs[stop - i].linear):
        stop += 1
    straight = [layer.linear for layer in at.layers[i + 1:stop + 1]]
    if not layerwise.single(at, i) or straight != sorted(straight):
        return layerwise.by_weights
    return partial(layerwise.by_own_block, stop=stop)


def bottleneck_where_possible(at, i):
    possible = i < at.cut and layerwise.before_chain(at, i)
    return layerwise.by_bottleneck if possible else layerwise.by_weights


WAYS = {"bottleneck": bottleneck_where_possible, "weights": lambda at, i: layerwise.by_weights, "steps": steps_where_added,
        "own block": own_block_where_possible,
        "pre-activations": pre_activations_where_affine}


@pytest.mark.parametrize("way", WAYS)
@each_case
def test_every_way_to_the_rows_gives_the_same_matrix(name, way, monkeypatch):
    objective, theta = problem(name)
    truth = columns(hessian(objective, theta))
    monkeypatch.setattr(layerwise, "way", WAYS[way])
    assert distance(dense(hessian(objective, theta)), truth) <= 45 * eps(float)


def test_a_convolution_before_pooling_is_perturbed_in_its_weights_up_to_the_pooled_places():
    rng = np.random.default_rng(0)
    net = Sequential(Conv2d(1, 2, 3), Tanh(), AvgPool2d(2), Conv2d(2, 5, 2), Tanh(), Flatten(),
                     Dense(20, 3))
    objective = Objective(net, CrossEntropy(), rng.standard_normal((7, 1, 8, 8)),
                          rng.integers(0, 3, 7), l2=0.1)
    theta = net.initial(rng)
    at = point(objective, theta)
    assert layerwise.way(at, 0).func is layerwise.by_own_block
    assert layerwise.way(at, 0).keywords == {"stop": 2}
    assert layerwise.way(at, 3) is layerwise.by_bottleneck
    H = hessian(objective, theta)
    assert distance(dense(H), columns(hessian(*wide(objective, theta)))) <= 45 * eps(float)


def test_a_wrong_way_is_seen(monkeypatch):
    """The half of the first step forgotten: only the recurrent layer's own rows are wrong."""
    objective, theta = problem("LSTM")
    monkeypatch.setattr(layerwise, "way", steps_where_added)
    monkeypatch.setattr(stepwise, "HALF", 1)
    assert distance(dense(hessian(objective, theta)), columns(hessian(objective, theta))) > 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
@pytest.mark.parametrize("name", ["Dense at places", "Residual"])
def test_precision_is_kept(name, dtype):
    objective, theta = problem(name)
    objective, theta = objective.to(dtype), theta.astype(dtype)
    for matrix in MATRICES:
        whole = dense(matrix(objective, theta))
        assert whole.dtype == dtype
        assert distance(whole, columns(matrix(*wide(objective, theta)))) <= 45 * eps(dtype)


def test_examples_and_columns_may_come_in_pieces_of_any_size(monkeypatch):
    objective, theta = problem("Residual")
    truth = dense(gauss_newton(objective, theta))
    monkeypatch.setattr(sandwich, "ROOM", 2 * 3 * theta.size)             # two examples at a time
    monkeypatch.setattr(sandwich, "TILE", 7)
    assert distance(dense(gauss_newton(objective, theta)), truth) <= 45 * eps(float)


def test_weight_decay_is_on_the_diagonal_of_the_hessian_alone():
    objective, theta = problem("Residual")
    decayed = Objective(objective.net, objective.loss, objective.x, objective.y, l2=0.3)
    H = dense(hessian(decayed, theta)) - dense(hessian(objective, theta))
    assert distance(H, 0.3 * np.eye(theta.size)) <= 45 * eps(float)
    for part in blocks(hessian(decayed, theta), objective.net.layout):
        assert np.array_equal(part, part.T)
    s = objective.net.layout.slices[1]
    assert distance(blocks(hessian(decayed, theta), objective.net.layout)[1],
                    block(hessian(decayed, theta), s)) <= 45 * eps(float)


class SumOnly(Layer):
    """y = w x with one weight per feature: tells dW alone."""

    shape = (1, 3)

    def forward(self, W, x):
        return x * W[..., 0, :]

    def vjp(self, W, x, y, dy):
        return (dy * x).sum(-2)[..., None, :], dy * W[..., 0, :]


def test_layers_that_tell_only_a_sum_and_shared_matrices_take_products():
    net = Sequential(Dense(2, 3), SumOnly(), Tanh(), Dense(3, 2))
    rng = np.random.default_rng(0)
    objective = Objective(net, SquaredError(), rng.standard_normal((5, 2)),
                          rng.standard_normal((5, 2)))
    theta = rng.standard_normal(net.layout.size)
    assert not is_assembled(objective, theta)
    G = gauss_newton(objective, theta)
    assert np.array_equal(dense(G), columns(G))
    assert not is_assembled(*problem("Tied"))
