"""f(x + eps v) = f(x) + eps f'(x) v with eps^2 = 0: forward derivatives, exact by algebra.

Over the gradient's own code this is Pearlmutter's R-operator [Pea94]; nested once, over the
function alone, it is the hyper-dual second derivative [FA11].
"""

from ..arrays import functions as F
from ..arrays.dual import Dual
from .directions import along, along_axes


def derivative(f, x, v):
    """f'(x) v (K, ...) for each row of v (K, P), or one for v (P,)."""
    y = f(Dual(x, v))
    return y.du if isinstance(y, Dual) else F.zeros_like(y) + F.zeros_like(v[..., :1])


def gradient(objective, theta):
    """dL/dtheta (P,) from the function alone: P directions forward."""
    return along_axes(lambda E: derivative(objective.value, theta, E), theta)


def jvp(objective, theta, v):
    """J v (..., N, C)."""
    return along(lambda V: derivative(objective.outputs, theta, V), v)


def hvp(objective, theta, v):
    """H v (..., P): the R-operator."""
    return along(lambda V: derivative(objective.grad, theta, V), v)


def hyper_curvature(objective, theta, V, W):
    """v^T H w (K1, K2) for rows v of V and w of W, from the function alone."""
    zero = 0 * (V[:, None, :] * W[None, :, :])
    return objective.value(Dual(Dual(theta, V), Dual(W, zero))).du.du


def hyper_hvp(objective, theta, v):
    """H v (..., P), entry by entry as e_k^T H v, from the function alone."""
    rows = v.reshape(-1, theta.size)
    columns = along_axes(lambda E: hyper_curvature(objective, theta, E, rows), theta)
    return columns.T.reshape(v.shape)
