"""Small subjects that documented faults are about, and nothing else here."""

import numpy as np

from ...curvature.bfgs import guarded_bfgs_inverse
from ...curvature.hessian import hessian
from ...curvature.operator import dense
from ..judge.subjects import THETA, Piece, Subject


def eigenvalues(objective, theta):
    """lam (P,) of H, ascending."""
    return np.linalg.eigvalsh(dense(hessian(objective, theta)))


def clipped(objective, theta, most):
    """g min(1, most/|g|)."""
    g = objective.grad(theta)
    return g * min(1, most / np.linalg.norm(g))


def updated(objective, theta, s):
    """BFGS of the identity, by s and y = g(theta + s) - g(theta); unchanged without curvature."""
    y = objective.grad(theta + s) - objective.grad(theta)
    return guarded_bfgs_inverse(np.eye(theta.size), s, y, np.ones(1))


def _whole(function, *axes):
    return lambda o, t, *a: [Piece(function(o, t, *a), axes)]


EIGENVALUES = Subject("eigenvalues", "eigenvalues of H", _whole(eigenvalues, ("eigenvalue", None)))
CLIPPED = Subject("clipped_gradient", "gradient clipped by its norm", _whole(clipped, THETA),
                  ("most",))
UPDATED = Subject("bfgs_update", "BFGS update of the inverse", _whole(updated, THETA, THETA),
                  ("s",))
