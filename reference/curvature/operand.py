"""The symmetric matrix that a question about eigenvalues is asked of: an array or an operator."""

import numpy as np

from ..arrays.checks import is_whole, require_finite, require_float
from ..arrays.linalg import symmetric
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


def require_whole(name, x, least):
    """ValueError unless x is a whole number of at least `least`."""
    if not is_whole(x, least):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {x!r}.")
