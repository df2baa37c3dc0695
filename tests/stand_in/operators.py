"""cupyx.scipy.sparse.linalg.LinearOperator's stand-in: products, sums, multiples and powers.

As in cupyx's _interface.py: a dtype is that of the parts, of a number that of its type (float32
times a Python float says float64), 0-d device arrays are no scalars, and an operator has no
__array_ufunc__.
"""

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
        return self._matvec(x).reshape((self.shape[0],) + x.shape[1:])

    def matmat(self, X):
        if X.ndim != 2 or X.shape[0] != self.shape[1]:
            raise ValueError("dimension mismatch")
        return self._matmat(X)

    def dot(self, x):
        if isinstance(x, LinearOperator):
            if self.shape[1] != x.shape[0]:
                raise ValueError("shape mismatch")
            return Made(lambda V: self.matmat(x.matmat(V)), self, x)
        if np.isscalar(x):
            return Made(lambda V: x * self.matmat(V), self, scale=x)
        if x.ndim not in (1, 2):
            raise ValueError(f"expected 1-d or 2-d array, got {x.shape}")
        return self.matvec(x) if x.ndim == 1 or x.shape[1] == 1 else self.matmat(x)

    __mul__ = __call__ = dot

    def __matmul__(self, x):
        if np.isscalar(x):
            raise ValueError("Scalar operands are not allowed, use '*' instead")
        return self.dot(x)

    def __rmul__(self, x):
        return self.dot(x) if np.isscalar(x) else NotImplemented

    def __pow__(self, n):
        return self if n == 1 else self.dot(self ** (n - 1))

    def __add__(self, other):
        if not isinstance(other, LinearOperator):
            return NotImplemented
        if self.shape != other.shape:
            raise ValueError("cannot add: shape mismatch")
        return Made(lambda V: self.matmat(V) + other.matmat(V), self, other)

    def __neg__(self):
        return self.dot(-1)

    def __sub__(self, other):
        return self + -other

    H = property(lambda self: self._adjoint())
    T = property(lambda self: self._transpose())


class Made(LinearOperator):
    """One made of others, all of them symmetric here."""

    def __init__(self, product, *parts, scale=None):
        kinds = [part.dtype for part in parts] + [type(scale)] * (scale is not None)
        super().__init__(np.result_type(*kinds), (parts[0].shape[0], parts[-1].shape[1]))
        self.product, self._adjoint = product, lambda: self
        self._transpose = self._adjoint

    def _matmat(self, V):
        return self.product(V)

    def _matvec(self, v):
        return self.product(v.reshape(-1, 1))[:, 0]
