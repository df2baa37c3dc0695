"""Small problems with a name: an Objective and a theta to stand at, drawn from a Generator."""

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.elementwise import GELU, Tanh
from ..network.losses import CrossEntropy, Gaussian
from ..network.objective import Objective
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


ZOO = {
    "digits": digit_classifier,
    "pooled digits": pooled_digit_classifier,
    "uncertain regression": uncertain_regression,
}
