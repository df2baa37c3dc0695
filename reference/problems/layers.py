"""One small problem for every layer and option: what the layer table and its tests run over."""

import numpy as np

from ..network.affine import Dense
from ..network.branches import Parallel, Residual, Tied
from ..network.compose import Sequential
from ..network.dropout import dropout
from ..network.elementwise import Tanh
from ..network.losses import CrossEntropy
from ..network.normalise import LayerNorm, RMSNorm
from ..network.normalise_channels import BatchNorm, GroupNorm, InstanceNorm
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


# ---- normalisation and dropout ----

def normalised(rng, shape, *layers, **options):
    """Examples (..., 4) through Dense(4, 5), the layers, tanh and Dense(5, 3)."""
    return classify(rng, (Dense(4, 5), *layers, Tanh(), Dense(5, 3)), shape, **options)


def evaluated(rng):
    """BatchNorm with running statistics."""
    mean, variance = 0.5 * rng.standard_normal(5), 0.5 + rng.random(5)
    return normalised(rng, (4,), BatchNorm(5, mean=mean, variance=variance))


LAYERS |= {
    "LayerNorm": lambda rng: normalised(rng, (4,), LayerNorm(5)),
    "LayerNorm first": lambda rng: classify(rng, (LayerNorm(4), Dense(4, 3)), (4,)),
    "LayerNorm without bias, at places": lambda rng: normalised(
        rng, (2, 4), LayerNorm(5, bias=False)),
    "LayerNorm without affine part": lambda rng: normalised(
        rng, (4,), LayerNorm(5, 0.1, affine=False)),
    "LayerNorm over two axes": lambda rng: normalised(rng, (2, 3, 4), LayerNorm((3, 5))),
    "RMSNorm": lambda rng: normalised(rng, (4,), RMSNorm(5)),
    "RMSNorm without gain, over two axes": lambda rng: normalised(
        rng, (2, 4), RMSNorm((2, 5), 1e-3, affine=False)),
    "GroupNorm": lambda rng: normalised(rng, (6, 2, 4), GroupNorm(2, 6), n=3),
    "GroupNorm without bias, one spatial axis": lambda rng: normalised(
        rng, (6, 4), GroupNorm(3, 6, bias=False, spatial=1)),
    "GroupNorm without affine part": lambda rng: normalised(
        rng, (4, 4), GroupNorm(2, 4, affine=False, spatial=1)),
    "InstanceNorm": lambda rng: normalised(rng, (2, 3, 4), InstanceNorm(2, affine=True)),
    "BatchNorm": lambda rng: normalised(rng, (4,), BatchNorm(5), n=7),
    "BatchNorm of images": lambda rng: normalised(
        rng, (2, 3, 4), BatchNorm(2, bias=False, spatial=2)),
    "BatchNorm without affine part": lambda rng: normalised(
        rng, (2, 4), BatchNorm(2, 0.1, affine=False, spatial=1)),
    "BatchNorm in evaluation": evaluated,
    "Dropout": lambda rng: normalised(rng, (4,), dropout(rng, (N, 5), 0.3)),
    "Dropout, one mask": lambda rng: normalised(
        rng, (2, 4), dropout(rng, (2, 5), 0.3, shared=True)),
}
