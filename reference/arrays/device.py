"""CuPy arrays, on a GPU: the vocabulary; `cupy` is imported on first use.

What is decided beforehand and kept on the host (masks, tables of places) is moved beside the
array that it is used with, by `alongside`.
"""

from importlib import import_module

import numpy as np

from . import floats
from . import functions as F
from .floats import log1p                 # CuPy's of complex x is log(1 + x), and rounds 1 + x
from .floats import sech2, sigmoid_slope  # a third of the kernels of those for every system
from .transfer import alongside

RANK = 1


def __getattr__(name):
    """Whatever is not defined here is cupy's function of the same name."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_module("cupy"), name)


def primal(x):
    """The real part."""
    return x.real


def positive(x):
    """Re x > 0."""
    return x.real > 0


def argmax(x):
    """Place of the first largest real part along the last axis."""
    return x.real.argmax(-1)


def where(condition, x, y):
    """cupy.where; the condition may be a mask on the host."""
    like = x if hasattr(x, "dtype") else y
    return import_module("cupy").where(alongside(condition, like), x, y)


def pi(x):
    """pi in the precision of x."""
    return x.real.dtype.type(np.pi)


def constant(x, like):
    """x itself: devices have no wider floats."""
    return x


def einsum(spec, x, y):
    """cupy.einsum of two arrays."""
    return import_module("cupy").einsum(spec, x, y)


def concatenate(arrays):
    """Along the last axis, the others broadcast."""
    cupy = import_module("cupy")
    lead = np.broadcast_shapes(*(a.shape[:-1] for a in arrays))
    return cupy.concatenate([cupy.broadcast_to(a, lead + a.shape[-1:]) for a in arrays], axis=-1)


def stack(arrays):
    """Along a new last axis."""
    cupy = import_module("cupy")
    return cupy.stack(cupy.broadcast_arrays(*arrays), axis=-1)


def take(x, index):
    """cupy.take along the last axis."""
    return import_module("cupy").take(x, alongside(index, x), axis=-1)


def scatter(x, index, size):
    """By atomic additions, in no fixed order; complex numbers, which have none, part by part."""
    if x.dtype.kind == "c":
        return scatter(x.real, index, size) + 1j * scatter(x.imag, index, size)
    cupy = import_module("cupy")
    y = cupy.zeros(x.shape[:x.ndim - index.ndim] + (size,), x.dtype)
    cupy.add.at(y, (..., alongside(index, x)), x)
    return y


def expm1(x):
    """exp(x) - 1; CuPy's of complex x subtracts, and loses the digits of small x."""
    cupy = import_module("cupy")
    if x.dtype.kind != "c":
        return cupy.expm1(x)
    a, b = x.real, x.imag
    real = cupy.expm1(a) * cupy.cos(b) - 2 * cupy.sin(b / 2) * cupy.sin(b / 2)
    return real + 1j * (cupy.exp(a) * cupy.sin(b))


def sigmoid(x):
    """1/(1 + e) or e/(1 + e), e = exp(-abs x), in which nothing overflows."""
    if x.dtype.kind == "c":
        return F.any_sigmoid(x)
    e = np.exp(-np.abs(x))
    return where(x > 0, 1, e) / (1 + e)


def ndtr(x):
    """Phi(x); of complex x, which CuPy's own does not take, by the series of `floats`."""
    if x.dtype.kind == "c":
        return floats.ndtr(x)
    return import_module("cupyx.scipy.special").ndtr(x)
