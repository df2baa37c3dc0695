"""f(x + eps v) = f(x) + eps f'(x) v with eps^2 = 0: forward derivatives, exact by algebra.

Over the gradient's own code this is Pearlmutter's R-operator [Pea94]; nested once, over the
function alone, it is the hyper-dual second derivative [FA11].
"""

from ..arrays import functions as F
from ..arrays.dual import Dual
from ..network.uses import Use, flat
from .directions import along, by_directions, by_entries


def derivative(f, x, v):
    """f'(x) v (K, ...) for each row of v (K, P), or one for v (P,)."""
    y = f(Dual(x, v))
    return y.du if isinstance(y, Dual) else F.zeros_like(y) + F.zeros_like(v[..., :1])


gradient, jvp, _, third = by_directions(derivative)


def hvp(objective, theta, v):
    """H v (..., P): R{g} of the backpropagated gradient, g itself left out where layers allow."""
    return along(lambda V: _r_gradient(objective, theta, V), v)


def _r_gradient(objective, theta, V):
    net, t = objective.net, Dual(theta, V)
    xs = net.forward(t, objective.x)
    uses, _ = net.backward(t, xs, objective.dz(xs[-1]))
    return objective.decayed(net.layout.pack([_r_total(use, V) for use in uses]), V)


def _r_total(use, V):
    """R{dW}: of s = W p without dW, whose product is a ninth of all the work."""
    if isinstance(use, Use) and isinstance(use.g, Dual):
        return _r_sum(use)
    dW = use.total()
    return dW.du if isinstance(dW, Dual) else F.zeros_like(dW) + F.zeros_like(V[..., :1, None])


def _r_sum(use):
    """R{g}^T p + g^T R{p}."""
    g, x = flat(use.g), flat(use.x)
    primal = x.re if isinstance(x, Dual) else x
    dW0 = F.transpose(g.du) @ primal
    if isinstance(x, Dual):
        dW0 = dW0 + F.transpose(g.re) @ x.du
    return F.concatenate([dW0, F.sum(g.du, -2)[..., None]]) if use.bias else dW0


def hyper_curvature(objective, theta, V, W):
    """v^T H w (K1, K2) for rows v of V and w of W, from the function alone."""
    zero = 0 * (V[:, None, :] * W[None, :, :])
    return objective.value(Dual(Dual(theta, V), Dual(W, zero))).du.du


hyper_hvp = by_entries(hyper_curvature)
