"""The networks and data of the bench, all made from one generator.

Noise images stand for those of 14 x 14 and 28 x 28 pixels, as the bundled digits have 8 x 8: the
time of dense algebra does not depend on the numbers.
"""

import numpy as np

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.convolution import Conv2d
from ..network.elementwise import Tanh
from ..network.losses import BinaryCrossEntropy, CrossEntropy
from ..network.objective import Objective
from ..network.padding import Flatten
from ..network.pooling import AvgPool2d
from ..network.recurrent import LSTM
from ..problems.autoencoders import mirror
from ..problems.digits import digits

CODE = (784, 400, 200, 100, 50, 25)


def chain(widths):
    """Dense layers of the given widths, tanh between them."""
    layers = [Dense(*pair) for pair in zip(widths, widths[1:])]
    return Sequential(*[layer for dense in layers[:-1] for layer in (dense, Tanh())], layers[-1])


def chain_objective(rng, widths, n):
    """n digits, or noise images where they have other than 64 pixels; tanh, cross-entropy."""
    net = chain(widths)
    if widths[0] != 64:
        return _on_noise(rng, net, (n, widths[0]), widths[-1])
    return Objective(net, CrossEntropy(), *digits(n)), net.initial(rng)


def lenet_objective(rng, n=128):
    """n noise images (1, 14, 14), two convolutions, tanh, a pooling, cross-entropy: P = 1626."""
    net = Sequential(Conv2d(1, 4, 3), Tanh(), AvgPool2d(2), Conv2d(4, 8, 3), Tanh(), Flatten(),
                     Dense(128, 10))
    return _on_noise(rng, net, (n, 1, 14, 14), 10)


def lstm_objective(rng, n=64):
    """n noise sequences (12, 8), an LSTM's last hidden state, cross-entropy: P = 1749."""
    return _on_noise(rng, Sequential(LSTM(8, 16, last=True), Dense(16, 5)), (n, 12, 8), 5)


def autoencoder_objective(rng, code=CODE, n=1000, dtype=np.float64):
    """n noise images in [0, 1] through a code and its mirror image, tanh, logits of the pixels.

    784-400-200-100-50-25-50-100-200-400-784, P = 842 009: the binary cross-entropy of every pixel,
    summed over pixels, mean over images.  Every layer but the last ends in tanh, the code too.
    """
    net = chain(code + code[-2::-1])
    x, theta = rng.random((n, code[0])), net.initial(rng)
    objective = Objective(net, BinaryCrossEntropy(), x, x)
    return objective.to(dtype), theta.astype(dtype)


def paper_autoencoder(rng, n=1000):
    """n noise images through 784-1000-500-250-30 and its mirror image, ReLU, float32 [GRB20]."""
    net = mirror(784, 1000, 500, 250, 30)
    x, theta = rng.random((n, 784)).astype("float32"), net.initial(rng).astype("float32")
    return Objective(net, BinaryCrossEntropy(), x, x), theta


def _on_noise(rng, net, shape, classes):
    x, y = rng.standard_normal(shape), rng.integers(classes, size=shape[0])
    return Objective(net, CrossEntropy(), x, y), net.initial(rng)
