"""Initial parameters: drawn from the given generator, with the variances of their papers."""

from dataclasses import dataclass

import numpy as np
import pytest

from reference.network.affine import Dense
from reference.network.compose import Sequential
from reference.network.elementwise import Tanh
from reference.network.initial import glorot, he, pytorch, sparse
from reference.network.layer import Layer

WIDE = Dense(300, 200)
DRAWS = 300 * 200

BOUND, VARIANCE, BIASED = "bound variance biased".split()
SCHEMES = {
    glorot: {BOUND: np.sqrt(6 / 500), VARIANCE: 2 / 500, BIASED: False},
    he: {BOUND: np.inf, VARIANCE: 2 / 300, BIASED: False},
    pytorch: {BOUND: 1 / np.sqrt(300), VARIANCE: 1 / 900, BIASED: True},
    sparse: {BOUND: np.inf, VARIANCE: 15 / 300, BIASED: False},
}
each_scheme = pytest.mark.parametrize("scheme", SCHEMES, ids=lambda f: f.__name__)


def split(scheme, layer=WIDE, seed=0):
    W = scheme(np.random.default_rng(seed), layer)
    return W[:, :layer.inputs], W[:, layer.inputs:]


@each_scheme
def test_weights_have_mean_zero_and_the_variance_of_the_paper(scheme):
    W0, _ = split(scheme)
    truth = SCHEMES[scheme]
    kurtosis = ((W0 / np.sqrt(truth[VARIANCE])) ** 4).mean()
    assert abs(W0.mean()) < 5 * np.sqrt(truth[VARIANCE] / DRAWS)               # 5 sigma
    assert abs(W0.var() / truth[VARIANCE] - 1) < 5 * np.sqrt((kurtosis - 1) / DRAWS)
    assert np.abs(W0).max() <= truth[BOUND]


@each_scheme
def test_biases_are_as_the_scheme_says(scheme):
    _, b = split(scheme)
    assert b.shape == (200, 1) and b.any() == SCHEMES[scheme][BIASED]
    assert np.abs(b).max() <= SCHEMES[scheme][BOUND]
    assert split(scheme, Dense(4, 3, bias=False))[1].shape == (3, 0)


@each_scheme
def test_the_same_generator_gives_the_same_parameters_and_another_others(scheme):
    net = Sequential(Dense(4, 3), Tanh(), Dense(3, 2))
    a, b, c = (net.initial(np.random.default_rng(s), scheme) for s in (1, 1, 2))
    assert a.shape == (net.layout.size,) and a.dtype == float
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_sparse_gives_every_unit_the_same_number_of_incoming_weights():
    W0, _ = split(sparse)
    assert ((W0 != 0).sum(1) == 15).all()
    assert len(np.unique(np.nonzero(W0)[1])) == 300                      # anywhere, not in a row
    assert (split(sparse, Dense(4, 3))[0] != 0).all()                         # fewer inputs than 15
    assert ((sparse(np.random.default_rng(0), WIDE, incoming=2) != 0).sum(1) == 2).all()


def test_a_network_is_its_layers_initialised_one_after_the_other():
    net = Sequential(Dense(4, 3), Tanh(), Dense(3, 2))
    rng = np.random.default_rng(3)
    first, second = glorot(rng, net.layers[0]), glorot(rng, net.layers[2])
    expected = np.concatenate([first.ravel(), second.ravel()])
    assert np.array_equal(net.initial(np.random.default_rng(3)), expected)


def test_a_scheme_is_a_function_of_generator_and_layer():
    @dataclass(frozen=True)
    class Scale(Layer):
        shape = (1, 4)
        bias = False

        def vjp(self, W, x, y, dy):
            return None, dy

    assert np.array_equal(Sequential(Scale()).initial(np.random.default_rng(0), lambda rng, layer:
                                                      np.ones(layer.shape)), np.ones(4))
