"""Where faults of places, steps, words and branches are planted, as points has it for the rest."""

from dataclasses import replace

import numpy as np

from ...network.affine import Dense
from ...network.attention import MultiHeadAttention
from ...network.branches import Residual, Tied
from ...network.convolution import Conv1d, Conv2d
from ...network.embedding import Embedding
from ...network.losses import CrossEntropy
from ...network.maxpool import MaxPool1d
from ...network.padding import Flatten
from ...network.pooling import AdaptiveAvgPool2d
from ...network.recurrent import LSTM, RNN
from .points import MEAN, Tanh, data, posed


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


def skipping():
    """N = 11; (3, 5), x + tanh((3, 4)), (7, 4)."""
    return posed((Dense(4, 3), Residual(Dense(3, 3), Tanh()), Dense(3, 7)), data(11, 4), 7)


def shared():
    """N = 11; (3, 5), (3, 4) used twice, (7, 4)."""
    return posed((Dense(4, 3), Tied("W", Dense(3, 3)), Tanh(), Tied("W", Dense(3, 3)), Tanh(),
                  Dense(3, 7)), data(11, 4), 7)
