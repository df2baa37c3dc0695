"""Eigenvalues of a symmetric matrix B, and what they tell: condition, signs, negative curvature.

B is a symmetric array or any SciPy LinearOperator.  Answers about all eigenvalues come from LAPACK
and the dense matrix; those by products alone are for where a generator is given.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from ..arrays.checks import (is_whole, require_finite, require_float, require_generator,
                             require_shape, require_whole)
from ..arrays.krylov import lanczos
from ..arrays.namespace import library
from .eigenpairs import extreme_eigenpairs, normal, with_residuals
from .memory import LIMIT
from .operand import dense_matrix, require_matrix, rounding, scaled_product


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


def eigenvalues(B, subset=None, limit=LIMIT):
    """The eigenvalues of B (P, P), ascending, by LAPACK.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric, float32 or float64.
    subset : (first, last), optional
        Only those: whole numbers, 0 <= first <= last < P, both included.
    limit : int
        Bytes that `ref.dense(B, limit)` may take; LAPACK works in as many again, or twice that.

    Raises
    ------
    TypeError, ValueError
        If B is not square, symmetric, finite and real, or is longdouble, which LAPACK would narrow.
    MemoryError
        If the dense matrix would take more than `limit`.
    """
    M = dense_matrix(B, limit)
    if subset is not None:
        subset = tuple(subset) if np.iterable(subset) else (subset,)
        if not (len(subset) == 2 and all(is_whole(i, 0) for i in subset)
                and subset[0] <= subset[1] < len(M)):
            raise ValueError(f"subset {subset} is no (first, last) with 0 <= first <= last < "
                             f"{len(M)}.")
    if library(M) is not np:                                      # where all are found, or none
        first, last = subset or (0, len(M) - 1)
        return np.linalg.eigvalsh(M)[first:last + 1]
    return scipy.linalg.eigh(M, eigvals_only=True, subset_by_index=subset)


def condition_number(B, rng=None, steps=100, limit=LIMIT):
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
        The dimension of that space, at most; 2 steps + 2 products.
    limit : int
        As in `eigenvalues`.

    Returns
    -------
    float
        Of the zero matrix: infinity.
    """
    if rng is None:
        sizes = np.abs(eigenvalues(B, limit=limit))
    else:
        require_matrix(B)
        require_generator(rng)
        require_whole("steps", steps, 1)
        v = normal(rng, B)
        apply, _ = scaled_product(B, v)                         # of which the ratio is the same
        Q, _ = lanczos(apply, v, steps)
        sizes = np.linalg.svd(apply(Q), compute_uv=False)
    smallest, largest = sizes.min(), sizes.max()
    return float(largest / smallest) if smallest > rounding(B, largest) else np.inf


def inertia(B, limit=LIMIT):
    """Numbers of negative, zero and positive eigenvalues; zero is |lam| <= P eps max |lam|.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    limit : int
        As in `eigenvalues`.
    """
    values = eigenvalues(B, limit=limit)
    zero = rounding(B, np.abs(values).max())
    negative, positive = int((values < -zero).sum()), int((values > zero).sum())
    return Inertia(negative, len(values) - negative - positive, positive)


def negative_curvature(B, rng=None, gradient=None, limit=LIMIT):
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
    limit : int
        As in `eigenvalues`.

    Returns
    -------
    NegativeCurvature or None
    """
    require_matrix(B)
    if gradient is not None:
        require_float("gradient", gradient, "f")
        require_shape("gradient", gradient.shape, B.shape[:1], "B")
        require_finite("gradient", gradient)
    pairs = _all_pairs(B, limit) if rng is None else extreme_eigenpairs(B, 1, rng, "both")
    if not pairs.values[0] < -rounding(B, np.abs(pairs.values).max()):
        return None
    v = pairs.vectors[:, 0]
    if gradient is not None and gradient @ v > 0:
        v = -v
    return NegativeCurvature(v, float(pairs.values[0]), float(pairs.residuals[0]))


def _all_pairs(B, limit):
    M = dense_matrix(B, limit)
    return with_residuals(lambda V: M @ V, *np.linalg.eigh(M))
