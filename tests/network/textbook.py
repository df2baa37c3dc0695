"""Activations and losses as textbooks write them, in python-flint's arithmetic alone.

The names of the package serve as keys; none of its formulas is used.
"""

import flint

from reference.network.losses import (BinaryCrossEntropy, CrossEntropy, Gaussian, Huber, Poisson,
                                      SquaredError)
from tests.truth import exact

# ---- activations: functions of a power series x; kinks from the left ----


def e(x):
    return x.exp()


def tanh(u):
    return (1 - e(-2 * u)) / (1 + e(-2 * u))


def beyond(limit, right, left):
    """`right` where x > limit, `left` elsewhere."""
    return lambda x: right(x) if x[0] > limit else left(x)


LAMBDA, ALPHA = exact(1.0507009873554804934), exact(1.6732632423543772848)

ACTIVATIONS = {
    "Identity": lambda x: x,
    "Tanh": lambda x: (e(x) - e(-x)) / (e(x) + e(-x)),
    "Sigmoid": lambda x: 1 / (1 + e(-x)),
    "Softplus": lambda x: (1 + e(x)).log(),
    "ReLU": beyond(0, lambda x: x, lambda x: 0 * x),
    "LeakyReLU": beyond(0, lambda x: x, lambda x: exact(0.01) * x),
    "ELU": beyond(0, lambda x: x, lambda x: e(x) - 1),
    "SELU": beyond(0, lambda x: LAMBDA * x, lambda x: LAMBDA * ALPHA * (e(x) - 1)),
    "GELU": lambda x: x * (1 + (x / flint.arb(2).sqrt()).erf()) / 2,
    "GELUTanh": lambda x: x * (1 + tanh((2 / flint.arb.pi()).sqrt()
                                        * (x + exact(0.044715) * x * x * x))) / 2,
    "SiLU": lambda x: x / (1 + e(-x)),
    "Mish": lambda x: x * tanh((1 + e(x)).log()),
    # documented: slope 0 at both ends
    "HardTanh": lambda x: x if abs(x[0]) < 1 else 0 * x + (1 if x[0] > 0 else -1),
    "Softsign": beyond(0, lambda x: x / (1 + x), lambda x: x / (1 - x)),
    "Sine": lambda x: x.sin(),
}

# ---- losses: the value of one example, z and y lists of power series ----


def huber(r, delta=1.5):
    return r * r / 2 if -delta <= r[0] <= delta else delta * ((r if r[0] > 0 else -r) - delta / 2)


LOSSES = {
    CrossEntropy(): lambda z, q: sum(q) * sum(map(e, z)).log() - sum(a * b for a, b in zip(q, z)),
    BinaryCrossEntropy(): lambda z, y: sum((1 + e(a)).log() - b * a for a, b in zip(z, y)),
    SquaredError(): lambda z, y: sum((a - b) * (a - b) for a, b in zip(z, y)) / 2,
    Huber(1.5): lambda z, y: sum(huber(a - b) for a, b in zip(z, y)),
    Poisson(): lambda z, y: sum(e(a) - b * a for a, b in zip(z, y)),
    Gaussian(): lambda z, y: ((y[0] - z[0]) * (y[0] - z[0]) / e(z[1]) + z[1]) / 2,
}
