"""The covariance of the gradients: the empirical Fisher matrix about their mean.

    C = (1/R) sum_n w_n (g_n - gbar)(g_n - gbar)^T,    gbar = sum_n w_n g_n/sum_n w_n,

g_n = dloss_n/dtheta.  With h = sum_n w_n g_n/R, the gradient of L without weight decay,

    C = F_empirical - (R/sum_n w_n) h h^T,

but it is the differences that are squared here, so that nothing cancels and C is semidefinite.
Labels at T places count as examples, as in the empirical Fisher matrix.
"""

import numpy as np

from ..arrays import functions as F
from ..arrays.namespace import library
from ..derivatives.jacobian import per_example
from . import dense, sandwich
from .sums import summed


def middle(objective, z):
    """u (K, N, [T,] C) -> S u, for J^T S J = C: a_n = s_n^T u_n, less its mean, times w_n s_n/R."""
    (s, w), samples = _scores_and_weights(objective, z), tuple(range(1 - z.ndim, 0))

    def of(u):
        a = F.sum(s * u, -1)
        mean = F.sum(w * a, samples) / F.sum(w, samples)
        return (w * (a - mean.reshape(mean.shape + (1,) * len(samples))))[..., None] * s
    return of


def ways(objective, theta):
    """matrix, diagonal, layout, entries, parts and work, as SymmetricOperator takes them."""
    if not dense.is_layered(objective, theta):
        return dense.NONE
    layout, given = objective.net.layout, (objective, theta)
    return (lambda: summed([X.T @ X] for X in _deviations(*given))[0],
            lambda: summed([X[:, s].T @ X[:, s] for s in layout.slices]
                           for X in _deviations(*given)), layout,
            lambda: summed([(X * X).sum(0)] for X in _deviations(*given))[0],
            lambda wanted=None: _parts(*given, wanted), lambda whole: _work(*given))


def _parts(objective, theta, wanted):
    """((a, b), C_ab), row by row."""
    slices = objective.net.layout.slices
    for a, rows in enumerate(slices):
        pairs = [(a, b) for b in range(a, len(slices)) if wanted is None or (a, b) in wanted]
        if pairs:
            found = summed([X[:, rows].T @ X[:, slices[b]] for _, b in pairs]
                           for X in _deviations(objective, theta))
            yield from zip(pairs, found)


def _deviations(objective, theta):
    """Rows X = sqrt(w/R) (g - gbar) (n, P), of so many examples at a time as find room."""
    net, x = objective.net, objective.x
    xs = net.forward(theta, x)
    s, w = _scores_and_weights(objective, xs[-1])
    mean = net.vjp(theta, xs, w[..., None] * s)[0] / w.sum()
    size = max(1, sandwich.ROOM // (w[0].size * theta.size))
    for n in range(0, len(x), size):
        index = slice(n, n + size)
        g = _at_each_place(net.batch(index), theta, x[index], s[index])
        yield ((g - mean) * np.sqrt(w[index].reshape(len(w[index]), -1).T)[..., None]).reshape(
            -1, theta.size)


def _at_each_place(net, theta, x, s):
    """The gradients (T, n, P) of the losses at each place alone."""
    n, C = len(s), s.shape[-1]
    units = library(s).eye(s[0].size // C, dtype="int8")[:, None, :, None]
    alone = (units * s.reshape(n, -1, C)).reshape((-1,) + s.shape)
    return per_example(net, theta, net.forward(theta, x), alone)


def _scores_and_weights(objective, z):
    """s_n = dloss_n/dz (N, [T,] C) and w_n/R (N, [T])."""
    s = objective.loss.gradient(z, objective.beside(objective.targets, z))
    return s, objective.weighted(F.ones_like(s[..., 0]))


def _work(objective, theta):
    """Bytes: the rows, twice over, since their mean is taken from them."""
    rows = len(objective.x) * objective.outputs(theta)[0, ..., 0].size
    return 3 * min(sandwich.ROOM, rows * theta.size) * theta.dtype.itemsize
