"""Taylor coefficients of t -> L(theta + t v), to any order, each with a proven radius.

The code of the function runs on truncated power series whose coefficients are balls
(flint.arb_series): Taylor-mode differentiation [GW08, ch. 13] with rigorous rounding.
"""

from contextlib import contextmanager
from dataclasses import dataclass

import flint
import numpy as np

from ..arrays import ball
from ..arrays import functions as F
from ..arrays.checks import (is_whole, require_finite, require_float, require_theta,
                             require_whole)
from ..arrays.transfer import by_host
from .directions import require_direction


@dataclass(frozen=True)
class Series:
    """sum_k coefficients[k] t^k, each coefficient within `radii[k]` of the truth."""

    coefficients: np.ndarray
    radii: np.ndarray


@by_host
def taylor(objective, theta, v, order, bits=128):
    """c_0, ..., c_order of L(theta + t v) = sum_k c_k t^k.

    c_1 = g^T v and c_2 = v^T H v/2.

    Parameters
    ----------
    objective : Objective
    theta, v : array (P,)
    order : int
        Highest power of t, at least 0.
    bits : int
        Working precision of the balls, at least 2.

    Returns
    -------
    Series
        float64 coefficients, on the host, and proven bounds of their errors (rounding to float64
        included).
    """
    require_theta(objective, theta)
    require_direction("v", v, theta)
    for name, x in (("theta", theta), ("v", v)):
        require_float(name, x, "fO")
        require_finite(name, F.primal(x))
    if v.ndim != 1 or not is_whole(order, 0):
        raise ValueError(f"taylor needs one direction (P,) and an order >= 0, got v {v.shape} "
                         f"and order {order!r}.")
    require_whole("bits", bits, 2)
    c = coefficients(objective, theta, v, int(order), int(bits))
    return Series(ball.midpoint(c), ball.distance(c, ball.midpoint(c)))


def coefficients(objective, theta, v, order, bits):
    """The same as an array of balls."""
    with ball.precision(bits), series_length(order + 1):
        line = np.frompyfunc(lambda a, b: flint.arb_series([a, b]), 2, 1)
        rows = line(ball.exact(theta), ball.exact(v))[None]    # NumPy iterates a lone series
        return _coefficients(objective.value(rows)[0], order)


def _coefficients(series, order):
    """Of a series, or of a ball: a value that does not depend on t."""
    if not isinstance(series, flint.arb_series):
        series = flint.arb_series([series])
    return np.array([series[k] for k in range(order + 1)], dtype=object)


@contextmanager
def series_length(length):
    """flint keeps `length` coefficients inside the block; to be used inside `ball.precision`."""
    before, flint.ctx.cap = flint.ctx.cap, length
    try:
        yield
    finally:
        flint.ctx.cap = before


@by_host
def curvature(objective, theta, v, w, bits=128):
    """v^T H w, by polarisation: (q(v + w) - q(v - w))/4 with q(d) = d^T H d = 2 c_2."""
    with ball.precision(bits):
        v, w = ball.exact(v), ball.exact(w)
        plus, minus = (coefficients(objective, theta, d, 2, bits)[2] for d in (v + w, v - w))
        return float(((plus - minus) / 2).mid())
