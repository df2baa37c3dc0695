"""Groups of parameters, and the diagonal blocks of any groups."""

import numpy as np
import pytest

from reference import (LSTM, Attention, CrossEntropy, Dense, Embedding, Flatten, Residual,
                       Sequential, Tanh, Tied, Unembedding, block, blocks, certify, columns, dense,
                       diagonal, gauss_newton, hessian, partition, stream)
from reference.arrays.precision import eps
from reference.curvature import assembly, chain_parts, parts, sandwich
from reference.curvature import operator as operators
from reference.curvature.partition import GROUPS, require_partition
from reference.network.layout import Layout
from reference.problems.layers import LAYERS
from tests.curvature.whole import CASES, TOLERANCE, off, whole
from tests.derivatives.cases import make, small

NET = Sequential(Dense(2, 3), Tanh(), Dense(3, 2, bias=False))          # P = 9 + 6


def lists(groups):
    return [group.tolist() for group in groups]


# ---- which groups ----

def test_the_groups_of_a_small_net():
    assert lists(partition(NET)) == [list(range(9)), list(range(9, 15))]
    assert lists(partition(NET, "layers")) == lists(partition(NET))
    assert lists(partition(NET, "weights and biases")) == [
        [0, 1, 3, 4, 6, 7], [2, 5, 8], list(range(9, 15))]
    assert lists(partition(NET, "whole")) == [list(range(15))]
    assert lists(partition(NET, [["2.weight", "0.bias"], ["0.weight"]])) == [
        [2, 5, 8, *range(9, 15)], [0, 1, 3, 4, 6, 7]]
    assert lists(partition(NET, [[1], [0]])) == [list(range(9, 15)), list(range(9))]
    assert lists(partition(NET, ([1], ["0.weight"], ["0.bias"]))) == [
        list(range(9, 15)), [0, 1, 3, 4, 6, 7], [2, 5, 8]]


def sizes(net, groups):
    return [group.size for group in partition(net, groups)]


def test_a_recurrent_direction_is_one_layer_and_two_matrices():
    net = Sequential(LSTM(3, 2, layers=2, bidirectional=True, last=True), Dense(4, 2))
    shapes = [8 * 4, 8 * 3] * 2 + [8 * 5, 8 * 3] * 2 + [10]
    assert sizes(net, "matrices") == shapes
    assert sizes(net, "layers") == [56, 56, 64, 64, 10]
    assert sizes(net, "weights and biases") == [24, 8, 16, 8] * 2 + [32, 8, 16, 8] * 2 + [8, 2]


def test_layers_within_layers_count_each_for_itself():
    net = Sequential(Dense(2, 12), Attention(4, 2), Residual(Tanh(), Dense(4, 4)), Dense(4, 3))
    assert sizes(net, "layers") == [36, 20, 15]


def test_layers_that_share_a_matrix_are_one_group_and_a_shared_array_is_one():
    net = Sequential(Tied("E", Embedding(7, 4)), Tanh(), Dense(4, 4), Tied("E", Unembedding(4, 7)))
    assert sizes(net, "layers") == sizes(net, "matrices") == [28, 20]
    assert sizes(net, "weights and biases") == [28, 16, 4]
    assert sizes(net, [["0.weight", "3.weight"], ["2.weight", "2.bias"]]) == [28, 20]
    one = LSTM(2, 2)
    net = Sequential(Tied("a", one), Tied("a", one), Dense(2, 2))
    assert sizes(net, "layers") == [48, 6]


@pytest.mark.parametrize("name", LAYERS)
def test_every_entry_of_theta_is_in_one_group(name):
    net = LAYERS[name](np.random.default_rng(0))[0].net
    for groups in GROUPS:
        found = partition(net, groups)
        assert np.array_equal(np.sort(np.concatenate(found)), np.arange(net.layout.size))
        assert all((np.diff(group) > 0).all() for group in found)
    named = {np.sort(index, axis=None).tobytes() for index in net.entries().values()}
    assert {group.tobytes() for group in partition(net, "weights and biases")} == named


