"""NumPy's floating-point numbers, real or complex, of any precision: the system of rank 0."""

from math import prod

import numpy as np
from numpy import (arange, broadcast_to, cos, exp, expm1, eye, log, ones_like, sin, sqrt, sum, tanh,
                   where, zeros_like)
from scipy.sparse import csc_array
from scipy.special import erfcx

from . import functions as F

RANK = 0


def primal(x):
    """The real part: what branches decide on."""
    return np.real(x)


def positive(x):
    """Re x > 0."""
    return np.real(x) > 0


def argmax(x):
    """Place of the first largest real part along the last axis; few are compared all at once."""
    x = np.real(x)
    if not 0 < x.shape[-1] <= 16 or x.size < 1000 or np.isnan(x).any():
        return np.asarray(x.argmax(-1))
    best, place = x[..., 0], np.zeros_like(x[..., 0], "int8")
    for k in range(1, x.shape[-1]):
        place = place + (x[..., k] > best) * (np.int8(k) - place)
        best = np.maximum(best, x[..., k])
    return place.astype(np.intp)


def pi(x):
    """pi in the precision of x."""
    return 4 * np.arctan(np.ones((), np.result_type(np.real(x), np.float32)))


def constant(x, like):
    """x in the precision of `like`, if that is wider; real x stays real."""
    return x.astype(np.result_type(x.dtype, np.real(like).dtype), copy=False)


def log1p(x):
    """log(1 + x); NumPy's complex log1p loses the real part for small x, so it is spelled out."""
    if not np.iscomplexobj(x):
        return np.log1p(x)
    a, b = np.real(x), np.imag(x)
    return 0.5 * np.log1p(a * (2 + a) + b * b) + 1j * np.arctan2(b, 1 + a)


def sigmoid(x):
    """1/(1 + exp(-x)), which is accurate for real x unless the exponential overflows."""
    if np.iscomplexobj(x):
        return F.any_sigmoid(x)
    try:
        with np.errstate(over="raise"):
            e = np.exp(-x)
    except FloatingPointError:
        return F.any_sigmoid(x)
    e += 1
    return 1 / e


def sigmoid_slope(x):
    """e/(1 + e)^2, e = exp(-abs x): of real x accurate everywhere (but not its slope, at 0)."""
    if np.iscomplexobj(x):
        return F.any_sigmoid_slope(x)
    e = np.exp(-np.abs(x))
    square = 1 + e
    square *= square
    return e / square


def sech2(x, tanh_x):
    """4 sigma'(2 x): of real x as accurate."""
    if np.iscomplexobj(x):
        return F.any_sech2(x, tanh_x)
    return 4 * sigmoid_slope(2 * x)


def swapaxes(x, i, j):
    """x.swapaxes(i, j), without the way through NumPy's function."""
    return x.swapaxes(i, j)


def reshape(x, shape):
    """x.reshape(shape), likewise."""
    return x.reshape(shape)


def einsum(spec, x, y):
    """numpy.einsum of two arrays, by matrix products where that is possible."""
    return np.einsum(spec, x, y, optimize=True)


def concatenate(arrays):
    """numpy.concatenate along the last axis, after broadcasting the others."""
    if len({a.shape[:-1] for a in arrays}) > 1:
        lead = np.broadcast_shapes(*(a.shape[:-1] for a in arrays))
        arrays = [np.broadcast_to(a, lead + a.shape[-1:]) for a in arrays]
    return np.concatenate(arrays, axis=-1)


def stack(arrays):
    """numpy.stack along a new last axis, after broadcasting."""
    return np.stack(np.broadcast_arrays(*arrays), axis=-1)


def take(x, index):
    """numpy.take along the last axis; index is known to be inside.

    Where much is taken, or the axis before lies last in memory anyway, whole rows of that one are
    copied, and it stays last in memory: what follows has long rows, too.
    """
    if x.ndim < 2 or not (index.size >= x.shape[-1] or swapaxes(x, -1, -2).flags.c_contiguous):
        return np.take(x, index, axis=-1, mode="clip")
    rows = np.take(np.ascontiguousarray(swapaxes(x, -1, -2)), index, axis=-2, mode="clip")
    axes = range(rows.ndim - 1)
    return rows.transpose(*axes[:x.ndim - 2], -1, *axes[x.ndim - 2:])


