"""Conjugate gradients and Lanczos for whatever acts by `A(v)`, in the precision of the vectors."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CGResult:
    """x, the residual b - A x, the number of products, and why it stopped."""

    x: Any
    residual: Any
    iterations: int
    reason: str                     # "converged" | "negative curvature" | "iterations"


def cg(A, b, x=None, tol=1e-10, maxiter=None):
    """Conjugate gradients for A x = b, A symmetric positive definite and given as a function.

    Differs from scipy.sparse.linalg.cg:
    1. it stops when a direction p with p^T A p <= 0 is met, and says so;
    2. it works in the precision of b, longdouble included;
    3. it returns why it stopped, with the recomputed residual.

    Parameters
    ----------
    A : callable
        v (n,) -> A v (n,).
    b : array (n,)
    x : array (n,), optional
        Start; zero if omitted.
    tol : float
        Stop at |r| <= tol |b|.
    maxiter : int, optional
        At most this many products; 10 n if omitted.

    Returns
    -------
    CGResult
    """
    x = 0 * b if x is None else x
    r = b - A(x)
    p, rr, goal, k = r, r @ r, tol * tol * (b @ b), -1
    for k in range(10 * b.size if maxiter is None else maxiter):
        if rr <= goal:
            return CGResult(x, b - A(x), k, "converged")
        q = A(p)
        curvature = p @ q
        if not curvature > 0:
            return CGResult(x, b - A(x), k, "negative curvature")
        x, r = x + (rr / curvature) * p, r - (rr / curvature) * q
        rr, before = r @ r, rr
        p = r + (rr / before) * p
    return CGResult(x, b - A(x), k + 1, "converged" if rr <= goal else "iterations")


def lanczos(A, v, steps):
    """Q (n, k) and T (k, k) with Q^T A Q = T tridiagonal, Q^T Q = 1, Q[:, 0] = v/|v|.

    Each new vector is orthogonalised twice against all before, so that no ghost eigenvalues
    appear.  k < steps when an invariant subspace is found.
    """
    q = v / np.sqrt(v @ v)
    Q, alphas, betas = q[:, None], [], []
    for k in range(min(steps, v.size)):
        w = A(Q[:, k])
        alphas.append(w @ Q[:, k])
        scale = np.sqrt(w @ w)
        for _ in range(2):
            w = w - Q @ (Q.T @ w)
        beta = np.sqrt(w @ w)
        if k + 1 == min(steps, v.size) or beta <= 10 * np.finfo(v.dtype).eps * scale:
            break
        betas.append(beta)
        Q = np.column_stack([Q, w / beta])
    T = np.diag(np.array(alphas, v.dtype))
    i = np.arange(len(betas))
    T[i, i + 1] = T[i + 1, i] = np.array(betas, v.dtype)
    return Q, T