@pytest.mark.parametrize("groups, error, message", [
    ("layer", ValueError, "groups must be one of matrices, layers, weights and .* got 'layer'"),
    (3, TypeError, "groups is a int; pass one of matrices"),
    (["0.weight", "0.bias"], TypeError, "group 0 is '0.weight'; pass a list of names"),
    ([[0], []], TypeError, r"group 1 is \[\]; pass a list"),
    ([[0], ["3.weight"]], ValueError, "'3.weight' is neither .*choose from 0, 1, 0.weight, 0.bias"),
    ([[0], [2]], ValueError, "2 is neither a name .* choose from 0, 1"),
    ([[0], [-1]], ValueError, "-1 is neither"),
    ([[True], [0]], ValueError, "True is neither"),
    ([[0]], ValueError, r"in one group: \[1\] are in none, \[\] in two or more"),
    ([[0, 1], [1]], ValueError, r"\[\] are in none, \[1\] in two or more"),
    ([["0.weight"], ["0.weight", "2.weight"]], ValueError,
     r"\['0.bias'\] are in none, \['0.weight'\] in two or more"),
])
def test_other_groups_are_refused_naming_what_is_missing_or_double(groups, error, message):
    with pytest.raises(error, match=message):
        partition(NET, groups)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="net is a Layout; pass the network"):
        partition(NET.layout)


# ---- their blocks ----

PARTITIONS = ("layers", "weights and biases", "whole", "ends", "rows")


def groups_of(net, which):
    """Also the first and the last matrix together, and index arrays that cut across everything."""
    L, P = len(net.layout.shapes), net.layout.size
    if which == "ends":
        return partition(net, [[0, L - 1], [*range(1, L - 1)]] if L > 2 else [[*range(L)]])
    if which == "rows":
        return tuple(np.random.default_rng(0).permutation(P)[k::3] for k in range(3))
    return partition(net, which)


@pytest.mark.parametrize("name, matrix", CASES)
def test_blocks_of_any_groups_are_cut_out_of_the_columns_of_products(name, matrix):
    net, operator, truth = whole(name, matrix)
    for which in PARTITIONS:
        groups = groups_of(net, which)
        found = blocks(operator, groups)
        assert len(found) == len(groups)
        for part, group in zip(found, groups):
            assert off(part, truth[np.ix_(group, group)], truth) <= TOLERANCE, which
            assert np.array_equal(part, part.T) or operator.parts is None


@pytest.mark.parametrize("which", PARTITIONS)
@pytest.mark.parametrize("name", ["LSTM", "Conv2d twice", "Tied", "Dense at places"])
@pytest.mark.parametrize("matrix", ["hessian", "gauss_newton"])
def test_work_may_come_in_pieces_of_any_size(name, which, matrix, monkeypatch):
    net, operator, truth = whole(name, matrix)
    for module, constant, size in [(sandwich, "ROOM", 200), (sandwich, "TILE", 7),
                                   (assembly, "BATCH", 100), (chain_parts, "PRODUCTS", 20)]:
        monkeypatch.setattr(module, constant, size)
    groups = groups_of(net, which)
    for part, group in zip(blocks(operator, groups), groups):
        assert off(part, truth[np.ix_(group, group)], truth) <= TOLERANCE


@pytest.mark.parametrize("size", [1, 7 * 6 * 2])
def test_columns_of_a_chain_may_come_in_pieces_of_any_size(size, monkeypatch):
    """Blocks between matrices of the chain, some inputs at a time: one, and two."""
    objective, theta = make((Dense(5, 3), Tanh(), Dense(3, 2), Tanh(), Dense(2, 4)),
                            CrossEntropy(), l2=0.3)
    slices = objective.net.layout.slices
    for matrix in hessian, gauss_newton:
        operator = matrix(objective, theta)
        truth = columns(operator)
        monkeypatch.setattr(chain_parts, "PRODUCTS", size)
        for (l, m), part in stream(operator, objective.net.layout):
            assert off(part, truth[slices[l], slices[m]], truth) <= TOLERANCE
        monkeypatch.undo()


def test_groups_within_layers_take_no_columns_of_others(monkeypatch):
    """Rows of an LSTM, here below Dense at places, end with its own unless a group goes beyond."""
    objective, theta = LAYERS["LSTM"](np.random.default_rng(0))
    widths, rows = [], parts.gauss_newton_rows
    monkeypatch.setattr(parts, "gauss_newton_rows", lambda *given: widths.append(
        (found := rows(*given)).shape) or found)
    G = gauss_newton(objective, theta)
    blocks(G, partition(objective.net, "layers"))
    blocks(G, partition(objective.net, [[0, 2], [1]]))
    own, last = 8 * 4 + 8 * 3, 3 * 3
    assert widths == [(own, own), (last, last), (own, own + last), (last, last)]


def test_places_of_a_group_are_in_the_order_in_which_they_are_given():
    """All of a matrix, all of theta, and places of several matrices, each backwards."""
    objective, theta = small()
    operator = hessian(objective, theta)
    truth, P, first = columns(operator), theta.size, objective.net.layout.slices[0].stop
    backwards = np.arange(P)[::-1]
    for groups in ((backwards,), (backwards[:-first], backwards[-first:]),
                   (backwards[::2], backwards[1::2])):
        for group, found in zip(groups, blocks(operator, groups)):
            assert off(found, truth[np.ix_(group, group)], truth) <= TOLERANCE


