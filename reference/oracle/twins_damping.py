"""Damped inverses and solutions, and second ways to them: by eigenvalues, and by dense solvers."""

import numpy as np
import scipy.linalg

from ..arrays.namespace import library
from ..curvature.gauss_newton import fisher
from ..curvature.kfac import kfac
from ..curvature.kron import Kron
from ..curvature.operator import columns, dense
from ..curvature.solve import solve

LAM, SHIFTS = 0.01, (0.02, 0.3)        # of the Kronecker rules
HEAVY = 1.0                            # of the whole matrix: few iterations, no digit lost


# ---- Kronecker rules: inverse factors ----

BY_SOLVING = {"pi frobenius": LAM, "factored": LAM, "per factor": LAM, "shifts": SHIFTS}


def inverses(objective, theta):
    """`Kron.inv` by every rule that needs no eigenvectors, but "pi"."""
    return [K.inv(damping, rule) for K in kfac(objective, theta)
            for rule, damping in BY_SOLVING.items()]


def inverses_by_eigenvalues(objective, theta):
    """(Q/(g + s)) Q^T and (U/(a + t)) U^T, the shifts from the eigenvalues g and a."""
    found = []
    for K in kfac(objective, theta):
        (g, Q), (a, U) = scipy.linalg.eigh(K.G), scipy.linalg.eigh(K.A)
        pi = ((a * a).mean() / (g * g).mean()) ** 0.25
        root = LAM ** 0.5
        for s, t in ((root / pi, root * pi), (root, root), (LAM, LAM), SHIFTS):
            found += [(Q / (g + s)) @ Q.T, (U / (a + t)) @ U.T]
    return found


# ---- the rules that need eigenvectors: solutions ----

def _lifted(objective, theta):
    """Factors plus LAM I: dead inputs have no diagonal for Marquardt's rule to be relative to."""
    return [Kron(K.G + LAM * library(K.G).eye(len(K.G)), K.A + LAM * library(K.A).eye(len(K.A)))
            for K in kfac(objective, theta)]


def solutions(objective, theta, v):
    """`solve` with K-FAC's products, by the three rules."""
    krons = _lifted(objective, theta)
    return [solve(krons, v, LAM, rule) for rule in ("exact", "marquardt", "pi spectral")]


def solutions_dense(objective, theta, v):
    """The same with the damped (O I, O I) matrices written out, block by block."""
    pieces = objective.net.layout.slices
    blocks = [_damped(K) for K in _lifted(objective, theta)]
    return [np.concatenate([scipy.linalg.solve(three[rule], v[s], assume_a="pos")
                            for three, s in zip(blocks, pieces)]) for rule in range(3)]


def _damped(K):
    B, (O, I) = np.kron(K.G, K.A), K.shape
    pi = (np.linalg.norm(K.A, 2) / np.linalg.norm(K.G, 2)) ** 0.5
    return (B + LAM * np.eye(O * I), B + LAM * np.diag(np.diag(B)),
            np.kron(K.G + LAM ** 0.5 / pi * np.eye(O), K.A + LAM ** 0.5 * pi * np.eye(I)))


# ---- the whole matrix ----

def solution(objective, theta, v):
    """`solve` with the dense Fisher matrix: (F + I) x = v."""
    return solve(dense(fisher(objective, theta)), v, HEAVY)


def solution_by(method):
    """`solve` by products alone."""
    def route(objective, theta, v):
        return solve(fisher(objective, theta), v, HEAVY, method=method, tol=1e-14)
    return route


def solution_by_elimination(objective, theta, v):
    """numpy.linalg.solve: Gaussian elimination with pivots, of F by its columns."""
    F = columns(fisher(objective, theta))
    return np.linalg.solve(F + HEAVY * np.eye(len(F)), v)
