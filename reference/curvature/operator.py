"""Curvature matrices as SciPy LinearOperators, and functions of any operator.

`dense`, `block` and `blocks` are functions, since methods of a subclass vanish in H + lam I.
"""

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..arrays.checks import require_theta
from ..derivatives.directions import along
from ..network.layout import Layout


class SymmetricOperator(LinearOperator):
    """A symmetric (P, P) matrix given by its products with K directions at once.

    Parameters
    ----------
    size : int
        P.
    dtype : numpy dtype
    product : callable
        V (K, P) -> V B (K, P); B is symmetric.
    matrix, diagonal : callable, optional
        () -> the dense matrix, and () -> its diagonal blocks for `layout`, where a faster way is
        known.
    layout : Layout, optional
        Whose blocks `diagonal` gives.
    """

    def __init__(self, size, dtype, product, matrix=None, diagonal=None, layout=None):
        super().__init__(np.dtype(dtype), (size, size))
        self.product, self.matrix, self.diagonal = product, matrix, diagonal
        self.layout = layout

    def _matmat(self, V):
        return along(self.product, V.T).T

    def _matvec(self, v):
        return self.product(v.reshape(1, -1))[0]                # SciPy passes (n,) or (n, 1)

    def _adjoint(self):
        return self

    def _transpose(self):
        return self


def point(objective, theta):
    """theta (P,), checked, and copied: an operator stays at its point when theta moves on."""
    require_theta(objective, theta)
    return theta.copy()


def _require_operator(operator):
    if not hasattr(operator, "shape") or not hasattr(operator, "__matmul__"):
        raise TypeError(f"operator is a {type(operator).__name__}; pass a LinearOperator, as "
                        "hessian(objective, theta).")


def columns(operator):
    """The dense matrix (P, P), by products with the unit vectors."""
    _require_operator(operator)
    return operator @ np.eye(operator.shape[0], dtype=operator.dtype)


def dense(operator):
    """The dense matrix (P, P) of any operator: the fast exact assembly where it applies.

    Parameters
    ----------
    operator : LinearOperator
        `hessian(...)`, `gauss_newton(...)`, or anything SciPy makes of them.
    """
    _require_operator(operator)
    if isinstance(operator, SymmetricOperator) and operator.matrix is not None:
        return operator.matrix()
    return columns(operator)


def block(operator, index):
    """The dense diagonal block operator[index, index], by products with its unit vectors.

    Parameters
    ----------
    operator : LinearOperator
    index : slice
        For instance net.layout.slices[l]; or whole numbers in an array or a list.
    """
    _require_operator(operator)
    rows = _rows(operator, index)
    E = np.zeros((operator.shape[0], rows.size), dtype=operator.dtype)
    E[rows, np.arange(rows.size)] = 1
    return (operator @ E)[rows]


def _rows(operator, index):
    try:
        rows = np.arange(operator.shape[0])[index]
    except (IndexError, TypeError, ValueError):
        rows = None
    if rows is None or rows.ndim != 1:
        raise ValueError(f"index {index!r} picks no rows of {operator.shape}: pass a slice, as "
                         "net.layout.slices[l], or whole numbers in an array or a list.")
    return rows


def blocks(operator, layout):
    """[operator[s_l, s_l], ...]: the diagonal block of every weight matrix.

    Parameters
    ----------
    operator : LinearOperator
    layout : Layout
        net.layout, of the network that the operator was made for; any other of the same size
        is served by products.

    Raises
    ------
    ValueError
        If the layout is of another size than the operator.
    """
    _require_operator(operator)
    if not isinstance(layout, Layout):
        raise TypeError(f"layout is a {type(layout).__name__}; pass net.layout.")
    if layout.size != operator.shape[0]:
        raise ValueError(f"layout has {layout.size} parameters but the operator has shape "
                         f"{operator.shape}; pass net.layout of the operator's own network.")
    if isinstance(operator, SymmetricOperator) and operator.layout == layout:
        return operator.diagonal()
    return [block(operator, s) for s in layout.slices]
