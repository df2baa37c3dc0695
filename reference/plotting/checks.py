"""What no picture can be made of."""

import numpy as np

from ..arrays.checks import is_finite, require_array, require_finite, shown

MOST_BINS = 100_000                     # billions, of a slip in the width, do not fit in memory


def require_some(name, x):
    """ValueError if there is nothing to draw."""
    if len(x) == 0:
        raise ValueError(f"{name} is empty; pass at least one.")


def require_matrix(name, M):
    """Error unless M is a square array of finite real numbers, at least one."""
    require_array(name, M)
    if M.ndim != 2 or M.shape[0] != M.shape[1]:
        raise ValueError(f"{name} has shape {M.shape}; a map is drawn of a square matrix (P, P).")
    _require_numbers(name, M)


def require_values(name, x):
    """Error unless x is a vector of finite real numbers, at least one."""
    require_array(name, x)
    if x.ndim != 1:
        raise ValueError(f"{name} has shape {x.shape}; pass a vector (P,).")
    _require_numbers(name, x)


def require_width(width, x):
    """ValueError unless x can be drawn in bins of this width."""
    span = np.ptp(x)
    if not is_finite(width) or not 0 < width or span > MOST_BINS * width:
        raise ValueError(f"width is {shown(width)} for values that span {span:.3g}; pass a "
                         "positive number, such as a hundredth of the span.")


def _require_numbers(name, x):
    require_some(name, x)
    if x.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {x.dtype}; pass real numbers, such as {name}.real.")
    require_finite(name, x)
