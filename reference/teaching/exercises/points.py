"""Where the exercises on a network are tried: from numbers to follow by hand to awkward ones."""

import numpy as np

from ...network.affine import Dense
from ...network.compose import Sequential
from ...network.elementwise import Elementwise
from ...network.losses import CrossEntropy
from ...network.objective import Objective
from .exercise import Stage


def matrices(net, theta):
    """[W1, W2]."""
    return [theta[s].reshape(shape) for s, shape in zip(net.layout.slices, net.layout.shapes)]


def drawn(N, D=4, H=3, C=7, bias=True, shift=0.0, dtype="float64", vectors=0):
    """A function of rng that draws a point; sizes are pairwise coprime."""
    def draw(rng):
        net = Sequential(Dense(D, H, bias), Elementwise("Tanh"), Dense(H, C, bias))
        theta = rng.standard_normal(net.layout.size)
        W1, W2 = matrices(net, theta)                               # views
        W1[0], W2[:, 0] = W1[0] * (10 if shift else 1), W2[:, 0] + shift
        x, y = rng.standard_normal((N, D)), rng.integers(C, size=N)
        others = [rng.standard_normal(theta.size).astype(dtype) for _ in range(vectors)]
        return (Objective(net, CrossEntropy(), x.astype(dtype), y), theta.astype(dtype), *others)
    return draw


def worked(vectors=0):
    """One example, one input, two hidden units, three classes: numbers to follow by hand."""
    def draw(rng):
        net = Sequential(Dense(1, 2), Elementwise("Tanh"), Dense(2, 3))
        theta = np.array([0.5, 0.0, -1.0, 0.5, 1.0, 0.0, 0.5, 0.0, 1.0, 0.0, -1.0, 2.0, 0.0])
        v = np.array([1.0, 0.5, 0.0, 1.0, 1.0, -1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, -1.0])
        objective = Objective(net, CrossEntropy(), np.array([[2.0]]), np.array([1]))
        return (objective, theta, *[v] * vectors)
    return draw


def stages(vectors=0):
    """From a worked example to exponentials that overflow."""
    return (Stage("the worked example", worked(vectors), 0),
            Stage("eleven examples, seven classes", drawn(11, vectors=vectors), 1),
            Stage("one example", drawn(1, vectors=vectors), 1),
            Stage("no bias: W1 (H, D), W2 (C, H)", drawn(5, bias=False, vectors=vectors), 2),
            Stage("logits near 800 and -800", drawn(11, shift=800.0, vectors=vectors), 3),
            Stage("float32", drawn(5, dtype="float32", vectors=vectors), 2))
