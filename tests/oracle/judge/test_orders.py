"""Orders of theta: each a permutation, and the named ones written down by hand."""

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.orders import BASES, ORDERS, order, orders, says

NETS = {
    "dense": (ref.Sequential(ref.Dense(4, 2), ref.Tanh(), ref.Dense(2, 7)), (4,)),
    "no bias": (ref.Sequential(ref.Dense(4, 2, bias=False)), (4,)),
    "images": (ref.Sequential(ref.Conv2d(2, 3, (2, 3)), ref.Flatten(-3), ref.Dense(36, 5)),
               (2, 4, 6)),
    "lstm": (ref.Sequential(ref.LSTM(2, 3, last=True), ref.Dense(3, 2)), (5, 2)),
    "gru": (ref.Sequential(ref.GRU(2, 3, reset="before", bidirectional=True)), (5, 2)),
    "words": (ref.Sequential(ref.Embedding(5, 3), ref.Dense(3, 2)), (4,)),
    "tied": (ref.Sequential(ref.Tied("a", ref.Dense(3, 3)), ref.Tied("a", ref.Dense(3, 3))), (3,)),
}


@pytest.mark.parametrize("net", NETS)
def test_every_order_is_a_permutation_and_has_words(net):
    net, example = NETS[net]
    found = orders(net, example)
    for name, p in found.items():
        assert sorted(p) == list(range(net.layout.size)) and says(name)
        assert np.array_equal(p, order(name, net, example))
    assert len({p.tobytes() for p in found.values()}) == len(found)


@pytest.mark.parametrize("name, expected", [
    ("ours", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),                 # (W0 b) of (2, 3), (2, 2), by rows
    ("torch", [0, 1, 3, 4, 2, 5, 6, 8, 7, 9]),
    ("weights, then biases", [0, 1, 3, 4, 6, 8, 2, 5, 7, 9]),
    ("biases, then weights", [2, 5, 7, 9, 0, 1, 3, 4, 6, 8]),
    ("sorted names", [2, 5, 0, 1, 3, 4, 7, 9, 6, 8]),
    ("bias column first", [2, 0, 1, 5, 3, 4, 7, 6, 9, 8]),
    ("columns", [0, 3, 1, 4, 2, 5, 6, 8, 7, 9]),
    ("columns, bias first", [2, 5, 0, 3, 1, 4, 7, 9, 6, 8]),
    ("keras", [0, 3, 1, 4, 2, 5, 6, 8, 7, 9]),
    ("flax", [2, 5, 0, 3, 1, 4, 7, 9, 6, 8]),
    ("keras, biases last", [0, 3, 1, 4, 6, 8, 2, 5, 7, 9]),
    ("last layer first", [6, 7, 8, 9, 0, 1, 2, 3, 4, 5]),
    ("torch, last layer first", [6, 8, 7, 9, 0, 1, 3, 4, 2, 5])])
def test_bases_by_hand(name, expected):
    net = ref.Sequential(ref.Dense(2, 2), ref.Dense(1, 2))
    assert list(BASES[name](net)) == expected


def test_kernels_have_their_axes_moved():
    net, example = NETS["images"]
    W = np.arange(3 * 13).reshape(3, 13)
    kernel = W[:, :-1].reshape(3, 2, 2, 3).transpose(2, 3, 1, 0)
    assert list(order("keras", net)[:36]) == list(kernel.ravel())
    assert list(order("keras", net)[36:39]) == list(W[:, -1])


def test_pixels_before_channels():
    net, example = NETS["images"]
    W = 39 + np.arange(5 * 37).reshape(5, 37)
    inside = W[:, :-1].reshape(5, 3, 3, 4).transpose(0, 2, 3, 1).reshape(5, 36)
    assert list(order("pixels first", net, example)[39:]) == list(
        np.concatenate([inside, W[:, -1:]], 1).ravel())
    assert order("pixels first", net) is None


def test_gates_are_blocks_of_rows():
    net = NETS["lstm"][0]
    W = np.arange(12 * 3).reshape(4, 3, 3)                    # i, f, g, o
    assert list(order("gates figo", net)[:36]) == list(W[[1, 0, 2, 3]].ravel())
    assert order("gates figo", NETS["gru"][0]) is None
    assert order("torch; gates zrn", NETS["dense"][0]) is None


def test_an_order_that_is_none_is_refused():
    assert len(ORDERS) == 13 * (1 + 23 + 5 + 1)
    with pytest.raises(ValueError, match="no order 'fortran'"):
        order("fortran", NETS["dense"][0])
