"""Flax's and Keras's names and shapes: entries are moved, and no others."""

import numpy as np
import pytest

import reference as ref


def some(*layers):
    net = ref.Sequential(*layers)
    return net, np.random.default_rng(0).standard_normal(net.layout.size)


NETS = {
    "dense": some(ref.Dense(4, 3), ref.Tanh(), ref.Dense(3, 2, bias=False)),
    "image": some(ref.Conv2d(2, 3, (2, 5)), ref.GroupNorm(3, 3), ref.Flatten(), ref.Dense(6, 5)),
    "words": some(ref.Embedding(7, 3), ref.LayerNorm(3), ref.Dense(3, 2)),
}


@pytest.mark.parametrize("layout", ["torch", "flax", "keras"])
@pytest.mark.parametrize("net, theta", NETS.values(), ids=NETS)
def test_there_and_back(net, theta, layout):
    named = net.named(theta, layout)
    assert (net.from_named(named, layout) == theta).all()
    assert np.array_equal(np.sort(np.concatenate([a.ravel() for a in named.values()])),
                          np.sort(theta))


def test_weights_are_in_out_and_kernels_have_places_first():
    net, theta = NETS["image"]
    torch, flax = net.named(theta), net.named(theta, "flax")
    assert list(flax) == ["0.kernel", "0.bias", "1.scale", "1.bias", "3.kernel", "3.bias"]
    assert flax["0.kernel"].shape == (2, 5, 2, 3)
    assert flax["0.kernel"][1, 3, 0, 2] == torch["0.weight"][2, 0, 1, 3]
    assert (flax["3.kernel"] == torch["3.weight"].T).all()
    assert "1.gamma" in net.named(theta, "keras")
    assert NETS["words"][0].named(NETS["words"][1], "flax")["0.embedding"].shape == (7, 3)


def test_nested_dicts_are_joined_by_dots():
    net, theta = NETS["dense"]
    named = net.named(theta, "flax")
    nested = {"params": {"0": {"kernel": named["0.kernel"], "bias": named["0.bias"]},
                         "2": {"kernel": named["2.kernel"]}}}
    assert (net.from_named(nested, "flax") == theta).all()


@pytest.mark.parametrize("cell, bias", [(ref.GRU, True), (ref.GRU, False), (ref.LSTM, False)])
def test_cells_of_keras(cell, bias):
    net, theta = some(cell(4, 3, bias=bias))
    named, torch = net.named(theta, "keras"), net.named(theta)
    assert (net.from_named(named, "keras") == theta).all()
    if cell is ref.GRU:                            # z first, which is our second gate
        assert (named["0.kernel"][:, :3] == torch["0.weight_ih_l0"][3:6].T).all()
        assert not bias or (named["0.bias"][1, :3] == torch["0.bias_hh_l0"][3:6]).all()
    else:
        assert (named["0.kernel"] == torch["0.weight_ih_l0"].T).all()


@pytest.mark.parametrize("layers, layout, match", [
    ([ref.LSTM(4, 3)], "keras", "one bias"), ([ref.RNN(4, 3)], "flax", "not known here"),
    ([ref.MultiHeadAttention(4, 2)], "flax", "not known here"),
    ([ref.Dense(4, 3)], "caffe", "layout must be one of")])
def test_what_would_need_more_than_moving_is_refused(layers, layout, match):
    net, theta = some(*layers)
    with pytest.raises(ValueError, match=match):
        net.named(theta, layout)
    with pytest.raises(ValueError, match=match):
        net.from_named({}, layout)
