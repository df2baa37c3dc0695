"""K directions at once, a bounded number at a time."""

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_float

AT_ONCE = 64                      # directions per pass: enough for BLAS, little enough for caches


def require_direction(name, v, theta):
    """ValueError unless v is (P,) or (K, P) for theta (P,)."""
    require_float("theta", theta)
    require_float(name, v)
    if theta.ndim != 1 or v.ndim not in (1, 2) or v.shape[-1:] != theta.shape:
        raise ValueError(f"{name} has shape {v.shape} and theta {theta.shape}; theta must be (P,) "
                         f"and {name} (P,) or (K, P).")


def along(f, V, at_once=AT_ONCE):
    """f(V), at most `at_once` rows of V (K, P) per call; f(v) itself for v (P,)."""
    if V.ndim == 1 or len(V) <= at_once:
        return f(V)
    return np.concatenate([f(V[i:i + at_once]) for i in range(0, len(V), at_once)])


def axes(theta, at_once=AT_ONCE):
    """The unit directions of theta (P,), in pieces of at most `at_once` rows (k, P)."""
    P = theta.size
    for i in range(0, P, at_once):
        k = min(at_once, P - i)
        E = np.zeros((k, P), dtype="int8")            # so small that no float widens
        E[np.arange(k), np.arange(i, i + k)] = 1
        yield E + F.zeros_like(theta)


def along_axes(f, theta, at_once=AT_ONCE):
    """f at every unit direction, stacked: (P, ...)."""
    return np.concatenate([f(E) for E in axes(theta, at_once)])
