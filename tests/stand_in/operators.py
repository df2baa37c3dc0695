"""What cupyx.scipy.sparse.linalg.LinearOperator offers: products, sums and multiples."""

import numpy as np


class LinearOperator:
    """A matrix given by its products with device arrays."""

    __module__ = "cupyx.scipy.sparse.linalg"
    ndim = 2

    def __init__(self, dtype, shape):
        self.dtype, self.shape = np.dtype(dtype), tuple(shape)

    def matvec(self, x):
        if x.shape not in ((self.shape[1],), (self.shape[1], 1)):
            raise ValueError("dimension mismatch")
        return self._matvec(x).reshape(x.shape)

    def matmat(self, X):
        if X.ndim != 2 or X.shape[0] != self.shape[1]:
            raise ValueError("dimension mismatch")
        return self._matmat(X)

    def dot(self, x):
        if isinstance(x, LinearOperator):
            return Made(lambda V: self.matmat(x.matmat(V)), self)
        if np.isscalar(x):
            return Made(lambda V: x * self.matmat(V), self)
        return self.matvec(x) if x.ndim == 1 or x.shape[1] == 1 else self.matmat(x)

    __mul__ = dot

    def __matmul__(self, x):
        if np.isscalar(x):
            raise ValueError("Scalar operands are not allowed, use '*' instead")
        return self.dot(x)

    def __rmul__(self, x):
        return self.dot(x) if np.isscalar(x) else NotImplemented

    def __add__(self, other):
        if not isinstance(other, LinearOperator):
            return NotImplemented
        return Made(lambda V: self.matmat(V) + other.matmat(V), self)

    def __neg__(self):
        return self.dot(-1)

    def __sub__(self, other):
        return self + -other

    H = T = property(lambda self: self)


class Made(LinearOperator):
    """One made of others."""

    def __init__(self, product, like):
        super().__init__(like.dtype, like.shape)
        self.product = product

    def _matmat(self, V):
        return self.product(V)

    def _matvec(self, v):
        return self.product(v.reshape(-1, 1))[:, 0]
