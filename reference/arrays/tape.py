"""Arrays traced by HIPS autograd: a second, independent reverse mode to check against."""

import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, primitive
from autograd.numpy import (cos, exp, log, log1p, reshape, sin, sqrt, sum, swapaxes, where)
from autograd.tracer import getval, isbox

from . import floats
from . import functions as F

RANK = 1


def value(x):
    """The array under all the boxes."""
    while isbox(x):
        x = getval(x)
    return x


def primal(x):
    """The real part of the value: branches are not traced."""
    return F.primal(value(x))


def positive(x):
    """The sign of the value."""
    return F.positive(value(x))


def argmax(x):
    """Decided by the value."""
    return F.argmax(value(x))


def pi(x):
    """pi in the precision of the value."""
    return F.pi(value(x))


def constant(x, like):
    """A constant of the tape."""
    return F.constant(x, value(like))


def zeros_like(x):
    """Zeros, a constant of the tape."""
    return F.zeros_like(value(x))


def ones_like(x):
    """Ones, a constant of the tape."""
    return F.ones_like(value(x))


# autograd lacks ndtr; its rules for expm1 and tanh lose the tails: ans + 1, and 1/cosh^2 overflows
expm1, tanh, ndtr = map(primitive, (np.expm1, np.tanh, floats.ndtr))
defvjp(expm1, lambda ans, x: lambda g: g * exp(x))
defvjp(tanh, lambda ans, x: lambda g: g * F.sech2(x, ans))
defvjp(ndtr, lambda ans, x: lambda g: g * F.gaussian_density(x))


# linear, and each the adjoint of the other
take, scatter = map(primitive, (floats.take, floats.scatter))
defvjp(take, lambda ans, x, index: lambda g: scatter(g, index, x.shape[-1]))
defvjp(scatter, lambda ans, x, index, size: lambda g: take(g, index))


def einsum(spec, x, y):
    """autograd's einsum."""
    return anp.einsum(spec, x, y)


def broadcast_to(x, shape):
    """By adding zeros, which autograd differentiates."""
    return x + np.zeros(shape)


def concatenate(arrays):
    """Along the last axis, the others broadcast."""
    lead = np.broadcast_shapes(*(a.shape[:-1] for a in arrays))
    return anp.concatenate([_widen(a, lead + a.shape[-1:]) for a in arrays], axis=-1)


def stack(arrays):
    """Along a new last axis."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return anp.stack([_widen(a, shape) for a in arrays], axis=-1)


def _widen(a, shape):
    return a if a.shape == shape else broadcast_to(a, shape)
