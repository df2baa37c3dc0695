"""The nets of a pack: small, of pairwise coprime sizes, so that no axis fits where another belongs.

A comment after each net lists N; T where weights are shared; and (I, O) of its matrices, I counting
the constant 1.  Equal numbers in one comment are one and the same axis, as O and the next I, or the
price of a layer's own form (3 gates, 2 heads).
"""

import numpy as np

from ...network.affine import Dense
from ...network.attention import MultiHeadAttention
from ...network.branches import Tied
from ...network.compose import Sequential
from ...network.convolution import Conv1d, Conv2d
from ...network.elementwise import Sigmoid, Softplus, Tanh
from ...network.embedding import Embedding, LearnedPositions, Unembedding
from ...network.losses import BinaryCrossEntropy, CrossEntropy, Gaussian, SquaredError
from ...network.normalise_channels import BatchNorm
from ...network.objective import Objective
from ...network.padding import Flatten
from ...network.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d
from ...network.recurrent import GRU, LSTM, RNN

SEED = 0
SCALE = 0.7                            # of theta: far from linear, and from saturated


def posed(rng, layers, x, loss, y, **options):
    """(objective, theta) with theta of normal entries."""
    net = Sequential(*layers)
    theta = SCALE * rng.standard_normal(net.layout.size)
    return Objective(net, loss, x, y, **options), theta


def classified(rng, layers, shape, classes, places=(), **options):
    """Normal x, labels drawn uniformly, cross-entropy."""
    x, y = rng.standard_normal(shape), rng.integers(classes, size=(shape[0], *places))
    return posed(rng, layers, x, CrossEntropy(), y, **options)


def pooled(pool, layer, width, classes):
    """The layer, tanh, the mean over places, and a dense layer on channels."""
    rank = 3 if isinstance(layer, Conv2d) else 2
    return layer, Tanh(), pool(1), Flatten(-rank), Dense(width, classes)


def language(rng):
    """Words and positions, tied to the output, two labels ignored: the mean over labels."""
    embedded = Tied("words", Embedding(5, 2)), LearnedPositions(3, 2)
    x, y = rng.integers(5, size=(7, 3)), rng.integers(5, size=(7, 3))
    y[[1, 4], [2, 0]] = -1
    return posed(rng, (*embedded, Tanh(), Tied("words", Unembedding(2, 5))), x,
                 CrossEntropy(ignore=-1), y, reduction="mean over labels")


def weighted(rng):
    """A Gaussian likelihood of mean and log variance, with example weights and weight decay."""
    x, y = rng.standard_normal((11, 2)), rng.standard_normal((11, 2))
    return posed(rng, (Dense(2, 5), Tanh(), Dense(5, 4)), x, Gaussian(), y,
                 weights=0.5 + rng.random(11), l2=0.01)


CASES = {
    "dense": lambda rng: classified(                       # 11; (5, 2), (3, 7)
        rng, (Dense(4, 2), Tanh(), Dense(2, 7)), (11, 4), 7),
    "deep": lambda rng: classified(                        # 13; (11, 2), (3, 5), (5, 7)
        rng, (Dense(10, 2), Tanh(), Dense(2, 5), Sigmoid(), Dense(5, 7, bias=False)), (13, 10), 7),
    "conv1d": lambda rng: classified(                      # 11, 13; (5, 3), (4, 7)
        rng, pooled(AdaptiveAvgPool1d, Conv1d(2, 3, 2), 3, 7), (11, 2, 14), 7),
    "conv2d": lambda rng: classified(                      # 13, 5 x 17; (7, 2), (3, 11)
        rng, pooled(AdaptiveAvgPool2d, Conv2d(1, 2, (2, 3)), 2, 11), (13, 1, 6, 19), 11),
    "rnn": lambda rng: classified(                         # 13, 7; (5, 3), (4, 3), (4, 11)
        rng, (RNN(4, 3, last=True), Dense(3, 11)), (13, 7, 4), 11),
    "lstm": lambda rng: classified(                        # 11, 13; (5, 8), (3, 8), (3, 7)
        rng, (LSTM(4, 2, last=True), Dense(2, 7)), (11, 13, 4), 7),
    "gru": lambda rng: classified(                         # 11, 13; (5, 6), (3, 6), (3, 7)
        rng, (GRU(4, 2, last=True), Dense(2, 7)), (11, 13, 4), 7),
    "words": lambda rng: classified(                       # 13, 11; (5, 2), (3, 7); labels (13, 11)
        rng, (Dense(4, 2), Tanh(), Dense(2, 7)), (13, 11, 4), 7, (11,)),
    "language": language,                                  # 7, 3; (5, 2) twice, (3, 2)
    "regression": lambda rng: posed(                       # 11; (5, 2), (3, 7)
        rng, (Dense(4, 2), Softplus(), Dense(2, 7)), rng.standard_normal((11, 4)), SquaredError(),
        rng.standard_normal((11, 7))),
    "binary": lambda rng: posed(                           # 11; (3, 4), (5, 7); the sum
        rng, (Dense(2, 4), Tanh(), Dense(4, 7)), rng.standard_normal((11, 2)), BinaryCrossEntropy(),
        rng.random((11, 7)), reduction="sum"),
    "gaussian": weighted,                                  # 11; (3, 5), (6, 4)
    "batchnorm": lambda rng: classified(                   # 11; (5, 2), (2, 2), (3, 7)
        rng, (Dense(4, 2), BatchNorm(2), Tanh(), Dense(2, 7)), (11, 4), 7),
    "attention": lambda rng: classified(                   # 7, 11; (3, 6), (3, 2), (3, 5)
        rng, (MultiHeadAttention(2, 2), Tanh(), Dense(2, 5)), (7, 11, 2), 5, (11,)),
}


def case(name):
    """(objective, theta, {argument: value}) of a name in CASES, the same every time.

    Raises
    ------
    ValueError
        Listing the names.
    """
    if name not in CASES:
        raise ValueError(f"no case {name!r}; choose from {', '.join(CASES)}.")
    rng = np.random.default_rng([SEED, list(CASES).index(name)])
    objective, theta = CASES[name](rng)
    return objective, theta, arguments(objective, theta, rng)


def arguments(objective, theta, rng):
    """What follows theta: v (P,), a cotangent u of the outputs' shape, a damping."""
    return {"v": rng.standard_normal(theta.size), "u": rng.standard_normal(objective.output_shape),
            "damping": 0.1}
