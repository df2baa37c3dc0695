"""Eigenvalues of a symmetric matrix B: all, the outermost, their signs, and what they tell.

B is a symmetric array or any SciPy LinearOperator.  Answers about all eigenvalues come from LAPACK
and the dense matrix; answers by products alone from Lanczos' method [Lan50].  Two theorems say
what the latter are worth, for any Q (P, k) with Q^T Q = I and any unit vector q:

    min_i |lam_i - theta| <= |B q - theta q|                    the residual bounds the error
    min_i |lam_i| <= sigma_min(B Q) <= sigma_max(B Q) <= max_i |lam_i|

[Par98, ch. 4 and 10].  The first says that *an* eigenvalue is near, not which one.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..arrays.checks import (is_whole, require_finite, require_float, require_generator,
                             require_shape)
from ..arrays.krylov import lanczos
from ..arrays.linalg import symmetric
from .operator import dense

ENDS = ("largest", "smallest", "both")


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Eigenvalues (k,) ascending, unit eigenvectors (P, k), and |B q - theta q| (k,)."""

    values: Any
    vectors: Any
    residuals: Any


class Inertia(NamedTuple):
    """How many eigenvalues are negative, zero to rounding, and positive."""

    negative: int
    zero: int
    positive: int


@dataclass(frozen=True, eq=False)
class NegativeCurvature:
    """A unit direction v (P,), its curvature v^T B v < 0, and |B v - curvature v|."""

    direction: Any
    curvature: float
    residual: float


def eigenvalues(B, subset=None):
    """The eigenvalues of B (P, P), ascending, by LAPACK.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric, float32 or float64.
    subset : (first, last), optional
        Only those: whole numbers, 0 <= first <= last < P, both included.

    Raises
    ------
    TypeError, ValueError
        If B is not square, symmetric, finite and real, or is longdouble, which LAPACK would narrow.
    """
    M = dense_matrix(B)
    if subset is not None:
        subset = tuple(subset)
        if not (len(subset) == 2 and all(is_whole(i, 0) for i in subset)
                and subset[0] <= subset[1] < len(M)):
            raise ValueError(f"subset {subset} is no (first, last) with 0 <= first <= last < "
                             f"{len(M)}.")
    return scipy.linalg.eigh(M, eigvals_only=True, subset_by_index=subset)


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
        Dimension of a Krylov space, at most.

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
    apply, P, ends = product(B), B.shape[0], _ends(which)
    require_generator(rng)
    if not is_whole(k, 1) or k > P:
        raise ValueError(f"k must be a whole number from 1 to P = {P}, got {k!r}.")
    tol, steps = max(1e-10, 100 * np.finfo(B.dtype).eps), _whole("steps", steps, 1)
    locked, before, size = np.zeros((P, 0), B.dtype), None, 0.0
    while True:
        found, seen = _krylov_extremes(apply, locked, lambda x: ends(x, k), rng, tol, steps)
        pairs, size = _rayleigh_ritz(apply, np.column_stack([locked, found])), max(size, seen)
        chosen = ends(pairs.values, k)
        pairs = Eigenpairs(pairs.values[chosen], pairs.vectors[:, chosen], pairs.residuals[chosen])
        if (found.shape[1] == 0 or pairs.residuals.max() > tol * size
                or _unchanged(before, pairs.values, tol * size)):
            return pairs
        locked, before = pairs.vectors, pairs.values


def condition_number(B, rng=None, steps=100):
    """max |lam|/min |lam|: definite or not; infinite if min |lam| is zero to rounding.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    rng : numpy.random.Generator, optional
        If given, a *lower bound* by products alone: sigma_max(B Q)/sigma_min(B Q), Q a basis of
        the Krylov space of a random vector.  Otherwise from all eigenvalues.
    steps : int
        The dimension of that space, at most; 2 steps products.

    Returns
    -------
    float
        Of the zero matrix: infinity.
    """
    if rng is None:
        sizes = np.abs(eigenvalues(B))
    else:
        apply = product(B)
        require_generator(rng)
        Q, _ = lanczos(apply, _normal(rng, B.shape[0], B.dtype), _whole("steps", steps, 1))
        sizes = np.linalg.svd(apply(Q), compute_uv=False)
    smallest, largest = sizes.min(), sizes.max()
    return float(largest / smallest) if smallest > rounding(B, largest) else np.inf


def inertia(B):
    """Numbers of negative, zero and positive eigenvalues; zero is |lam| <= P eps max |lam|.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    """
    values = eigenvalues(B)
    zero = rounding(B, np.abs(values).max())
    negative, positive = int((values < -zero).sum()), int((values > zero).sum())
    return Inertia(negative, len(values) - negative - positive, positive)


