"""f(x + eps v) = f(x) + eps f'(x) v with eps^2 = 0: forward derivatives, exact by algebra.

Over the gradient's own code this is Pearlmutter's R-operator [Pea94]; nested once, over the
function alone, it is the hyper-dual second derivative [FA11].
"""

from ..arrays import functions as F
from ..arrays.dual import Dual
from .directions import by_directions, by_entries


def derivative(f, x, v):
    """f'(x) v (K, ...) for each row of v (K, P), or one for v (P,)."""
    y = f(Dual(x, v))
    return y.du if isinstance(y, Dual) else F.zeros_like(y) + F.zeros_like(v[..., :1])


gradient, jvp, hvp, third = by_directions(derivative)


def hyper_curvature(objective, theta, V, W):
    """v^T H w (K1, K2) for rows v of V and w of W, from the function alone."""
    zero = 0 * (V[:, None, :] * W[None, :, :])
    return objective.value(Dual(Dual(theta, V), Dual(W, zero))).du.du


hyper_hvp = by_entries(hyper_curvature)
