"""Central differences with Richardson extrapolation, and an estimate of their own error.

    D(h) = (f(x + h v) - f(x - h v))/(2 h) = f'(x) v + c_2 h^2 + c_4 h^4 + ...

Each column of the tableau removes one power: T_k(h) = T_{k-1}(h/2) + (T_{k-1}(h/2) - T_{k-1}(h))
/(4^k - 1).  T_k(h) - T_{k-1}(h) estimates the error, which is never below the rounding error
eps |f|/h of the smallest step in it; the smallest estimate wins [Rid82].  T_k(h) - T_{k-1}(h/2),
which is smaller, would be small at a kink, too, where D(h) doubles again and again.
Needs no analytic code, and pays for it: about two thirds of the digits.
"""

import numpy as np

from ..arrays.namespace import library
from ..arrays.precision import eps
from .directions import by_directions, scaled

LEVELS = 7                            # step lengths h, h/2, ..., h/2^6
SPAN = 2.0 ** -2                      # largest |h v|, about the scale on which a network bends
BLURRED = 1e-3                        # of the largest entry: an estimate beyond is no convergence


def derivative(f, x, v):
    """f'(x) v for each row of v, and an error estimate of each (largest entry of the row)."""
    v = v.astype(np.result_type(x, v))                        # h v in the precision of x
    length = np.sqrt(np.sum(v * v, axis=-1, keepdims=True))
    h = SPAN / np.where(length > 0, length, 1)
    column, noise = zip(*[_central(f, x, v, h / 2 ** k) for k in range(LEVELS)])
    best, error = column[0], library(h).full(h.shape[:-1], np.inf)
    for k in range(1, LEVELS):
        finer = [b + (b - a) / (4 ** k - 1) for a, b in zip(column, column[1:])]
        for a, b, floor in zip(column, finer, noise[k:]):
            best, error = _keep_better(best, error, b, np.abs(b - a), floor)
        column = finer
    return best, error


def _central(f, x, v, h):
    """D(h), and the rounding error of each row: neighbours may agree by chance, or in error."""
    up, down = f(x + h * v), f(x - h * v)
    rows = h.ndim - 1
    rounding = eps(up.dtype) * _largest(np.maximum(np.abs(up), np.abs(down)), rows) / h[..., 0]
    return (up - down) / (2 * h.reshape(h.shape[:-1] + (1,) * (up.ndim - rows))), rounding


def _keep_better(best, error, candidate, change, floor):
    """Row by row, the candidate where its change, at least `floor`, is below the best error."""
    worst = np.maximum(_largest(change, error.ndim), floor)
    better = worst < error
    spread = better.reshape(better.shape + (1,) * (best.ndim - error.ndim))
    return np.where(spread, candidate, best), np.where(better, worst, error)


def _largest(a, rows):
    return a.max(axis=tuple(range(rows, a.ndim)))


def central_difference(f, x, v, h):
    """D(h), plain: for pictures of its error against h."""
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def converged(f, x, v):
    """f'(x) v for each row of v; ArithmeticError where an estimate says that it is nothing.

    Estimates below sqrt(eps) |f| are left alone: a derivative may well be 0.
    """
    y, error = derivative(f, x, v)
    worst, largest = (np.abs(a).max() if a.size else 0 for a in (error, y))
    if worst > BLURRED * largest and worst > np.sqrt(eps(y.dtype)) * np.abs(f(x)).max():
        raise ArithmeticError(
            f"differences do not converge: their estimated error is {worst:.1e}, the largest entry "
            f"{largest:.1e}; is a kink within their reach?  Use another route, as 'dual'.")
    return y


gradient, jvp, hvp, third = by_directions(scaled(converged))
