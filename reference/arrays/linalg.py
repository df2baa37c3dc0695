"""Solve, invert, factor, in every number system, never in fewer digits than the matrix has.

LAPACK for 32 and 64 bits; for longdouble, where SciPy silently returns float64, elimination
written out; for balls, arb_mat, whose answer encloses the exact inverse.
"""

from contextlib import nullcontext
from importlib import import_module

import flint
import numpy as np

from . import ball, precision
from . import functions as F
from .namespace import library, namespace

LAPACK = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


def solve(A, b):
    """x with A x = b, for A (n, n) and b (n,) or (n, k).

    Raises
    ------
    numpy.linalg.LinAlgError
        If A is singular to working precision.
    """
    with told(A):
        return _columns(_solver(A), A, b)


def inverse(A):
    """A^-1."""
    return solve(A, namespace(A).ones_like(A) * F.identity(A))


def cholesky(A):
    """Lower L with L L^T = A, for a symmetric positive definite A.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a pivot is not positive, naming it.
    """
    if A.dtype in LAPACK:
        with told(A):
            return np.linalg.cholesky(A)
    L = namespace(A).zeros_like(A)
    for j in range(len(A)):
        pivot = A[j, j] - L[j, :j] @ L[j, :j]
        if not pivot > 0:
            raise np.linalg.LinAlgError(f"pivot {j} is {pivot}: not positive definite; "
                                        "add damping.")
        L[j, j] = pivot.sqrt() if A.dtype == object else np.sqrt(pivot)
        L[j + 1:, j] = (A[j + 1:, j] - L[j + 1:, :j] @ L[j, :j]) / L[j, j]
    return L


def eigh(A):
    """Eigenvalues (ascending) and eigenvectors of a symmetric matrix; refuses to downcast."""
    if A.dtype not in LAPACK:
        raise TypeError(f"eigh of {A.dtype} would lose digits; cast to float64 explicitly.")
    return np.linalg.eigh(A)


def multiply(A, B, out):
    """A @ B into `out`, a part of a matrix."""
    if library(out) is np:
        np.matmul(A, B, out=out)
    else:                               # cuBLAS writes whole matrices alone
        out[...] = A @ B


def grid(rows):
    """The matrix of these rows of blocks."""
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def block_diag(blocks):
    """diag(B_1, B_2, ...), zero between the blocks."""
    ends = np.cumsum([len(B) for B in blocks]).tolist()
    whole = library(blocks[0]).zeros((ends[-1],) * 2, np.result_type(*blocks))
    for B, end in zip(blocks, ends):
        whole[end - len(B):end, end - len(B):end] = B
    return whole


def told(A):
    """A context in which what fails raises LinAlgError: on a GPU, where it gives NaN otherwise."""
    if library(A) is np:
        return nullcontext()
    return import_module("cupyx").errstate(linalg="raise")


def symmetric(A):
    """(A + A^T)/2: symmetric to the last bit."""
    return (A + A.T) / 2


# ---- the solvers ----

def _solver(A):
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"expected a square matrix, got shape {A.shape}.")
    if A.dtype == object:
        return _balls
    return np.linalg.solve if A.dtype in LAPACK else _eliminate


def _columns(solver, A, b):
    return solver(A, b[:, None])[:, 0] if b.ndim == 1 else solver(A, b)


def _balls(A, b):
    try:
        x = flint.arb_mat(ball.exact(A).tolist()).solve(flint.arb_mat(ball.exact(b).tolist()))
    except ZeroDivisionError:
        raise np.linalg.LinAlgError("not proven invertible at this precision; "
                                    "raise the precision or add damping.") from None
    return np.array(x.entries(), dtype=object).reshape(b.shape)


def _eliminate(A, b):
    """Gauss-Jordan elimination with partial pivoting on the rows of (A b), vectorised by rows."""
    n = len(A)
    M = np.concatenate([A, b.astype(np.result_type(A, b))], axis=1)
    for j in range(n):
        k = j + int(np.argmax(np.abs(M[j:, j])))
        if np.abs(M[k, j]) <= n * precision.eps(M.dtype) * np.abs(A).max():
            raise np.linalg.LinAlgError(f"pivot {j} is {M[k, j]}: singular matrix; add damping.")
        M[[j, k]] = M[[k, j]]
        M[j] = M[j] / M[j, j]
        others = np.arange(n) != j
        M[others] -= M[others, j, None] * M[j]
    return M[:, n:]
