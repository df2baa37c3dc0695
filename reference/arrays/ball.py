"""Arrays of balls: NumPy arrays of python-flint `arb`, each a midpoint and a proven radius [Joh17].

Also arrays of `arb_series`, truncated Taylor series with ball coefficients.  The working precision
is flint's own context; `precision(bits)` sets it for a `with` block.
"""

from contextlib import contextmanager
from threading import RLock

import flint
import numpy as np
from numpy import reshape, swapaxes

from . import floats

RANK = 1
SERIES = flint.arb_series
_CONTEXT = RLock()                    # whoever sets flint's context holds it


class Undecided(ArithmeticError):
    """A ball straddles a kink: the sign or the largest is not proven at this precision."""


@contextmanager
def precision(bits):
    """`bits` of working precision in the block; threads take turns: flint has one context."""
    with _CONTEXT, flint.ctx.workprec(bits):
        yield


# ---- in and out ----

def exact(x):
    """Balls of radius zero around integers and floating-point numbers of any precision."""
    return _each(_exact_one)(np.asarray(x))


def _exact_one(t):
    if isinstance(t, (flint.arb, SERIES)):
        return t
    if isinstance(t, (int, np.integer)):
        return _ratio(int(t), 1)
    if isinstance(t, np.longdouble) and np.isfinite(t):
        return _ratio(*t.as_integer_ratio())
    return flint.arb(float(t))


def _ratio(p, q):
    """p/q for q a power of 2, exact whatever the working precision."""
    with precision(max(p.bit_length(), 2)):
        return flint.arb(p) / flint.arb(q)


def midpoint(x):
    """Nearest float64 to each midpoint (constant coefficient, for series)."""
    return _each(_middle)(x).astype(float)


def _middle(t):
    return float((t[0] if isinstance(t, SERIES) else t).mid()) if _is_ball(t) else float(t)


def radius(x):
    """Upper bound of each radius, float64 rounded up."""
    return _each(lambda t: _upwards(t.rad()) if _is_ball(t) else 0.0)(x).astype(float)


def distance(x, y):
    """Upper bound of |x - y| for balls x and floats y, float64 rounded up."""
    return _each(_upwards)(exact(x) - exact(y)).astype(float)


def _upwards(t):
    """A float64 no less than |t|."""
    return 0.0 if t == 0 else float(np.nextafter(float(abs(t).upper()), np.inf))


def _is_ball(t):
    return isinstance(t, (flint.arb, SERIES))


def _each(function):
    """A function of one ball, over arrays, which stay arrays even without axes."""
    over = np.frompyfunc(function, 1, 1)
    return lambda x: boxed(over(boxed(x)))


def boxed(t):
    """An array of objects, without axes if t is one number (a series is no sequence here)."""
    if isinstance(t, np.ndarray):
        return t
    box = np.empty((), dtype=object)
    box[()] = t
    return box


# ---- elementwise ----

def _method(name):
    over = _each(lambda t: getattr(_exact_one(t), name)())
    return lambda x: over(x)


exp, log, sqrt, sin, cos = map(_method, "exp log sqrt sin cos".split())


def _expm1_one(t):
    return t.exp() - 1 if isinstance(t, SERIES) else _exact_one(t).expm1()


def _log1p_one(t):
    return (1 + t).log() if isinstance(t, SERIES) else _exact_one(t).log1p()


def _tanh_one(t):
    return 1 - 2 / ((2 * t).exp() + 1) if isinstance(t, SERIES) else _exact_one(t).tanh()


def _ndtr_one(t):
    return (-_exact_one(t) / flint.arb(2).sqrt()).erfc() / 2


expm1, log1p, tanh, ndtr = map(_each, (_expm1_one, _log1p_one, _tanh_one, _ndtr_one))


# ---- branches ----

primal = midpoint


def where(condition, x, y):
    """numpy.where, of balls throughout: a plain 0 or 1 would go on as a float."""
    return np.where(condition, exact(x), exact(y))


def positive(x):
    """x > 0, proven; an inexact ball that contains 0 raises Undecided."""
    return _each(_positive_one)(x).astype(bool)


def _positive_one(t):
    t = _exact_one(t)
    if isinstance(t, SERIES):
        if t[0] == 0 and not _is_constant(t):
            raise Undecided(f"the series {t} leaves a kink at 0: its coefficients there depend on "
                            "the sign of t; move the point off it.")
        t = t[0]
    if t > 0 or t <= 0:
        return bool(t > 0)
    raise Undecided(f"{t} straddles a kink at 0; raise the precision, or move the point off it.")


def argmax(x):
    """Place of the first largest entry along the last axis, proven; otherwise Undecided."""
    rows = exact(x).reshape(-1, x.shape[-1])
    return np.array([_argmax_one(row) for row in rows], int).reshape(x.shape[:-1])


def _argmax_one(row):
    k = max(range(len(row)), key=lambda j: _start(row[j]).mid())
    for j, t in enumerate(row):
        if j != k and not (_exceeds(row[k], t) or k < j and _ties(row[k], t)):
            raise Undecided(f"{row[k]} and {t}: which is larger is a kink, and not proven; raise "
                            "the precision, or move the point off the tie.")
    return k


def _exceeds(s, t):
    """s > t near the point, proven."""
    return _start(s) > _start(t)


def _ties(s, t):
    """s >= t, proven, and if s = t at the point, then also near it."""
    return _start(s) >= _start(t) and _is_constant(s - t)


def _start(t):
    return t[0] if isinstance(t, SERIES) else t


def _is_constant(t):
    return not isinstance(t, SERIES) or all(t[k] == 0 for k in range(1, t.length()))


# ---- making and arranging ----

def pi(x):
    """pi as a ball."""
    return flint.arb.pi()


def constant(x, like):
    """Exact balls."""
    return exact(x)


def zeros_like(x):
    """Exact zeros."""
    return exact(np.zeros(np.shape(x)))


def ones_like(x):
    """Exact ones."""
    return exact(np.ones(np.shape(x)))


def sum(x, axis):
    """Sum over axes; always an array."""
    return boxed(np.sum(x, axis))


def einsum(spec, x, y):
    """numpy.einsum over objects."""
    return boxed(np.einsum(spec, exact(x), exact(y)))


def take(x, index):
    """As floats'."""
    return boxed(floats.take(x, index))


def scatter(x, index, size):
    """As floats', objects throughout: what nothing is added to is an exact 0."""
    return exact(floats.scatter(x, index, size))


def broadcast_to(x, shape):
    """As NumPy's."""
    return np.broadcast_to(x, shape)


def concatenate(arrays):
    """As floats', objects throughout."""
    return floats.concatenate([exact(a) for a in arrays])


def stack(arrays):
    """As floats', objects throughout."""
    return floats.stack([exact(a) for a in arrays])
