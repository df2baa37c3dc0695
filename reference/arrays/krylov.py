"""Conjugate gradients, MINRES and Lanczos for what acts by `A(v)`, in the precision of v."""

from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Solution:
    """x, the residual b - A x, the number of products, and why it stopped.

    `reason` is "converged" or "iterations"; of cg also "negative curvature", with the `direction`
    p of p^T A p <= 0, or "indefinite preconditioner"; of minres also "singular".
    """

    x: Any
    residual: Any
    iterations: int
    reason: str
    direction: Any = None


def power_of_two(v):
    """A power of two near max |v|: v over it has no other digits, and squares within range."""
    largest = np.abs(v).max() if v.size else 0
    if not 0 < largest < np.inf:
        return v.dtype.type(1)
    return np.ldexp(v.dtype.type(1), np.frexp(largest)[1] - 1)


def length(v):
    """|v|, of which no square overflows or vanishes."""
    scale = power_of_two(v)
    v = v / scale
    return scale * np.sqrt(v @ v)


def _scaled(method):
    """The method for b over a power of two; balls and complex numbers stay as they are."""
    @wraps(method)
    def solve(A, b, x=None, *options, **named):
        if getattr(b, "dtype", np.dtype(object)).kind != "f":
            return method(A, b, x, *options, **named)
        scale = power_of_two(b)
        found = method(A, b / scale, None if x is None else x / scale, *options, **named)
        direction = None if found.direction is None else scale * found.direction
        return replace(found, x=scale * found.x, residual=scale * found.residual,
                       direction=direction)
    return solve


@_scaled
def cg(A, b, x=None, tol=1e-10, maxiter=None, M=None):
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
    M : callable, optional
        Preconditioner v -> M v, symmetric positive definite, near A^-1 [HS52; Mar10].

    Returns
    -------
    Solution
    """
    x = 0 * b if x is None else x
    M = _same if M is None else M
    r = b - A(x)
    p = z = M(r)
    rz, goal, k = r @ z, tol * tol * (b @ b), -1
    for k in range(10 * b.size if maxiter is None else maxiter):
        if r @ r <= goal:
            return Solution(x, b - A(x), k, "converged")
        if not rz > 0:
            return Solution(x, b - A(x), k, "indefinite preconditioner")
        q = A(p)
        curvature = p @ q
        if not curvature > 0:
            return Solution(x, b - A(x), k, "negative curvature", p)
        x, r = x + (rz / curvature) * p, r - (rz / curvature) * q
        z = M(r)
        rz, before = r @ z, rz
        p = z + (rz / before) * p
    return Solution(x, b - A(x), k + 1, "converged" if r @ r <= goal else "iterations")


def _same(v):
    return v


@_scaled
def minres(A, b, x=None, tol=1e-10, maxiter=None):
    """The x of least |b - A x| in the Krylov space, A symmetric and perhaps indefinite [PS75].

    Lanczos gives A V_k = V_{k+1} T_k, V_1 = r/|r|, so that |b - A x| = | |r| e_1 - T_k y | for
    x + V_k y.  Givens rotations make T_k = Q^T R, one column (epsilon, delta, gamma) at a time, and
    x moves along the columns of W = V R^-1.  The residual never grows; A is not squared.

    Differs from scipy.sparse.linalg.minres:
    1. it stops at |r| <= tol |b| alone, not at tol |A| |x| as well;
    2. it works in the precision of b, longdouble included;
    3. it returns why it stopped, with the recomputed residual.

    Parameters
    ----------
    A, b, x, tol, maxiter
        As in `cg`.

    Returns
    -------
    Solution
        "singular" if |A r| <= tol |A| |r|: what is left of b is outside the range of A, or as good
        as, and x a solution of least squares.
    """
    x = 0 * b if x is None else x
    r = b - A(x)
    size, goal, k = length(r), tol * length(b), -1        # |r|, what is wanted of it
    least = max(tol, 10 * np.finfo(b.dtype).eps)
    v = r / size if size > 0 else r
    before = w = w_before = 0 * b
    beta = sine = epsilon = delta_bar = norm = 0 * size
    cosine = sine - 1
    for k in range(10 * b.size if maxiter is None else maxiter):
        if size <= goal:
            return Solution(x, b - A(x), k, "converged")
        q = A(v) - beta * before                            # Lanczos: row k of T
        alpha = v @ q
        q = q - alpha * v
        beta_next = length(q)
        norm = np.maximum(norm, np.hypot(np.hypot(alpha, beta), beta_next))

        above, delta = epsilon, cosine * delta_bar + sine * alpha
        gamma_bar = sine * delta_bar - cosine * alpha
        epsilon, delta_bar = sine * beta_next, -cosine * beta_next
        if np.hypot(gamma_bar, delta_bar) <= least * norm:    # |A r| <= least |A| |r|
            return Solution(x, b - A(x), k + 1, "singular")
        gamma = np.hypot(gamma_bar, beta_next)
        cosine, sine = gamma_bar / gamma, beta_next / gamma

        w, w_before = (v - delta * w - above * w_before) / gamma, w
        x, size = x + cosine * size * w, sine * size
        before, v, beta = v, q / beta_next if beta_next > 0 else q, beta_next
    return Solution(x, b - A(x), k + 1, "converged" if size <= goal else "iterations")


def lanczos(A, v, steps):
    """Q (n, k) and T (k, k) with Q^T A Q = T tridiagonal, Q^T Q = 1, Q[:, 0] = v/|v|.

    Each new vector is orthogonalised twice against all before, so that no ghost eigenvalues
    appear.  k < steps when an invariant subspace is found.
    """
    q = v / length(v)
    Q, alphas, betas = q[:, None], [], []
    for k in range(min(steps, v.size)):
        w = A(Q[:, k])
        alphas.append(w @ Q[:, k])
        scale = length(w)
        for _ in range(2):
            w = w - Q @ (Q.T @ w)
        beta = length(w)
        if k + 1 == min(steps, v.size) or beta <= 10 * np.finfo(v.dtype).eps * scale:
            break
        betas.append(beta)
        Q = np.column_stack([Q, w / beta])
    T = np.diag(np.stack(alphas).astype(v.dtype))
    if betas:
        beside = np.stack(betas).astype(v.dtype)
        T = T + np.diag(beside, 1) + np.diag(beside, -1)
    return Q, T
