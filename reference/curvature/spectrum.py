"""Eigenvalues of a symmetric matrix B, and what they tell: condition, signs, negative curvature.

B is a symmetric array or any SciPy LinearOperator.  Answers about all eigenvalues come from LAPACK
and the dense matrix; those by products alone are for where a generator is given.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..arrays.checks import is_whole, require_finite, require_generator, require_shape
from ..arrays.krylov import lanczos
from .eigenpairs import extreme_eigenpairs, normal, with_residuals
from .operand import dense_matrix, product, require_whole, rounding


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


def condition_number(B, rng=None, steps=100):
    """max |lam|/min |lam|: definite or not; infinite if min |lam| is zero to rounding.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    rng : numpy.random.Generator, optional
        If given, a *lower bound* by products alone: sigma_max(B Q)/sigma_min(B Q), Q an
        orthonormal basis of the Krylov space of a random vector: sigma_min(B Q) >= min |lam|, and
        sigma_max(B Q) <= max |lam| [Par98, ch. 10].  Otherwise from all eigenvalues.
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
        require_whole("steps", steps, 1)
        Q, _ = lanczos(apply, normal(rng, B.shape[0], B.dtype), steps)
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


def _all_pairs(B):
    M = dense_matrix(B)
    return with_residuals(lambda V: M @ V, *np.linalg.eigh(M))
