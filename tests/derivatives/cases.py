"""Objectives to check on, and the one way in which errors are measured.

Sizes are pairwise coprime (N = 7, widths 5, 3, 4), so that no transposed or mixed axis fits.
"""

import numpy as np

from reference import (BinaryCrossEntropy, CrossEntropy, Dense, Gaussian, Huber, Objective, Poisson,
                       Sequential, SquaredError, Tanh, problems)
from reference.network.elementwise import ACTIVATIONS, Elementwise

N = 7

TARGETS = {
    CrossEntropy(): lambda rng, z: rng.integers(0, z.shape[1], len(z)),
    BinaryCrossEntropy(): lambda rng, z: rng.random(z.shape),
    SquaredError(): lambda rng, z: rng.standard_normal(z.shape),
    Huber(0.7): lambda rng, z: rng.standard_normal(z.shape),
    Poisson(): lambda rng, z: rng.poisson(1.5, z.shape) + 0.0,
    Gaussian(): lambda rng, z: rng.standard_normal((len(z), z.shape[1] // 2)),
}
LOSSES = {loss.name: loss for loss in TARGETS}
SMOOTH = [name for name, line in ACTIVATIONS.items() if not line.kinks]


def make(layers, loss, n=N, seed=0, **options):
    """An Objective on n random examples, and a theta of moderate size."""
    rng = np.random.default_rng(seed)
    net = Sequential(*layers)
    theta = 0.7 * rng.standard_normal(net.layout.size)
    width = next(layer.inputs for layer in layers if isinstance(layer, Dense))
    x = rng.standard_normal((n, width))
    y = next(draw for known, draw in TARGETS.items() if known.name == loss.name)
    return Objective(net, loss, x, y(rng, net.forward(theta, x)[-1]), **options), theta


def small(activation="Tanh", loss="CrossEntropy", **options):
    """5-3-4 with one activation, by its name, and one loss, by its name."""
    return make((Dense(5, 3), Elementwise(activation), Dense(3, 4)), LOSSES[loss], **options)


def weighted(activation="Tanh", loss="CrossEntropy"):
    """The same with everything that an objective can have: example weights, decay, a sum."""
    weights = np.random.default_rng(1).random(N) + 0.5
    return small(activation, loss, weights=weights, l2=0.3, reduction="sum")


def digits(n=200):
    """64-16-10 with tanh and cross-entropy, on n images of handwritten digits."""
    net = Sequential(Dense(64, 16), Tanh(), Dense(16, 10))
    objective = Objective(net, CrossEntropy(), *problems.digits(n))
    return objective, net.initial(np.random.default_rng(0))


def directions(theta, count=2, seed=2):
    """Random rows v (count, P) in the precision of theta."""
    return np.random.default_rng(seed).standard_normal((count, theta.size)).astype(theta.dtype)


def wide(*arrays):
    """Objectives and arrays in longdouble."""
    return [a.to(np.longdouble) if isinstance(a, Objective) else a.astype(np.longdouble)
            for a in arrays]


def distance(value, truth):
    """max |value - truth|/max |truth|; infinite if the shapes differ or an entry is not finite."""
    value, truth = np.asarray(value), np.asarray(truth)
    if value.shape != truth.shape or not np.isfinite(value).all():
        return np.inf
    off, scale = np.abs(value - truth).max(initial=0), np.abs(truth).max(initial=0)
    return float(off / scale) if scale else float(off)
