"""The vocabulary of every number system, and the functions written once from it.

Each function looks up its arguments' number system and calls the function of the same name there.
Everything in `network/` is written with these names, so one formula serves floats, complex
numbers, dual numbers, bicomplex numbers, balls and tapes.

The only branch is on `primal(x)`, and there are two kinds:
- a *formula* branch, where both formulas hold everywhere and one is more accurate, tests
  `primal(x)`;
- a *kink*, where the function itself changes, tests `positive(x)` or `argmax(x)`, which
  balls refuse to answer when the sign or the order is not proven.
"""

import numpy as np

from .namespace import namespace
from .transfer import alongside

VOCABULARY = (
    "exp expm1 log log1p sqrt sin cos tanh ndtr "                                  # elementwise
    "primal positive argmax where pi constant zeros_like ones_like "               # branch, make
    "sum einsum concatenate stack swapaxes reshape broadcast_to take scatter"      # arrange
).split()


def _unary(name):
    def function(x):
        return getattr(namespace(x), name)(x)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{name}(x) in the number system of x."
    return function


exp, expm1, log, log1p, sqrt, sin, cos, tanh, ndtr = map(
    _unary, "exp expm1 log log1p sqrt sin cos tanh ndtr".split())
primal, positive, pi, zeros_like, ones_like = map(
    _unary, "primal positive pi zeros_like ones_like".split())


def argmax(x):
    """Place of the first largest entry along the last axis: integers, proven where x is balls."""
    return namespace(x).argmax(x)


def where(condition, x, y):
    """x where the boolean array `condition` holds, y elsewhere."""
    return namespace(x, y).where(condition, x, y)


def constant(x, like):
    """Floats x as constants to compute with beside `like`: exact balls, wider floats, or x itself.

    Whatever is computed from x alone is then enclosed by balls, or done in longdouble, too.
    """
    return namespace(like).constant(x, like)


def sum(x, axis):
    """Sum over one axis or a tuple of axes, counted from the end (negative)."""
    return namespace(x).sum(x, axis)


def einsum(spec, x, y):
    """Bilinear contraction of two arrays; each term may begin with an ellipsis."""
    return namespace(x, y).einsum(spec, x, y)


def concatenate(arrays):
    """Join along the last axis; the other axes are broadcast to each other."""
    return namespace(*arrays).concatenate(arrays)


def stack(arrays):
    """Join along a new last axis."""
    return namespace(*arrays).stack(arrays)


def swapaxes(x, i, j):
    """x with two axes, counted from the end, exchanged."""
    return namespace(x).swapaxes(x, i, j)


def reshape(x, shape):
    """x in another shape, row-major."""
    return namespace(x).reshape(x, shape)


def broadcast_to(x, shape):
    """x repeated along new or unit axes."""
    return namespace(x).broadcast_to(x, shape)


def take(x, index):
    """Entries of x along its last axis at the integers `index`: x.shape[:-1] + index.shape."""
    return namespace(x).take(x, _places(index, x.shape[-1]))


def scatter(x, index, size):
    """The adjoint of take: y (..., size), y_j = sum of x (..., *index.shape) where index is j."""
    index = _places(index, size)
    if x.shape[x.ndim - index.ndim:] != index.shape:
        raise ValueError(f"x of shape {x.shape} does not end with the shape of index, "
                         f"{index.shape}: give every place one entry.")
    return namespace(x).scatter(x, index, size)


def _places(index, size):
    """index as machine integers, all of them in 0, ..., size - 1."""
    if index.dtype.kind not in "iu":
        raise TypeError(f"an index of {index.dtype}: places are counted by integers; convert it.")
    if index.size and not (index.min() >= 0) & (index.max() < size):       # one look at a device
        wrong = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"index {wrong} is outside an axis of {size}: places are 0 to {size - 1}.")
    return index.astype(np.intp, copy=False)


# ---- written once, for every number system ----

def transpose(x):
    """Exchange the last two axes."""
    return swapaxes(x, -1, -2)


def positive_part(x):
    """max(x, 0), with slope 0 at 0."""
    return where(positive(x), x, 0)


def negative_part(x):
    """min(x, 0), with slope 1 at 0; safe to exponentiate."""
    return where(positive(x), 0, x)


def identity(x):
    """The identity matrix of order x.shape[-1], in integers so small that no float widens."""
    return namespace(primal(x)).eye(x.shape[-1], dtype="int8")


def fitted(x, like):
    """Numbers x as constants in the precision of `like`, wider or narrower; beside balls, exact."""
    exact = like.dtype == object
    x = alongside(x, primal(like))
    return constant(x if exact else x.astype(primal(like).dtype, copy=False), like)


def arange(n, index):
    """0, ..., n - 1 where the integer array `index` lives."""
    return namespace(index).arange(n)


def one_hot(index, size):
    """Rows of the identity (..., size), in integers so small that no float widens."""
    return namespace(index).eye(size, dtype="int8")[index]


def first_maximum(x):
    """One-hot mask of the first largest entry along the last axis, decided on primal(x)."""
    p = primal(x)
    return namespace(p).eye(p.shape[-1], dtype=bool)[p.argmax(-1)]


def modulus(x):
    """|x| where its kink matters: balls refuse to guess the sign."""
    return where(positive(x), x, -x)


def magnitude(x):
    """|x| for real x, continued analytically from either side; both signs serve at 0."""
    return where(primal(x) > 0, x, -x)


def sech2(x, tanh_x):
    """1/cosh(x)^2 = 1 - tanh(x)^2, without the cancellation of the latter in the tails."""
    return getattr(namespace(x), "sech2", any_sech2)(x, tanh_x)


def any_sech2(x, tanh_x):
    """For every number system; one may have a shorter form."""
    e = exp(-2 * magnitude(x))
    return where(primal(tanh_x) ** 2 < 0.5, 1 - tanh_x * tanh_x, 4 * e / ((1 + e) * (1 + e)))


def sigmoid(x):
    """1/(1 + exp(-x)), relatively accurate in both tails."""
    return getattr(namespace(x), "sigmoid", any_sigmoid)(x)


def any_sigmoid(x):
    """The sigmoid in every number system; one may have a shorter form."""
    e = exp(-magnitude(x))
    return where(primal(x) > 0, 1 / (1 + e), e / (1 + e))


def sigmoid_slope(x):
    """sigmoid'(x) = sech^2(x/2)/4."""
    return getattr(namespace(x), "sigmoid_slope", any_sigmoid_slope)(x)


def any_sigmoid_slope(x):
    """For every number system; one may have a shorter form."""
    return sech2(x / 2, tanh(x / 2)) / 4


def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    return where(primal(x) > 0, x, 0) + log1p(exp(-magnitude(x)))


def gaussian_density(x):
    """phi(x) = exp(-x^2/2)/sqrt(2 pi), the slope of ndtr.

    x = c + r with c on a grid of 1/16, so that x^2 = c^2 + r (x + c) is not rounded before the
    exponential amplifies it by x^2 [Cod69].
    """
    c = np.round(primal(x) * 16) / 16 + zeros_like(x)
    return exp(-c * c / 2) * exp((c - x) * (x + c) / 2) / sqrt(2 * pi(x))
