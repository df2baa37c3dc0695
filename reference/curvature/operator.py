"""Curvature matrices as SciPy LinearOperators, and functions of any operator.

`dense`, `block` and `blocks` are functions, since methods of a subclass vanish in H + lam I.
"""

import numpy as np
from scipy.sparse.linalg import LinearOperator

from ..derivatives.directions import along


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
        () -> the dense matrix, and () -> the diagonal block of every weight matrix, where a
        faster way is known.
    """

    def __init__(self, size, dtype, product, matrix=None, diagonal=None):
        super().__init__(np.dtype(dtype), (size, size))
        self.product, self.matrix, self.diagonal = product, matrix, diagonal

    def _matmat(self, V):
        return along(self.product, V.T).T

    def _matvec(self, v):
        return self.product(v.reshape(1, -1))[0]                # SciPy passes (n,) or (n, 1)

    def _adjoint(self):
        return self

    def _transpose(self):
        return self


def columns(operator):
    """The dense matrix (P, P), by products with the unit vectors."""
    return operator @ np.eye(operator.shape[0], dtype=operator.dtype)


def dense(operator):
    """The dense matrix (P, P) of any operator: the fast exact assembly where it applies.

    Parameters
    ----------
    operator : LinearOperator
        `hessian(...)`, `gauss_newton(...)`, or anything SciPy makes of them.
    """
    if isinstance(operator, SymmetricOperator) and operator.matrix is not None:
        return operator.matrix()
    return columns(operator)


def block(operator, index):
    """The dense diagonal block operator[index, index], by products with its unit vectors.

    Parameters
    ----------
    operator : LinearOperator
    index : slice
        For instance net.layout.slices[l].
    """
    rows = np.arange(operator.shape[0])[index]
    E = np.zeros((operator.shape[0], rows.size), dtype=operator.dtype)
    E[rows, np.arange(rows.size)] = 1
    return (operator @ E)[rows]


def blocks(operator, layout):
    """[operator[s_l, s_l], ...]: the diagonal block of every weight matrix.

    Parameters
    ----------
    operator : LinearOperator
    layout : Layout
        net.layout, of the network that the operator was made for.
    """
    if isinstance(operator, SymmetricOperator) and operator.diagonal is not None:
        return operator.diagonal()
    return [block(operator, s) for s in layout.slices]
