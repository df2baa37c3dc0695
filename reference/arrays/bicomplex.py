"""Bicomplex numbers a + b j, a and b complex, i^2 = j^2 = -1, ij = ji [Lan12].

f(x + i h v + j h w) carries v^T f'' w in its ij part, free of cancellation: the complex step for
second derivatives.  The formulas are the complex ones, with a and b complex, arranged for small b.
"""

import numpy as np

from . import functions as F
from .pairs import (RANK, Pair, argmax, broadcast_to, concatenate, constant, einsum, ones_like,
                    pi, positive, primal, reshape, scatter, stack, sum, swapaxes, take, where,
                    zeros_like)


class Bicomplex(Pair):
    """re + j du with complex arrays `re` and `du`."""

    __slots__ = ()
    square = -1

    def __truediv__(self, other):
        if not isinstance(other, Pair):
            return Bicomplex(self.re / other, self.raised(getattr(other, "ndim", 0)) / other)
        return self * (1 / other)

    def __rtruediv__(self, other):
        """1/(a + b j) = (1 - q j)/(a (1 + q^2)), q = b/a."""
        q = self.du / self.re
        inverse = 1 / (self.re * (1 + q * q))
        return Bicomplex(inverse, -q * inverse) * other


def exp(x):
    """exp(a + b j) = exp(a) (cos b + j sin b)."""
    y = F.exp(x.re)
    return Bicomplex(y * F.cos(x.du), y * F.sin(x.du))


def expm1(x):
    """exp(x) - 1, with cos b - 1 = -2 sin(b/2)^2."""
    half = F.sin(x.du / 2)
    return Bicomplex(F.expm1(x.re) - 2 * F.exp(x.re) * half * half, F.exp(x.re) * F.sin(x.du))


def log(x):
    """log(a + b j) = log a + log(1 + q^2)/2 + j arctan q, q = b/a."""
    q = x.du / x.re
    return Bicomplex(F.log(x.re) + F.log1p(q * q) / 2, np.arctan(q))


def log1p(x):
    """log(1 + x), as log with a replaced by 1 + a."""
    q = x.du / (1 + x.re)
    return Bicomplex(F.log1p(x.re) + F.log1p(q * q) / 2, np.arctan(q))


def sqrt(x):
    """sqrt(a) sqrt(1 + q j) = sqrt(a) (c + j q/(2 c)), c^2 = (1 + sqrt(1 + q^2))/2, q = b/a."""
    q = x.du / x.re
    c = F.sqrt((1 + F.sqrt(1 + q * q)) / 2)
    return Bicomplex(F.sqrt(x.re) * c, F.sqrt(x.re) * q / (2 * c))


def sin(x):
    """sin(a + b j) = sin a cosh b + j cos a sinh b."""
    return Bicomplex(F.sin(x.re) * np.cosh(x.du), F.cos(x.re) * np.sinh(x.du))


def cos(x):
    """cos(a + b j) = cos a cosh b - j sin a sinh b."""
    return Bicomplex(F.cos(x.re) * np.cosh(x.du), -F.sin(x.re) * np.sinh(x.du))


def tanh(x):
    """(t + j u)/(1 + j t u) with t = tanh a, u = tan b, and 1 - t^2 = sech(a)^2."""
    t, u = F.tanh(x.re), np.tan(x.du)
    scale = 1 / (1 + t * t * u * u)
    return Bicomplex(t * (1 + u * u) * scale, u * F.sech2(x.re, t) * scale)


def ndtr(x):
    """Phi(a) + j b phi(a) - b^2 phi'(a)/2: no closed form; the next is O(b^3), b = O(1e-20)."""
    density = F.gaussian_density(x.re)
    return Bicomplex(F.ndtr(x.re) + x.du * x.du * x.re * density / 2, x.du * density)
