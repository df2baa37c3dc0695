"""Central differences with Richardson extrapolation, and an estimate of their own error.

    D(h) = (f(x + h v) - f(x - h v))/(2 h) = f'(x) v + c_2 h^2 + c_4 h^4 + ...

Each column of the tableau removes one power: T_k(h) = T_{k-1}(h/2) + (T_{k-1}(h/2) - T_{k-1}(h))
/(4^k - 1).  The difference of neighbours estimates the error; the smallest wins (Ridders 1982).
Needs no analytic code, and pays for it: about two thirds of the digits.
"""

import numpy as np

from .directions import along, along_axes

LEVELS = 7                            # step lengths h, h/2, ..., h/2^6
SPAN = 2.0 ** -2                      # largest |h v|, about the scale on which a network bends


def derivative(f, x, v):
    """f'(x) v for each row of v, and an error estimate of each (largest entry of the row)."""
    length = np.sqrt(np.sum(v * v, axis=-1, keepdims=True))
    h = SPAN / np.where(length > 0, length, 1)
    column = [_central(f, x, v, h / 2 ** k) for k in range(LEVELS)]
    best, error = column[0], np.full(h.shape[:-1], np.inf)
    for k in range(1, LEVELS):
        finer = [b + (b - a) / (4 ** k - 1) for a, b in zip(column, column[1:])]
        for a, b in zip(column[1:], finer):
            best, error = _keep_better(best, error, b, np.abs(b - a))
        column = finer
    return best, error


def _central(f, x, v, h):
    up, down = f(x + h * v), f(x - h * v)
    return (up - down) / (2 * h.reshape(h.shape[:-1] + (1,) * (up.ndim - h.ndim + 1)))


def _keep_better(best, error, candidate, change):
    """Row by row, the candidate where its change is below the best error so far."""
    rows = error.ndim
    worst = change.max(axis=tuple(range(rows, change.ndim))) if change.ndim > rows else change
    better = worst < error
    return (np.where(better.reshape(better.shape + (1,) * (best.ndim - rows)), candidate, best),
            np.where(better, worst, error))


def central_difference(f, x, v, h):
    """D(h), plain: for pictures of its error against h."""
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


def gradient(objective, theta):
    """dL/dtheta (P,) from the function alone."""
    return along_axes(lambda E: derivative(objective.value, theta, E)[0], theta)


def jvp(objective, theta, v):
    """J v (..., N, C)."""
    return along(lambda V: derivative(objective.outputs, theta, V)[0], v)


def hvp(objective, theta, v):
    """H v (..., P), from the backpropagated gradient."""
    return along(lambda V: derivative(objective.grad, theta, V)[0], v)
