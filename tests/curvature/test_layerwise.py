"""Dense matrices of any network: the rows formed layer by layer are the columns of products."""

from functools import partial

import numpy as np
import pytest

from reference import (LSTM, RNN, AvgPool2d, Conv2d, CrossEntropy, Flatten, Layer, LayerNorm,
                       Objective, Sequential, block, blocks, columns, dense, fisher, gauss_newton,
                       hessian)
from reference.arrays.precision import eps
from reference.curvature import bottleneck, contractions, layerwise, sandwich, stepwise
from reference.curvature import dense as curvature_dense
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


WAYS = {"weights": lambda at, i: layerwise.by_weights, "steps": steps_where_added,
        "bottleneck": bottleneck_where_possible, "own block": own_block_where_possible,
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
    add = stepwise._add_step
    monkeypatch.setattr(stepwise, "_add_step", lambda U, P_t, P, g, Rg, Rq: add(
        U, P_t, P, g, Rg * np.where(np.arange(Rg.shape[-1]), 1, 2), Rq))
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


@pytest.fixture
def small_pieces(monkeypatch):
    """Every loop over pieces of work runs often, and ends with a piece that is not full."""
    for module, name, size in [(sandwich, "ROOM", 200), (sandwich, "TILE", 7),
                               (layerwise, "AT_ONCE", 3), (bottleneck, "AT_ONCE", 3),
                               (stepwise, "ROWS", 3), (curvature_dense, "MIRRORED", 2),
                               (contractions, "MIRRORED", 2)]:
        monkeypatch.setattr(module, name, size)


@each_case
def test_work_may_come_in_pieces_of_any_size(name, small_pieces):
    objective, theta = problem(name)
    for matrix in MATRICES:
        operator = matrix(objective, theta)
        whole, truth = dense(operator), columns(operator)
        assert distance(whole, truth) <= 45 * eps(float)
        for part, s in zip(blocks(operator, objective.net.layout), objective.net.layout.slices):
            assert np.abs(part - truth[s, s]).max() <= 45 * eps(float) * np.abs(truth).max()


@pytest.mark.parametrize("way", ["weights", "steps", "own block", "bottleneck", "pre-activations"])
@pytest.mark.parametrize("name", ["LSTM, two layers, last", "Conv2d", "Dense at places"])
def test_every_way_may_come_in_pieces(name, way, small_pieces, monkeypatch):
    objective, theta = problem(name)
    monkeypatch.setattr(layerwise, "way", WAYS[way])
    H = hessian(objective, theta)
    assert distance(dense(H), columns(H)) <= 45 * eps(float)


def test_examples_without_weight_may_fill_a_piece(small_pieces):
    rng = np.random.default_rng(0)
    net = Sequential(Dense(2, 3), LayerNorm(3), Dense(3, 2))
    objective = Objective(net, CrossEntropy(), rng.standard_normal((5, 2)),
                          np.array([0, 1, 1, 0, 1]), np.array([0, 0, 1, 2, 1.0]))
    theta = rng.standard_normal(net.layout.size)
    for matrix in MATRICES:
        G = matrix(objective, theta)
        assert distance(dense(G), columns(G)) <= 45 * eps(float)


@pytest.mark.parametrize("narrow, wide_type", [(np.float32, float), (float, np.longdouble)])
def test_data_narrower_than_theta_are_widened_before_any_layer(narrow, wide_type):
    rng = np.random.default_rng(0)
    net = Sequential(LayerNorm(4, affine=False), Dense(4, 3), Tanh(), LayerNorm(3), Dense(3, 3))
    objective = Objective(net, CrossEntropy(), rng.standard_normal((5, 4)).astype(narrow),
                          rng.integers(0, 3, 5))
    theta = rng.standard_normal(net.layout.size).astype(wide_type)
    for matrix in MATRICES:
        operator = matrix(objective, theta)
        assert distance(dense(operator), columns(operator)) <= 45 * eps(wide_type)


@pytest.mark.parametrize("cell", [RNN, LSTM])
def test_steps_that_a_mask_skips_in_one_direction(cell):
    rng, mask = np.random.default_rng(0), np.ones((5, 4), bool)
    mask[[0, 1, 1, 3], [3, 2, 3, 0]] = False
    for last in (True, False):
        net = Sequential(cell(5, 2, mask=mask, last=last), Dense(2, 3))
        labels = rng.integers(0, 3, (5,) if last else (5, 4))
        objective = Objective(net, CrossEntropy(), rng.standard_normal((5, 4, 5)), labels)
        theta = rng.standard_normal(net.layout.size)
        assert layerwise.way(point(objective, theta), 0) is layerwise.by_steps
        H = hessian(objective, theta)
        assert distance(dense(H), columns(H)) <= 45 * eps(float)


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


def test_layers_that_tell_only_a_sum_take_products():
    net = Sequential(Dense(2, 3), SumOnly(), Tanh(), Dense(3, 2))
    rng = np.random.default_rng(0)
    objective = Objective(net, SquaredError(), rng.standard_normal((5, 2)),
                          rng.standard_normal((5, 2)))
    theta = rng.standard_normal(net.layout.size)
    assert not is_assembled(objective, theta)
    G = gauss_newton(objective, theta)
    assert np.array_equal(dense(G), columns(G))
