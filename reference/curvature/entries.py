"""A symmetric matrix of which every entry is there: what is checked before it is computed with."""

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_finite, require_float
from ..arrays.precision import eps

DENSE = {"toarray": "{}.toarray()", "dense": "{}.dense()", "matvec": "reference.dense({})"}


def require_entries(name, M):
    """TypeError for an operator or a sparse matrix, naming how its entries are had."""
    for attribute, dense in DENSE.items():
        if hasattr(M, attribute):
            raise TypeError(f"{name} is a {type(M).__name__}, not an array; pass "
                            f"{dense.format(name)}.")


def require_symmetric(name, M, kind="matrix"):
    """Balls may be of any width, as more precision is what they ask for; of pairs, the primal."""
    require_entries(name, M)
    require_float(name, M)
    if M.ndim != 2 or M.shape[0] != M.shape[1] or M.shape[0] == 0:
        raise ValueError(f"the {kind} {name} has shape {M.shape}; a square matrix is needed.")
    require_mirrored(name, M if M.dtype.kind == "c" and isinstance(M, np.ndarray) else F.primal(M))


def require_mirrored(name, M):
    """ValueError unless |M - M^T| <= max(1e-6, sqrt(eps)) max |M|, as of matrices from float32.

    And finite, but for balls: both are asked at once, as a device answers in one trip.
    """
    with np.errstate(invalid="ignore"):
        asymmetry, size = np.abs(M - M.T).max(), np.abs(M).max()
    wrong = asymmetry > max(1e-6, eps(M.dtype) ** 0.5) * size
    if M.dtype != object:
        wrong = wrong | ~np.isfinite(size)
    if wrong:
        if M.dtype != object:
            require_finite(name, M)
        raise ValueError(f"{name} is not symmetric: it differs from its transpose by "
                         f"{asymmetry:.1e}, its largest entry is {size:.1e}; pass ({name} + "
                         f"{name}.T)/2 if that is meant.")
