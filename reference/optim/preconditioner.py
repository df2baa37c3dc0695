"""The diagonal that preconditions conjugate gradients in Hessian-free optimisation [Mar10]."""

import numpy as np

from ..arrays import functions as F
from ..arrays.namespace import library
from ..derivatives.jacobian import require_single_examples
from ..network.uses import Use

ROOM = 2 ** 24                      # numbers that the gradients of some examples may take


def preconditioner(objective, theta, damping, exponent=0.75):
    """(sum_n w_n (d loss_n/dtheta)^2/R + lam + l2)^exponent (P,) [Mar10, sec. 4.7; MS12].

    The diagonal of the empirical Fisher matrix of whole examples, be their labels one or many,
    damped as the system is.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    damping : float
        lam, positive.
    exponent : float
        3/4; with 0 nothing is preconditioned, and no gradients are squared.

    Raises
    ------
    ValueError
        If a layer couples the examples, and the exponent is not 0.
    TypeError
        If a layer tells the sum of its examples' gradients alone.
    """
    if exponent == 0:
        return np.ones_like(theta)
    return (mean_squares(objective, theta) + (damping + objective.l2)) ** exponent


def mean_squares(objective, theta):
    """sum_n w_n (d loss_n/dtheta)^2/R (P,): of each example by itself, without weight decay."""
    require_single_examples(objective.net)
    xs = objective.net.forward(theta, objective.x)
    dz = objective.dz(xs[-1])                                       # w_n/R d loss_n/dz
    uses, _ = objective.net.backward(theta, xs, dz * _to_roots(objective, dz))
    return objective.net.layout.pack([_squared(use) for use in uses])


def _to_roots(objective, dz):
    """sqrt(R/w_n) (N, 1, ...), which makes sqrt(w_n/R) of w_n/R; 0 if w_n is.

    What labels at several places count is no weight of the example, and stays in its gradient.
    """
    own, weights = objective.label_weights, objective.weights
    w = weights if own is not None and own.ndim > 1 else objective.example_weights
    w = library(dz).ones(len(dz), "int8") if w is None else objective.beside(w, dz)
    positive = w > 0
    roots = F.where(positive, objective.R / F.where(positive, w, 1), 0) ** 0.5
    return roots.astype(dz.dtype).reshape((-1,) + (1,) * (dz.ndim - 1))


def _squared(use):
    """sum_n g_n^2 (O, I): of one place (g p^T)^2 = g^2 (p^2)^T, and nothing is formed."""
    use = getattr(use, "use", use)                        # of a recurrent layer, examples first
    if not isinstance(use, Use):
        return (use.each() ** 2).sum(0)
    p, g = use.p, use.g
    if p.shape[-2] == 1:
        return (g[:, 0] ** 2).T @ p[:, 0] ** 2
    count = max(1, ROOM // (p.shape[-1] * g.shape[-1]))
    some = [slice(k, k + count) for k in range(0, len(g), count)]
    return sum(((g[n].swapaxes(1, 2) @ p[n]) ** 2).sum(0) for n in some)