def scatter(x, index, size, block=2 ** 16):
    """y (..., size), y_j = sum of x (..., *index.shape) where index is j.

    Rows that lie last in memory, as `take` leaves them, are added whole.  Otherwise numpy.add.at is
    fast along one flat axis only, so as many rows as make a `block` that stays in the cache are
    laid end to end.
    """
    lead = x.shape[:x.ndim - index.ndim]
    if lead and lead[-1] >= 8 and x.size and x.dtype.kind in "fc":
        rows = swapaxes(x.reshape(lead + (index.size,)), -1, -2)
        if rows.flags.c_contiguous:
            return _add_rows(rows, index.reshape(-1), size)
    rows, y = x.reshape(prod(lead), index.size), np.zeros((prod(lead), size), x.dtype)
    n = max(1, block // max(1, index.size))
    places = (index.reshape(-1) + size * np.arange(n)[:, None]).reshape(-1)
    for k in range(0, len(y), n):
        part = rows[k:k + n].reshape(-1)
        np.add.at(y[k:k + n].reshape(-1), places[:part.size], part)
    return y.reshape(lead + (size,))


def _add_rows(rows, index, size):
    """rows (..., I, N) -> (..., N, size), N last in memory: products with a sparse matrix of 1."""
    I, N = rows.shape[-2:]
    meets = csc_array((np.ones(I, rows.dtype), index, np.arange(I + 1)), shape=(size, I))
    sums = [meets @ each for each in rows.reshape(-1, I, N)]
    y = sums[0] if len(sums) == 1 else np.stack(sums)
    return swapaxes(y.reshape(rows.shape[:-2] + (size, N)), -1, -2)


# ---- the normal distribution function, in every precision ----

def ndtr(x):
    """Phi(x) = (1 + erf(x/sqrt 2))/2, relatively accurate in the lower tail.

    float32 and float64 use scipy.special.erfcx; longdouble and complex arguments, where SciPy
    would downcast or lose digits, a series near 0 and Mills' continued fraction elsewhere.
    """
    mills = _mills if np.iscomplexobj(x) or x.dtype == np.longdouble else _mills_erfcx
    tail = mills(np.where(np.real(x) > 0, x, -x)) * F.gaussian_density(x)
    return np.where(np.real(x) > 0, 1 - tail, tail)


def _mills_erfcx(x):
    """(1 - Phi(x))/phi(x) = sqrt(pi/2) erfcx(x/sqrt 2) for x >= 0."""
    return np.sqrt(pi(x) / 2) * erfcx(x / np.sqrt(2 * np.ones((), x.dtype)))


def _mills(x):
    """The same for any precision and for complex x near the real axis, Re x >= 0."""
    if np.any(np.abs(np.imag(x)) > 0.1):
        raise ValueError(f"ndtr of complex numbers is meant for the complex step: |Im x| <= 0.1, "
                         f"got {np.abs(np.imag(x)).max():.3g}.")
    small = np.real(x) < 1
    return np.where(small, _mills_series(np.where(small, x, 1)),
                    _mills_fraction(np.where(small, 1, x)))


def _mills_series(x, terms=40):
    """sqrt(pi/2) exp(x^2/2) - sum_k x^(2k+1)/(1 3 ... (2k+1)), x < 1."""
    term = total = x
    for k in range(1, terms):
        term = term * x * x / (2 * k + 1)
        total = total + term
    return np.sqrt(pi(x) / 2) * np.exp(x * x / 2) - total


def _mills_fraction(x, terms=500):
    """1/(x + 1/(x + 2/(x + 3/(x + ...)))), x >= 1; the tail beyond `terms` is below 1e-27."""
    fraction = x
    for k in range(terms, 0, -1):
        fraction = x + k / fraction
    return 1 / fraction
