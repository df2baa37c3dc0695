"""HIPS autograd traces the function alone and differentiates it by its own rules.

Nothing of this package's backward code runs here: a gradient that agrees with backpropagation was
derived twice.  K directions are K copies of theta, whose values are summed.  Tapes are the host's:
arrays of a device go there and back.
"""

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.core import make_vjp

from ..arrays.transfer import and_back
from . import complex_step
from .directions import along


def _total(objective):
    return lambda thetas: anp.sum(objective.value(thetas))


@and_back
def gradient(objective, theta):
    """dL/dtheta (..., P)."""
    return autograd.grad(_total(objective))(theta)


@and_back
def jvp(objective, theta, v):
    """J v (..., N, C): the derivative, along u, of v^T J^T u, which is linear in u."""
    def product(V):
        pull, z = make_vjp(objective.outputs, np.broadcast_to(theta, V.shape) + 0.0)
        return autograd.grad(lambda u: anp.sum(pull(u) * V))(np.zeros_like(z))
    return along(product, v)


@and_back
def hvp(objective, theta, v):
    """H v (..., P): the gradient of g^T v, tape over tape."""
    slope = autograd.grad(_total(objective))

    def product(V):
        thetas = np.broadcast_to(theta, V.shape) + 0.0
        return autograd.grad(lambda t: anp.sum(slope(t) * V))(thetas)
    return along(product, v)


@and_back
def third(objective, theta, u, v):
    """D^3 L[u, v, .] (..., P): the gradient of u^T H v, three tapes deep."""
    def total(thetas):                            # a quadratic would end the tape, with a warning
        return anp.sum(objective.value(thetas)) + 0 * anp.sum(thetas * thetas * thetas)

    def along_u(thetas):
        return anp.sum(autograd.grad(total)(thetas) * u)

    def product(V):
        thetas = np.broadcast_to(theta, V.shape) + 0.0
        return autograd.grad(lambda t: anp.sum(autograd.grad(along_u)(t) * V))(thetas)
    return along(product, v)


@and_back
def complex_step_hvp(objective, theta, v):
    """H v (..., P): one complex step of autograd's gradient."""
    slope = autograd.holomorphic_grad(_total(objective))
    return along(lambda V: complex_step.derivative(slope, theta, V), v)
