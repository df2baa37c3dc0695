"""The symmetric matrix that a question about eigenvalues is asked of: an array or an operator."""

import numpy as np

from ..arrays.checks import require_finite, require_float
from ..arrays.linalg import symmetric
from .entries import require_mirrored
from .memory import LIMIT
from .operator import dense


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


def dense_matrix(B, limit=LIMIT):
    """B as a finite array, symmetric to the last bit; refuses what is not symmetric."""
    require_matrix(B)
    M = dense(B, limit) if hasattr(B, "matvec") else B
    require_mirrored("B", M)
    return symmetric(M)


def product(B):
    """V -> B V, refusing products that are not finite; an array is checked whole."""
    require_matrix(B)
    B = B if hasattr(B, "matvec") else dense_matrix(B)

    def apply(V):
        BV = B @ V
        require_finite("B @ v", BV)
        return BV
    return apply


def scaled_product(B, v):
    """V -> 2^-e B V, and e of B v ~ 2^e |v|: no square of such a product under- or overflows.

    Two products; they tell a B that is not symmetric, too.
    """
    apply = product(B)
    v = v / lengths(v)
    Bv = apply(v)
    e = exponent(Bv)

    def scaled(V):
        return np.ldexp(apply(V), -e)
    w = np.ldexp(Bv, -e)
    require_symmetric_products(np.stack([v, w], 1), np.stack([w, scaled(w)], 1))
    return scaled, e


def require_symmetric_products(V, BV):
    """ValueError unless |V^T B V - (V^T B V)^T| <= max(1e-6, sqrt(eps)) max |v| max |B v|."""
    C, size = V.T @ BV, lengths(V).max() * lengths(BV).max()
    asymmetry = np.abs(C - C.T).max()
    if asymmetry > max(1e-6, np.finfo(C.dtype).eps ** 0.5) * size:
        raise ValueError("B is not symmetric: u^T B v and v^T B u differ by "
                         f"{asymmetry / size:.1e} |u| |B v|; pass an operator of (B + B^T)/2 if "
                         "that is meant.")


def exponent(x):
    """e of max |x| = m 2^e, 1/2 <= m < 1, over the first axis; 0 for zeros."""
    return np.frexp(np.abs(x).max(0))[1]


def lengths(V):
    """|v| of a vector, or of the columns of a matrix."""
    e = exponent(V)
    V = np.ldexp(V, -e)
    return np.ldexp(np.sqrt((V * V).sum(0)), e)


def rounding(B, largest):
    """P eps max |lam|: what LAPACK's eigenvalues may be off by."""
    return B.shape[0] * np.finfo(B.dtype).eps * largest
