"""D^3 L[u, v, w] = d/dt v^T H(theta + t u) w at t = 0: how curvature changes along a step.

Symmetric and linear in u, v and w.  D^3 L[u, v, .] (P,) is the derivative of H v along u, that is,
one more derivative of the R-operator; equally the gradient of u^T H v.  Weight decay is quadratic
and does not enter.  From c_3 of L(theta + t d), a sixth of q(d) = D^3 L[d, d, d], by polarisation:

    24 D^3 L[u, v, w] = q(u + v + w) - q(u + v - w) - q(u - v + w) - q(v + w - u).
"""

import numpy as np

from ..arrays import ball
from ..arrays import functions as F
from ..arrays.checks import require_finite, require_float, require_theta
from ..arrays.transfer import follows
from .directions import require_direction
from .routes import alike, offering
from .taylor import coefficients

SERIES = "Taylor series"


@follows
def third(objective, theta, u, v, w=None, route="dual"):
    """D^3 L[u, v, .] (P,), the derivative of H v along u; with w the number D^3 L[u, v, w].

    Parameters
    ----------
    objective : Objective
    theta, u : array (P,)
    v : array (P,) or (K, P)
    w : array (P,) or (K, P), optional
    route : str
        A name in ROUTES that offers "third": "dual" (nested), "complex step" (of the R-operator),
        "autograd", "central difference"; or, if w is given, "Taylor series": four series in balls,
        nothing but the function, each number rounded to float64 once.

    Returns
    -------
    array (P,) or (K, P); () or (K,) if w is given

    Raises
    ------
    TypeError, ValueError
        If theta or a direction is no finite float array of these shapes, there is no such route, or
        "Taylor series" is asked for a vector.
    """
    require_theta(objective, theta)
    for name, d in (("u", u), ("v", v)) + (() if w is None else (("w", w),)):
        require_direction(name, d, theta)
        require_finite(name, F.primal(d))
    _require_shapes(u, v, w)
    routes = offering("third")
    if route == SERIES:
        return _by_series(objective, theta, u, v, w)
    if route not in routes:
        raise ValueError(f"no route {route!r} to third; choose one of {', '.join(routes)}, or, "
                         f"with w, {SERIES}.")
    vector = routes[route](objective, *alike(theta, u, v))
    return vector if w is None else F.sum(vector * w, -1)


def _require_shapes(u, v, w):
    if u.ndim != 1:
        raise ValueError(f"u has shape {u.shape}; u is one direction (P,), v may be several.")
    if w is not None and v.ndim == w.ndim == 2 and v.shape != w.shape:
        raise ValueError(f"v has shape {v.shape} and w {w.shape}; where both are several, they go "
                         "together row by row.")


def _by_series(objective, theta, u, v, w):
    """float64 () or (K,), each the middle of a ball of 128 bits."""
    if w is None:
        raise ValueError(f"route {SERIES!r} gives numbers, not vectors: pass w, or take another "
                         "route, as 'dual'.")
    for name, x in (("theta", theta), ("u", u), ("v", v), ("w", w)):
        require_float(name, x, "fO")
    v, w = np.broadcast_arrays(v, w)
    numbers = [_polarised(objective, theta, u, *rows)
               for rows in zip(v.reshape(-1, theta.size), w.reshape(-1, theta.size))]
    return np.array(numbers).reshape(v.shape[:-1])[()]


def _polarised(objective, theta, u, v, w, bits=128):
    """(c_3(u + v + w) - c_3(u + v - w) - c_3(u - v + w) - c_3(v + w - u))/4."""
    with ball.precision(bits):
        u, v, w = map(ball.exact, (u, v, w))
        first, *others = (coefficients(objective, theta, d, 3, bits)[3]
                         for d in (u + v + w, u + v - w, u - v + w, v + w - u))
        return float(((first - sum(others)) / 4).mid())
