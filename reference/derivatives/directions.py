"""K directions at once, a bounded number at a time."""

from functools import wraps

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_float
from ..arrays.dual import Dual
from ..arrays.namespace import library

AT_ONCE = 64                      # directions per pass: enough for BLAS, little enough for caches


def require_direction(name, v, theta):
    """ValueError unless v is (P,) or (K, P) for theta (P,)."""
    require_float("theta", theta)
    require_float(name, v)
    if theta.ndim != 1:
        raise ValueError(f"theta has shape {theta.shape}; theta must be one vector (P,).")
    if v.ndim not in (1, 2) or v.shape[-1:] != theta.shape:
        raise ValueError(f"{name} has shape {v.shape} and theta {theta.shape}; {name} must be (P,) "
                         "or (K, P), P that of theta.")


def along(f, V):
    """f(V), at most AT_ONCE rows of V (K, P) per call; f(v) itself for v (P,)."""
    if V.ndim == 1 or len(V) <= AT_ONCE:
        return f(V)
    return np.concatenate([f(V[i:i + AT_ONCE]) for i in range(0, len(V), AT_ONCE)])


def axes(theta):
    """The unit directions of theta (P,), in pieces of at most AT_ONCE rows (k, P)."""
    P = theta.size
    for i in range(0, P, AT_ONCE):
        k = min(AT_ONCE, P - i)
        E = library(F.primal(theta)).eye(k, P, i, dtype="int8")     # so small: no float widens
        yield E + F.zeros_like(theta)


def along_axes(f, theta):
    """f at every unit direction, stacked: (P, ...)."""
    return np.concatenate([f(E) for E in axes(theta)])


def power_of_two(v):
    """The power of two below the largest |v_i| of each row: (..., 1) for v (..., P)."""
    largest = np.max(np.abs(v), axis=-1, keepdims=True)
    return np.ldexp(np.ones_like(largest), np.frexp(largest)[1] - 1)


def scaled(derivative):
    """The same linear map in v, asked along v/s with s = power_of_two(v).

    So h v neither vanishes nor overflows nor leaves the reach of h, whatever the length of v.
    """
    @wraps(derivative)
    def along_unit(f, x, v):
        s = power_of_two(v)
        y = derivative(f, x, v / s)
        return y * s.reshape(s.shape[:-1] + (1,) * (y.ndim - s.ndim + 1))
    return along_unit


# ---- routes from their directional derivative ----

def by_directions(derivative):
    """gradient, jvp, hvp and third of the route whose derivative(f, x, v) is f'(x) v.

    The gradient runs the function alone, along every axis; H v runs the backpropagated gradient,
    the third derivative its R-operator.
    """
    def gradient(objective, theta):
        """dL/dtheta (P,)."""
        return along_axes(lambda E: derivative(objective.value, theta, E), theta)

    def jvp(objective, theta, v):
        """J v (..., N, C)."""
        return along(lambda V: derivative(objective.outputs, theta, V), v)

    def hvp(objective, theta, v):
        """H v (..., P)."""
        return along(lambda V: derivative(objective.grad, theta, V), v)

    def third(objective, theta, u, v):
        """D^3 L[u, v, .] (..., P): how H v changes along u."""
        return along(lambda V: derivative(lambda t: r_operator(objective, t, V), theta, u), v)
    return gradient, jvp, hvp, third


def r_operator(objective, theta, V):
    """H v (..., P) in any number system, that of theta [Pea94]."""
    return objective.grad(Dual(theta, V + F.zeros_like(theta))).du


def by_entries(curvature):
    """hvp of the route whose curvature(objective, theta, V, W) is v^T H w (K1, K2)."""
    def hvp(objective, theta, v):
        """H v (..., P), entry by entry as e_k^T H v, from the function alone."""
        rows = v.reshape(-1, theta.size)
        columns = along_axes(lambda E: curvature(objective, theta, E, rows), theta)
        return columns.T.reshape(v.shape)
    return hvp