def test_blocks_that_know_no_faster_way_are_products():
    objective, theta = small()
    H = hessian(objective, theta, route="autograd")
    for part, group in zip(blocks(H, partition(objective.net, "weights and biases")),
                           partition(objective.net, "weights and biases")):
        assert np.array_equal(part, block(H, group))


def test_faster_ways_take_no_products(monkeypatch):
    objective, theta = LAYERS["LSTM"](np.random.default_rng(0))
    monkeypatch.setattr(operators, "block", None)
    for matrix in (hessian, gauss_newton):
        operator = matrix(objective, theta)
        operator.product = None
        for which in PARTITIONS:
            assert blocks(operator, groups_of(objective.net, which))


def test_a_wrong_partition_would_be_seen():
    net, operator, truth = whole("Dense", "hessian")
    groups = partition(net, "weights and biases")
    shifted = [np.roll(np.arange(net.layout.size), 1)[group] for group in groups]
    worst = max(off(part, truth[np.ix_(group, group)], truth)
                for part, group in zip(blocks(operator, shifted), groups))
    assert worst > 1e-3


@pytest.mark.parametrize("spoil, error, message", [
    (lambda g: None, TypeError, "partition is a NoneType; pass net.layout, or what partition"),
    (lambda g: [], ValueError, "each of the 15 places once, but place 0 is in 0 groups"),
    (lambda g: g[:1], ValueError, "each of the 15 places once, but place 9 is in 0 groups"),
    (lambda g: g + g[1:], ValueError, "place 9 is in 2 groups"),
    (lambda g: g[:1] + (g[1] + 1,), ValueError, "place 9 is in 0 groups"),
    (lambda g: g + (np.array([-1]),), ValueError, "there are 16 places"),
    (lambda g: (g[0], g[1] * 1.0), ValueError, "group 1 of the partition is no array of places"),
    (lambda g: (g[0][:, None], g[1]), ValueError, "group 0 of the partition is no array"),
    (lambda g: g + (np.array([], int),), ValueError, "group 2 of the partition is no array"),
])
def test_what_is_no_partition_is_refused(spoil, error, message):
    with pytest.raises(error, match=message):
        require_partition(spoil(partition(NET)), 15)


def test_a_partition_of_another_network_is_refused():
    H = hessian(*small())
    with pytest.raises(ValueError, match="each of the 34 places once, but place 15 is in 0 groups"):
        blocks(H, partition(NET))
    with pytest.raises(ValueError, match="layout has 15 parameters but the operator has shape"):
        blocks(H, Layout(NET.layout.shapes))


def test_flattening_needs_no_group():
    net = Sequential(Flatten(), Dense(4, 2))
    assert sizes(net, "layers") == [10]


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_precision_is_kept(dtype):
    objective, theta = LAYERS["LSTM"](np.random.default_rng(0))
    objective, theta = objective.to(dtype), theta.astype(dtype)
    for matrix in (hessian, gauss_newton):
        operator = matrix(objective, theta)
        truth = columns(operator)
        for which in PARTITIONS:
            groups = groups_of(objective.net, which)
            for part, group in zip(blocks(operator, groups), groups):
                assert part.dtype == dtype
                assert off(part, truth[np.ix_(group, group)], truth) <= 45 * eps(dtype)


@pytest.mark.parametrize("data, parameters", [(np.float32, float), (np.longdouble, float),
                                              (float, np.float32)])
@pytest.mark.parametrize("name", ["Dense", "Conv2d", "Tied"])
def test_the_wider_of_data_and_parameters_is_kept(name, data, parameters):
    objective, theta = LAYERS[name](np.random.default_rng(0))
    objective, theta = objective.to(data), theta.astype(parameters)
    net, both = objective.net, np.result_type(data, parameters)
    for matrix in (hessian, gauss_newton):
        operator = matrix(objective, theta)
        for which in (net.layout, *(groups_of(net, which) for which in PARTITIONS)):
            assert {part.dtype for part in blocks(operator, which)} == {both}
        forms = columns(operator), dense(operator), diagonal(operator), block(operator, slice(3))
        assert {form.dtype for form in forms} == {both}
        assert {part.dtype for _, part in stream(operator, net.layout)} == {both}


def test_balls_prove_the_blocks_of_any_groups():
    def cut(objective, theta):
        return blocks(hessian(objective, theta), partition(objective.net, "weights and biases"))
    assert certify(cut, *small()).digits > 14
