"""Dual numbers a + b eps, eps^2 = 0: b carries exact first derivatives along K directions [GW08].

Nested, Dual(Dual, Dual) is a hyper-dual number and carries exact second derivatives [FA11].
Run through a gradient's own code, dual numbers are Pearlmutter's R-operator [Pea94].
"""

from . import functions as F
from .pairs import (RANK, Pair, argmax, broadcast_to, concatenate, constant, einsum, ones_like,
                    pi, positive, primal, reshape, scatter, stack, sum, swapaxes, take, where,
                    zeros_like)


class Dual(Pair):
    """re + eps du, with du of shape (K...,) + re.shape: one derivative per direction."""

    __slots__ = ()
    square = 0

    def __truediv__(self, other):
        if not isinstance(other, Pair):
            return Dual(self.re / other, self.raised(getattr(other, "ndim", 0)) / other)
        ratio = self.re / other.re
        return Dual(ratio,
                    (self.raised(other.ndim) - ratio * other.raised(self.ndim)) / other.re)

    def __rtruediv__(self, other):
        ratio = other / self.re
        return Dual(ratio, -(ratio / self.re) * self.raised(getattr(other, "ndim", 0)))


# ---- one line per function: value and slope ----

def exp(x):
    """exp' = exp."""
    y = F.exp(x.re)
    return Dual(y, y * x.du)


def expm1(x):
    """expm1' = exp."""
    return Dual(F.expm1(x.re), F.exp(x.re) * x.du)


def log(x):
    """log' = 1/x."""
    return Dual(F.log(x.re), x.du / x.re)


def log1p(x):
    """log1p' = 1/(1 + x)."""
    return Dual(F.log1p(x.re), x.du / (1 + x.re))


def sqrt(x):
    """sqrt' = 1/(2 sqrt)."""
    y = F.sqrt(x.re)
    return Dual(y, x.du / (2 * y))


def sin(x):
    """sin' = cos."""
    return Dual(F.sin(x.re), F.cos(x.re) * x.du)


def cos(x):
    """cos' = -sin."""
    return Dual(F.cos(x.re), -F.sin(x.re) * x.du)


def tanh(x):
    """tanh' = sech^2."""
    y = F.tanh(x.re)
    return Dual(y, F.sech2(x.re, y) * x.du)


def sech2(x, tanh_x):
    """sech^2' = -2 tanh sech^2."""
    y = F.sech2(x.re, tanh_x.re)
    return Dual(y, -2 * tanh_x.re * y * x.du)


def sigmoid(x):
    """sigma' has a function of its own."""
    return Dual(F.sigmoid(x.re), F.sigmoid_slope(x.re) * x.du)


def sigmoid_slope(x):
    """sigma'' = -tanh(x/2) sigma'."""
    y = F.sigmoid_slope(x.re)
    return Dual(y, -F.tanh(x.re / 2) * y * x.du)


def ndtr(x):
    """Phi' = phi."""
    return Dual(F.ndtr(x.re), F.gaussian_density(x.re) * x.du)
