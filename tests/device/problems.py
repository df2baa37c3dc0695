"""Objectives with every loss, and every way of weighting: {name: () -> (objective, theta)}."""

import numpy as np

import reference as ref
from reference.problems.layers import LAYERS

N, T, C = 6, 3, 3


def _rng():
    return np.random.default_rng(5)


def layer(name):
    """A small problem of reference/problems/layers.py."""
    return LAYERS[name](np.random.default_rng(0))


def _made(loss, y, outputs=C, shape=(N,), **named):
    """() -> inputs (*shape, 4) through five tanh units."""
    def make():
        rng = _rng()
        net = ref.Sequential(ref.Dense(4, 5), ref.Tanh(), ref.Dense(5, outputs))
        x = rng.standard_normal((*shape, 4))
        return ref.Objective(net, loss, x, y(rng), **named), net.initial(rng)
    return make


def _labels(rng):
    return rng.integers(0, C, N)


def _places(rng):
    y = rng.integers(0, C, (N, T))
    y[0, 1] = y[3] = -1
    return y


def _numbers(rng):
    return rng.standard_normal((N, C))


def _soft(rng):
    q = rng.random((N, C))
    return q / q.sum(-1, keepdims=True)


WEIGHTS = np.array([1.0, 0, 0.5, 2, 1, 3])

SETTINGS = {
    "cross entropy": _made(ref.CrossEntropy(), _labels),
    "cross entropy, probabilities": _made(ref.CrossEntropy(), _soft),
    "cross entropy, class weights": _made(
        ref.CrossEntropy(weights=(1, 0.5, 2)), _labels, reduction="mean over labels"),
    "cross entropy, smooth": _made(ref.CrossEntropy(smoothing=0.1), _labels, l2=0.1),
    "cross entropy, ignored": _made(ref.CrossEntropy(ignore=1), _labels),
    "cross entropy, places ignored": _made(
        ref.CrossEntropy(ignore=-1), _places, shape=(N, T), reduction="mean over labels"),
    "cross entropy, places weighted": _made(
        ref.CrossEntropy((1, 2, 3), 0.2, -1), _places, shape=(N, T), weights=WEIGHTS, l2=0.3),
    "binary": _made(ref.BinaryCrossEntropy(), _soft, reduction="sum"),
    "binary, weighted": _made(ref.BinaryCrossEntropy(), _soft, weights=WEIGHTS, l2=0.01),
    "squares": _made(ref.SquaredError(), _numbers),
    "squares, weighted": _made(ref.SquaredError(), _numbers, weights=WEIGHTS, l2=0.3),
    "huber": _made(ref.Huber(0.7), _numbers),
    "poisson": _made(ref.Poisson(), lambda rng: rng.poisson(2.0, (N, C)).astype(float)),
    "gaussian": _made(ref.Gaussian(), lambda rng: rng.standard_normal((N, 2)), 4, l2=0.1),
}


def direction(theta):
    """v (P,)."""
    return np.random.default_rng(1).standard_normal(theta.size)
