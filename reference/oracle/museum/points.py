"""Where faults are planted: networks and data in which they show, sizes pairwise coprime.

Parameters have both signs, data repeat where a fault is one of repetition, and a 0 is one that
stays 0 if the data are rounded: a bias, or a row of x.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from ...network.affine import Dense
from ...network.attention import MultiHeadAttention
from ...network.branches import Residual, Tied
from ...network.compose import Sequential
from ...network.convolution import Conv1d, Conv2d
from ...network.dropout import dropout
from ...network.elementwise import Elementwise
from ...network.embedding import Embedding
from ...network.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from ...network.maxpool import MaxPool1d
from ...network.normalise_channels import BatchNorm
from ...network.objective import Objective
from ...network.padding import Flatten
from ...network.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d
from ...network.recurrent import LSTM, RNN

Tanh, ReLU = (partial(Elementwise, name) for name in ("Tanh", "ReLU"))
MEAN = AdaptiveAvgPool1d(1), Flatten(-2)


def posed(layers, x, C, loss=None, places=(), seed=0, **options):
    """An Objective with random labels, and 0.7 times standard normal parameters."""
    rng, net, loss = np.random.default_rng(seed), Sequential(*layers), loss or CrossEntropy()
    shape = (len(x), *places)
    y = rng.integers(C, size=shape) if loss.name == "CrossEntropy" else (
        rng.standard_normal((*shape, C)) if loss.name == "SquaredError"
        else rng.uniform(size=(*shape, C)))
    return Objective(net, loss, x, y, **options), 0.7 * rng.standard_normal(net.layout.size)


def data(*shape):
    """Standard normal, the same every time."""
    return np.random.default_rng(1).standard_normal(shape)


def dense(act="Tanh", **options):
    """N = 11; (2, 5), (7, 3)."""
    return posed((Dense(4, 2), Elementwise(act), Dense(2, 7)), data(11, 4), 7, **options)


def regression(**options):
    """N = 11; (2, 5), (7, 3); squared error."""
    return dense(loss=SquaredError(), **options)


def quadratic():
    """N = 11; (7, 5): squared error of a linear map."""
    return posed((Dense(4, 7),), data(11, 4), 7, SquaredError())


def softmax_regression():
    """N = 11; (7, 5)."""
    return posed((Dense(4, 7),), data(11, 4), 7)


def equal_widths(act="Tanh"):
    """N = 11; (5, 4), (5, 6), (7, 6): two hidden layers of one width."""
    return posed((Dense(3, 5), Elementwise(act), Dense(5, 5), Elementwise(act), Dense(5, 7)),
                 data(11, 3), 7)


def turned():
    """N = 11; (3, 5), (3, 3) a rotation without bias, (7, 4)."""
    objective, theta = posed((Dense(4, 3), Dense(3, 3, bias=False), Tanh(), Dense(3, 7)),
                             data(11, 4), 7)
    theta[objective.net.layout.slices[1]] = np.linalg.qr(data(3, 3))[0].reshape(-1)
    return objective, theta


def narrow():
    """N = 3 examples, (7, 5) parameters."""
    return posed((Dense(4, 2), Tanh(), Dense(2, 7)), data(3, 4), 7)


def resting(act="Tanh", loss=None):
    """As dense, but every third example is 0, and so are the biases of the first layer."""
    objective, theta = dense(act, loss=loss)
    x = objective.x.copy()
    x[::3], theta[[4, 9]] = 0, 0
    return replace(objective, x=x), theta


def undecided():
    """N = 11; (7, 5), binary labels; biases are 0, every third example is, and so is its z."""
    objective, theta = posed((Dense(4, 7),), data(11, 4), 7, BinaryCrossEntropy())
    x = objective.x.copy()
    x[::3], theta[4::5] = 0, 0
    return replace(objective, x=x), theta


def dead():
    """As dense, but the second layer's weights are 0: no gradient reaches the first."""
    objective, theta = dense()
    theta[10:].reshape(7, 3)[:, :2] = 0
    return objective, theta


def weighted():
    """As dense, with example weights."""
    return dense(weights=np.random.default_rng(2).uniform(0.5, 2, 11))


def decayed():
    """As dense, with weight decay."""
    return dense(l2=0.3)


def deep():
    """N = 13; (2, 5), (7, 3), (11, 7)."""
    return posed((Dense(4, 2), Tanh(), Dense(2, 7), Elementwise("Sigmoid"),
                  Dense(7, 11, bias=False)), data(13, 4), 11)


def convolutional():
    """N = 13, T = 7; (3, 5), (11, 4)."""
    return posed((Conv1d(2, 3, 2), Tanh(), *MEAN, Dense(3, 11)), data(13, 2, 8), 11)