def negative_curvature(B, rng=None, gradient=None):
    """The unit v that makes v^T B v smallest, or None if B is positive semidefinite to rounding.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    rng : numpy.random.Generator, optional
        If given, by products alone, to the residual stated: `extreme_eigenpairs`; then None means
        that none was found.  Otherwise from the dense matrix.
    gradient : array (P,), optional
        The sign of v is chosen so that gradient^T v <= 0: a direction of descent.

    Returns
    -------
    NegativeCurvature or None
    """
    pairs = _all_pairs(B) if rng is None else extreme_eigenpairs(B, 1, rng, "both")
    if not pairs.values[0] < -rounding(B, np.abs(pairs.values).max()):
        return None
    v = pairs.vectors[:, 0]
    if gradient is not None:
        require_shape("gradient", np.shape(gradient), v.shape, "B")
        require_finite("gradient", gradient)
        v = -v if gradient @ v > 0 else v
    return NegativeCurvature(v, float(pairs.values[0]), float(pairs.residuals[0]))


# ---- what may be asked ----

def require_matrix(B):
    """Error unless B is a square matrix or operator in float32 or float64."""
    if not hasattr(B, "shape") or not hasattr(B, "__matmul__"):
        raise TypeError(f"B is a {type(B).__name__}; pass a symmetric array or a LinearOperator, "
                        "as hessian(objective, theta).")
    require_float("B", B, "f")
    if np.dtype(B.dtype).itemsize > 8:
        raise TypeError(f"B holds {B.dtype}, which LAPACK would narrow to float64; cast to float64 "
                        "explicitly.")
    if len(B.shape) != 2 or B.shape[0] != B.shape[1] or B.shape[0] == 0:
        raise ValueError(f"B has shape {B.shape}; a square matrix is needed.")


def dense_matrix(B):
    """B as a finite array, symmetric to the last bit; refuses what is not symmetric."""
    require_matrix(B)
    M = B if isinstance(B, np.ndarray) else dense(B)
    require_finite("B", M)
    asymmetry, size = np.abs(M - M.T).max(), np.abs(M).max()
    if asymmetry > np.finfo(M.dtype).eps ** 0.5 * size:
        raise ValueError(f"B is not symmetric: it differs from its transpose by {asymmetry:.1e}, "
                         f"its largest entry is {size:.1e}; pass (B + B.T)/2 if that is meant.")
    return symmetric(M)


def product(B):
    """V -> B V, refusing products that are not finite; an array is checked whole."""
    require_matrix(B)
    B = dense_matrix(B) if isinstance(B, np.ndarray) else B

    def apply(V):
        BV = B @ V
        require_finite("B @ v", BV)
        return BV
    return apply


def rounding(B, largest):
    """P eps max |lam|: what LAPACK's eigenvalues may be off by."""
    return B.shape[0] * np.finfo(B.dtype).eps * largest


def _whole(name, x, least):
    if not is_whole(x, least):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {x!r}.")
    return x


# ---- Lanczos and Rayleigh-Ritz ----

def _ends(which):
    if which not in ENDS:
        raise ValueError(f"which must be one of {', '.join(ENDS)}, got {which!r}.")

    def ends(values, k):
        """Which of the values (ascending) are among the k outermost."""
        i, n = np.arange(len(values)), len(values)
        return (i >= n - k) & (which != "smallest") | (i < k) & (which != "largest")
    return ends


def _krylov_extremes(apply, locked, ends, rng, tol, most):
    """Ritz vectors of the ends of B in the complement of `locked`, of residual tol |B|, and |B|."""
    def deflate(v):
        return v - locked @ (locked.T @ v)
    most = min(most, locked.shape[0] - locked.shape[1])
    if most == 0:
        return locked[:, :0], 0.0
    start, steps = deflate(deflate(_normal(rng, len(locked), locked.dtype))), min(most, 30)
    while True:
        Q, T = lanczos(lambda v: deflate(deflate(apply(v))), start, steps)
        theta, Y = np.linalg.eigh(T)
        X, values = Q @ Y[:, ends(theta)], theta[ends(theta)]
        R, size = deflate(apply(X)) - X * values, np.abs(theta).max()
        if len(T) < steps or steps == most or _sizes(R).max() <= tol * size:
            return X, size
        steps = min(most, 2 * steps)


def _rayleigh_ritz(apply, V):
    """The best eigenpairs of B in the span of V."""
    Q = np.linalg.qr(V)[0]
    values, Y = np.linalg.eigh(symmetric(Q.T @ apply(Q)))
    return _with_residuals(apply, values, Q @ Y)


def _with_residuals(apply, values, vectors):
    return Eigenpairs(values, vectors, _sizes(apply(vectors) - vectors * values))


def _all_pairs(B):
    M = dense_matrix(B)
    return _with_residuals(lambda V: M @ V, *np.linalg.eigh(M))


def _unchanged(before, values, goal):
    return (before is not None and before.shape == values.shape
            and np.abs(values - before).max() <= goal)


def _sizes(V):
    """Lengths of the columns."""
    return np.sqrt((V * V).sum(0))


def _normal(rng, P, dtype):
    return rng.standard_normal(P).astype(dtype)
