"""One small problem for every layer and option: what the layer table and its tests run over."""

import numpy as np

from ..network.affine import Dense
from ..network.branches import Parallel, Residual, Tied
from ..network.compose import Sequential
from ..network.elementwise import Tanh
from ..network.losses import CrossEntropy
from ..network.objective import Objective

N, CLASSES = 5, 3


def classify(rng, layers, shape, n=N, **options):
    """Random data (n, *shape), the layers with outputs (n, [T,] CLASSES), cross-entropy."""
    x = rng.standard_normal((n, *shape))
    return labelled(rng, Sequential(*layers), x, **options)


def labelled(rng, net, x, **options):
    """Random labels for the network's outputs at x, and a random theta of moderate size."""
    y = rng.integers(0, CLASSES, (len(x), *net.output_shape(x.shape[1:])[:-1]))
    theta = 0.6 * rng.standard_normal(net.layout.size)
    return Objective(net, CrossEntropy(), x, y, **options), theta


# ---- dense layers, branches, shared matrices ----

LAYERS = {
    "Dense": lambda rng: classify(rng, (Dense(4, 3), Tanh(), Dense(3, 3)), (4,)),
    "Dense without bias": lambda rng: classify(
        rng, (Dense(4, 5, bias=False), Tanh(), Dense(5, 3, bias=False)), (4,)),
    "Dense at places": lambda rng: classify(rng, (Dense(4, 5), Tanh(), Dense(5, 3)), (2, 4)),
    "Residual": lambda rng: classify(
        rng, (Dense(2, 4), Residual(Tanh(), Dense(4, 4)), Dense(4, 3)), (2,)),
    "Parallel, added": lambda rng: classify(
        rng, (Parallel(Dense(2, 4), Sequential(Dense(2, 5), Tanh(), Dense(5, 4))), Dense(4, 3)),
        (2,)),
    "Parallel, concatenated": lambda rng: classify(
        rng, (Parallel(Dense(2, 4), Sequential(Dense(2, 5), Tanh()), join="concatenate"),
              Dense(9, 3)), (2,)),
    "Tied": lambda rng: classify(
        rng, (Dense(2, 4), Tied("W", Dense(4, 4)), Tanh(), Tied("W", Dense(4, 4)), Tanh(),
              Dense(4, 3)), (2,)),
}
