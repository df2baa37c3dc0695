"""Where faults are planted: networks and data in which they show, sizes pairwise coprime.

Parameters have both signs, and a 0 is one that stays 0 if the data are rounded: a bias, a row of x.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from ...network.affine import Dense
from ...network.compose import Sequential
from ...network.dropout import dropout
from ...network.elementwise import Elementwise
from ...network.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from ...network.normalise_channels import BatchNorm
from ...network.objective import Objective
from ...network.padding import Flatten
from ...network.pooling import AdaptiveAvgPool1d

Tanh = partial(Elementwise, "Tanh")
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
