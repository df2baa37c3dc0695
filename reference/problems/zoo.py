"""Small problems with a name: an Objective and a theta to stand at, drawn from a Generator."""

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.convolution import Conv2d
from ..network.elementwise import GELU, Tanh
from ..network.losses import CrossEntropy, Gaussian
from ..network.objective import Objective
from ..network.padding import Flatten
from ..network.pooling import AvgPool2d
from ..network.recurrent import LSTM
from .digits import digits
from .synthetic import teacher


def _at_start(rng, net, loss, x, y, **options):
    return Objective(net, loss, x, y, **options), net.initial(rng)


def digit_classifier(rng):
    """200 real images, a 64-16-10 tanh network, cross-entropy: P = 1210."""
    x, y = digits(200)
    return _at_start(rng, Sequential(Dense(64, 16), Tanh(), Dense(16, 10)), CrossEntropy(), x, y)


def pooled_digit_classifier(rng):
    """23 images averaged over 2 x 2 pixels, a 16-5-10 tanh network: P = 145, small enough that
    whole matrices are proven."""
    x, y = digits(23)
    x = x.reshape(23, 4, 2, 4, 2).mean((2, 4)).reshape(23, 16)
    return _at_start(rng, Sequential(Dense(16, 5), Tanh(), Dense(5, 10)), CrossEntropy(), x, y)


def uncertain_regression(rng):
    """A teacher's outputs fitted with mean and learned variance, GELU, weight decay and example
    weights: P = 51, an indefinite loss Hessian."""
    x, y = teacher(rng, 19, inputs=3, hidden=7, outputs=2, noise=0.1)
    net = Sequential(Dense(3, 5), GELU(), Dense(5, 3, bias=False), GELU(), Dense(3, 4))
    return _at_start(rng, net, Gaussian(), x, y, weights=rng.uniform(0.5, 2, 19), l2=0.01)


def convolved_digits(rng):
    """7 images, 2 kernels of 3 x 3, tanh, means over 3 x 3 places, a dense layer: P = 110."""
    x, y = digits(7)
    net = Sequential(Conv2d(1, 2, 3), Tanh(), AvgPool2d(3), Flatten(), Dense(8, 10))
    return _at_start(rng, net, CrossEntropy(), x.reshape(7, 1, 8, 8), y)


def digits_row_by_row(rng):
    """5 images, their rows read by an LSTM of 2 units, whose last state is classified: P = 126."""
    x, y = digits(5)
    net = Sequential(LSTM(8, 2, last=True), Dense(2, 10))
    return _at_start(rng, net, CrossEntropy(), x.reshape(5, 8, 8), y)


ZOO = {
    "digits": digit_classifier,
    "pooled digits": pooled_digit_classifier,
    "uncertain regression": uncertain_regression,
    "convolved digits": convolved_digits,
    "digits row by row": digits_row_by_row,
}
