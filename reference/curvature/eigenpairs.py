"""The outermost eigenvalues and eigenvectors by products alone: Lanczos' method [Lan50].

For any unit vector q, min_i |lam_i - theta| <= |B q - theta q| [Par98, ch. 4]: the residual bounds
the error.  It says that *an* eigenvalue is near, not which one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_whole, require_choice, require_generator, require_whole
from ..arrays.krylov import lanczos
from ..arrays.linalg import symmetric
from ..arrays.namespace import library
from ..arrays.transfer import alongside
from .operand import lengths, require_matrix, scaled_product

ENDS = ("largest", "smallest", "both")


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Eigenvalues (k,) ascending, unit eigenvectors (P, k), and |B q - theta q| (k,)."""

    values: Any
    vectors: Any
    residuals: Any


def extreme_eigenpairs(B, k, rng, which="largest", steps=300):
    """The k outermost eigenvalues and eigenvectors of B, by products alone.

    Lanczos' method with full reorthogonalisation; it is run again in the complement of what it
    found, until that adds nothing, since one Krylov space holds one vector of a multiple
    eigenvalue.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    k : int
        1 <= k <= P.
    rng : numpy.random.Generator
        Draws the first vectors.
    which : "largest", "smallest" or "both"
        By signed value; "both" takes k at each end (all, if 2 k >= P).
    steps : int
        Dimension of a Krylov space, at most; 2 k or more.

    Returns
    -------
    Eigenpairs
        An eigenvalue lies within `residuals[i]` of `values[i]`.  Residuals above 1e-10 |B| (1e-5
        in float32) say that `steps` were too few, as for the null space of a matrix with many
        eigenvalues close to zero.

    Raises
    ------
    TypeError, ValueError
        As `eigenvalues`; and if rng is no generator, or a product is not finite.
    """
    require_matrix(B)
    P, ends = B.shape[0], _ends(which)
    require_generator(rng)
    if not is_whole(k, 1) or k > P:
        raise ValueError(f"k must be a whole number from 1 to P = {P}, got {k!r}.")
    require_whole("steps", steps, min(P, 2 * k))
    tol = max(1e-10, 100 * np.finfo(B.dtype).eps)
    start, locked = normal(rng, B), library(B).zeros((P, 0), B.dtype)
    (apply, e), before, size = scaled_product(B, start), None, 0.0
    while True:
        found, seen = _krylov_extremes(apply, locked, lambda x: ends(x, k), start, tol, steps)
        pairs, size = _rayleigh_ritz(apply, np.column_stack([locked, found])), max(size, seen)
        chosen = ends(pairs.values, k)
        pairs = Eigenpairs(pairs.values[chosen], pairs.vectors[:, chosen], pairs.residuals[chosen])
        if (found.shape[1] == 0 or pairs.residuals.max() > tol * size
                or _unchanged(before, pairs.values, tol * size)):
            return Eigenpairs(np.ldexp(pairs.values, e), pairs.vectors,
                              np.ldexp(pairs.residuals, e))
        locked, before, start = pairs.vectors, pairs.values, normal(rng, B)


# ---- Lanczos and Rayleigh-Ritz ----

def _ends(which):
    require_choice("which", which, ENDS)

    def ends(values, k):
        """Which of the values (ascending) are among the k outermost."""
        i, n = library(values).arange(len(values)), len(values)
        return (i >= n - k) & (which != "smallest") | (i < k) & (which != "largest")
    return ends


def _krylov_extremes(apply, locked, ends, start, tol, most):
    """Ritz vectors of the ends of B in the complement of `locked`, of residual tol |B|, and |B|."""
    def deflate(v):
        return v - locked @ (locked.T @ v)
    most = min(most, locked.shape[0] - locked.shape[1])
    if most == 0:
        return locked[:, :0], 0.0
    start, steps = deflate(deflate(start)), min(most, 30)
    while True:
        Q, T = lanczos(lambda v: deflate(deflate(apply(v))), start, steps)
        theta, Y = np.linalg.eigh(T)
        X, values = Q @ Y[:, ends(theta)], theta[ends(theta)]
        R, size = deflate(apply(X)) - X * values, np.abs(theta).max()
        if len(T) < steps or steps == most or lengths(R).max() <= tol * size:
            return X, size
        steps = min(most, 2 * steps)


def _rayleigh_ritz(apply, V):
    """The best eigenpairs of B in the span of V."""
    Q = np.linalg.qr(V)[0]
    values, Y = np.linalg.eigh(symmetric(Q.T @ apply(Q)))
    return with_residuals(apply, values, Q @ Y)


def with_residuals(apply, values, vectors):
    """Eigenpairs with |B q - theta q|."""
    return Eigenpairs(values, vectors, lengths(apply(vectors) - vectors * values))


def _unchanged(before, values, goal):
    return (before is not None and before.shape == values.shape
            and np.abs(values - before).max() <= goal)


def normal(rng, B):
    """A random vector (P,) to start from."""
    return alongside(rng.standard_normal(B.shape[0]).astype(B.dtype), B)
