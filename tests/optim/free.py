"""Hessian-free steps by dense matrices, written out: what every matrix-free step must equal."""

import numpy as np
import scipy.linalg

import reference as ref
from tests.curvature import brute

END = {"tolerance": 0, "maxiter": 400, "damping": 2.0}     # conjugate gradients run to the end


def problems():
    """Dense, convolutional and recurrent nets; with weights, and with labels at places."""
    weights = np.random.default_rng(3).random(13) + 0.5
    return {"dense": brute.dense(l2=0.01), "convolutional": brute.convolutional(l2=0.02),
            "recurrent": brute.recurrent(weights=weights),
            "words": brute.words(reduction="mean over labels", l2=0.01)}


PROBLEMS = problems()


def curvature(objective, theta):
    """B = G + l2 I (P, P)."""
    return ref.dense(ref.gauss_newton(objective, theta)) + objective.l2 * np.eye(theta.size)


def dense_directions(part, objective, theta, lam, groups=None, extra=0):
    """(d, d.Bd): (B + lam I + extra) d = -g, block by block; B of `part` within the blocks."""
    B, g, d = curvature(part, theta), objective.grad(theta), np.empty_like(theta)
    bend = 0
    for b in [np.arange(theta.size)] if groups is None else groups:
        own = B[np.ix_(b, b)] + (extra if np.isscalar(extra) else extra[np.ix_(b, b)])
        d[b] = scipy.linalg.solve(own + lam * np.eye(b.size), -g[b], assume_a="pos")
        bend += d[b] @ B[np.ix_(b, b)] @ d[b]
    return d, bend


def dense_step(part, objective, theta, lam, factor=1.5, groups=None, extra=0):
    """(theta, lam, rho, d) after one step of the whole system, Armijo's rule written out."""
    d, bend = dense_directions(part, objective, theta, lam, groups, extra)
    g, loss, t = objective.grad(theta), objective.value(theta), 1.0
    while objective.value(theta + t * d) > loss + 1e-2 * t * (g @ d):
        t *= 0.8
    rho = (part.value(theta + d) - part.value(theta)) / (g @ d + bend / 2)
    lam = lam * factor if rho < 0.25 else lam / factor if rho > 0.75 else lam
    return theta + t * d, lam, rho, d


def same(a, b):
    """Whether two infos or states, nested as they are, agree to the last bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(*pair) for pair in zip(a, b))
    if hasattr(a, "__dataclass_fields__"):
        return same(vars(a), vars(b))
    return np.array_equal(a, b)
