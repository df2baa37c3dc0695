"""Second ways to the Kronecker family: blocks by pushed pre-activations, explicit products.

As in `twins`: slow, plain, functions of (objective, theta).
"""

import numpy as np
import scipy.linalg

from ..curvature import gauss_newton as gn
from ..curvature.ekfac import ekfac
from ..curvature.nearest import nearest_kron
from ..curvature.operator import blocks
from ..curvature.tridiagonal import kfac_tridiagonal
from .pushed import patches_and_gradients
from .twins import DAMPING, SETTINGS, _weights

STEPS = 40                             # of least squares, each gaining (s_2/s_1)^2, here < 0.1


# ---- EKFAC ----

def ekfac_matrices(objective, theta):
    """As matrices: the sign of an eigenvector, and the order of equal ones, is nobody's."""
    return [E.dense() for E in ekfac(objective, theta)]


def ekfac_projected(objective, theta):
    """basis diag(basis^T F_ll basis) basis^T with the exact block and SciPy's eigenvectors."""
    S = gn.output_fisher(objective, objective.outputs(theta), "type-2")
    found = []
    for p, J in patches_and_gradients(objective, theta):
        G, A = SETTINGS["expand"](p, J, S, _weights(objective, p))
        basis = np.kron(*(scipy.linalg.eigh(M, driver="ev")[1] for M in (G, A)))
        X = sum(np.einsum("noc,ni->noic", J[:, t], p[:, t]) for t in range(p.shape[1]))
        rows = X.reshape(len(X), -1, X.shape[-1])
        block = np.einsum("nxc,ncd,nyd->xy", rows, S, rows, optimize=True)
        diagonal = ((block @ basis) * basis).sum(0)
        found.append((basis * diagonal) @ basis.T)
    return found


# ---- the nearest product ----

def _blocks(objective, theta):
    layout = objective.net.layout
    return zip(blocks(gn.fisher(objective, theta), layout), layout.shapes)


def nearest_products(objective, theta):
    """Of the blocks of the type-2 Fisher matrix."""
    return [nearest_kron(B, shape)[0] for B, shape in _blocks(objective, theta)]


def alternating_products(objective, theta):
    """The same by least squares in one factor after the other, from A = I."""
    return [_alternating(B.reshape(shape + shape), shape) for B, shape in _blocks(objective, theta)]


def _alternating(B, shape):
    (O, I), A = shape, np.eye(shape[1], dtype=B.dtype)
    for _ in range(STEPS):
        G = np.einsum("oipj,ij->op", B, A) / (A * A).sum()
        A = np.einsum("oipj,op->ij", B, G) / (G * G).sum()
    split = np.sqrt(np.trace(A) / I / (np.trace(G) / O))
    return G * split, A / split


# ---- K-FAC with a block-tridiagonal inverse ----

def tridiagonal(objective, theta):
    """Damped, places summed first."""
    return kfac_tridiagonal(objective, theta, setting="reduce").damped(DAMPING).dense()


def tridiagonal_inverted(objective, theta):
    """The inverse of Xi^T Lambda Xi."""
    T = kfac_tridiagonal(objective, theta, setting="reduce")
    return np.linalg.inv(T.inv(DAMPING).dense())


def tridiagonal_dense(objective, theta):
    """(Xi^T Lambda Xi)^-1 with dense Psi and Sigma, of moments by Python sums."""
    F, slices = _factored(objective, theta), objective.net.layout.slices
    Xi, Lambda = np.eye(len(F)), np.zeros(F.shape)
    for s, r in zip(slices, slices[1:]):
        Xi[s, r] = -scipy.linalg.solve(F[r, r], F[r, s]).T
        Lambda[s, s] = np.linalg.inv(F[s, s] + Xi[s, r] @ F[r, s])
    Lambda[slices[-1], slices[-1]] = np.linalg.inv(F[slices[-1], slices[-1]])
    return np.linalg.inv(Xi.T @ Lambda @ Xi)


def _factored(objective, theta):
    """F~, its diagonal blocks damped."""
    S = gn.output_fisher(objective, objective.outputs(theta), "type-2")
    parts = [(p.mean(1), J.sum(1)) for p, J in patches_and_gradients(objective, theta)]
    w = _weights(objective, theta)
    return np.block([[_product(p, J, q, K, S, w, p is q) for q, K in parts] for p, J in parts])


def _product(p, J, q, K, S, w, damped):
    N = range(len(p))
    A = sum(w[n] * np.outer(p[n], q[n]) for n in N) / w.sum()
    G = sum(J[n] @ S[n] @ K[n].T for n in N)
    if damped:
        pi, root = np.sqrt(np.trace(A) / len(A) / (np.trace(G) / len(G))), np.sqrt(DAMPING)
        G, A = G + root / pi * np.eye(len(G)), A + root * pi * np.eye(len(A))
    return np.kron(G, A)