def strided():
    """N = 11, windows of 2 at every third of 13 places: T = 4, the last two places unseen."""
    return posed((Conv1d(2, 3, 2, stride=3), Tanh(), *MEAN, Dense(3, 7)), data(11, 2, 13), 7)


def spread():
    """N = 11, kernel 3, stride 2, dilation 5, of 19 places: T = 5."""
    return posed((Conv1d(2, 3, 3, stride=2, dilation=5), Tanh(), *MEAN, Dense(3, 7)),
                 data(11, 2, 19), 7)


def kernels():
    """N = 5; a convolution alone, W (7, 2, 3) without bias."""
    return posed((Conv1d(2, 7, 3, bias=False), *MEAN), data(5, 2, 8), 7)


def image():
    """N = 5, kernel (2, 3) of (5, 7) places."""
    return posed((Conv2d(2, 3, (2, 3)), Tanh(), AdaptiveAvgPool2d(1), Flatten(-3), Dense(3, 11)),
                 data(5, 2, 5, 7), 11)


def pooled(ties=False):
    """N = 11, windows of 3 of 9 places; with ties, filter 0 gives its bias everywhere."""
    objective, theta = posed((Conv1d(1, 2, 1), MaxPool1d(3), Flatten(-2), Dense(6, 7)),
                             data(11, 1, 9), 7)
    if ties:
        theta[0] = 0
    return objective, theta


def recurrent():
    """N = 13, T = 7; (3, 5), (3, 4), (11, 4)."""
    return posed((RNN(4, 3, last=True), Dense(3, 11)), data(13, 7, 4), 11)


def gated():
    """N = 5, T = 3; an LSTM of 2 units, (7, 3)."""
    return posed((LSTM(4, 2, last=True), Dense(2, 7)), data(5, 3, 4), 7)


def words():
    """N = 13, T = 7 labelled places; (3, 5), (11, 4)."""
    return posed((Dense(4, 3), Tanh(), Dense(3, 11)), data(13, 7, 4), 11, places=(7,))


def ragged():
    """As words, with a third of the labels ignored, unevenly; mean over the labels that count."""
    objective, theta = words()
    y, drop = objective.y.copy(), np.random.default_rng(3).uniform(size=(13, 7))
    y[drop < np.linspace(0, 0.6, 13)[:, None]] = -1
    return replace(objective, y=y, loss=CrossEntropy(ignore=-1),
                   reduction="mean over labels"), theta


def repeated():
    """N = 11, T = 4 words out of 5, many of them more than once; (3, 5), (7, 4)."""
    x = np.random.default_rng(2).integers(5, size=(11, 4))
    return posed((Embedding(5, 3), Flatten(-2), Tanh(), Dense(12, 7)), x, 7)


def attentive(causal=True):
    """N = 5, T = 3; one head of 4 features."""
    return posed((MultiHeadAttention(4, 1, causal=causal), Flatten(-2), Dense(12, 7)),
                 data(5, 3, 4), 7)


def normalised(act="Tanh", **options):
    """N = 11; (3, 5), normalised over the batch, (7, 4)."""
    return posed((Dense(4, 3), BatchNorm(3), Elementwise(act), Dense(3, 7)), data(11, 4), 7,
                 **options)


def far():
    """N = 11 examples of mean 1e4 and deviation 0.01, normalised at once, (7, 4)."""
    return posed((BatchNorm(3, eps=1e-8), Dense(3, 7)), 1e4 + 0.01 * data(11, 3), 7)


def dropped():
    """N = 11, p = 0.3 of the hidden units dropped; (5, 5), (7, 6)."""
    layer = dropout(np.random.default_rng(4), (11, 5), 0.3)
    return posed((Dense(4, 5), layer, Tanh(), Dense(5, 7)), data(11, 4), 7)


def dropped_at_rest():
    """As dropped, but every third example is 0 before the mask."""
    objective, theta = dropped()
    x = objective.x.copy()
    x[::3], theta[4:25:5] = 0, 0
    return replace(objective, x=x), theta


def skipping():
    """N = 11; (3, 5), x + tanh((3, 4)), (7, 4)."""
    return posed((Dense(4, 3), Residual(Dense(3, 3), Tanh()), Dense(3, 7)), data(11, 4), 7)


def shared():
    """N = 11; (3, 5), (3, 4) used twice, (7, 4)."""
    return posed((Dense(4, 3), Tied("W", Dense(3, 3)), Tanh(), Tied("W", Dense(3, 3)), Tanh(),
                  Dense(3, 7)), data(11, 4), 7)
