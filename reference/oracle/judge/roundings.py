"""A program's own roundings where formulas differ: differences of numbers that agree.

    f(x) + eps c sin(x),    f'(x) + eps cos(x + phi),    loss + eps m sum_c sin(z_c + phi)

with c in +-1 and phases phi at random: 1 - tanh^2, (1 + erf)/2, log sum e^z - z_y, p - y, p (1 - p)
are off by eps of their terms, not of what is left, and so are their derivatives.  This package's
formulas keep what is left; a correct program need not.
"""

from dataclasses import replace

import numpy as np

from ...arrays import functions as F
from ...network.elementwise import ACTIVATIONS, Elementwise
from ...network.losses import diagonal
from .mutants import altered, rebuilt

MASS = {"CrossEntropy": lambda y: F.sum(y, -1)[..., None],     # m, sum of its row's labels
        "BinaryCrossEntropy": F.ones_like, "Poisson": F.ones_like}


def rounded_operations(objective, eps, rng):
    """The Objective of a program of precision eps that subtracts without care."""
    net = rebuilt(objective.net, Elementwise, lambda layer: _activation(layer, eps, rng))
    return replace(objective, net=net, loss=_loss(objective.loss, eps, rng))


def _activation(layer, eps, rng):
    """f and f' off by eps; those that are linear in pieces subtract nothing."""
    if ACTIVATIONS[layer.name].linear_pieces:
        return layer
    c, phase = eps * rng.uniform(-1, 1), rng.uniform(0, 2 * np.pi)
    return altered(layer,
                   forward=lambda W, x: layer.forward(W, x) + c * F.sin(x),
                   slope=lambda x, y: layer.slope(x, y) + eps * F.cos(x + phase))


def _loss(loss, eps, rng):
    """The loss with its derivatives off by eps for each label, of those that subtract."""
    if loss.name not in MASS:
        return loss
    phase = rng.uniform(0, 2 * np.pi)

    def size(z, y):
        return eps * MASS[loss.name](F.constant(y, z))

    def value(z, y):
        return loss.value(z, y) + F.sum(size(z, y) * F.sin(z + phase), -1)

    def gradient(z, y):
        return loss.gradient(z, y) + size(z, y) * F.cos(z + phase)

    def hessian(z, y):
        return loss.hessian(z, y) - diagonal(size(z, y) * F.sin(z + phase))
    own = {} if loss.line.fisher else {"fisher": hessian}
    return altered(loss, value=value, gradient=gradient, hessian=hessian, **own)
