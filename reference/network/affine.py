"""Layers with weights: s = W p for every patch p of the input; p ends in a constant 1.

Sample axes (n, t) precede the features; whatever precedes them are leading axes of theta (several
parameter vectors at once; every trace has them) or of the cotangent (several directions).
"""

from dataclasses import dataclass
from math import prod
from numbers import Integral

import numpy as np

from ..arrays import functions as F


def samples(array, rank):
    """(..., n, t, features) -> (..., 1 sample axis, features), for `rank` sample axes."""
    if rank == 1:
        return array
    shape = array.shape
    lead = len(shape) - 1 - rank
    return F.reshape(array, shape[:lead] + (prod(shape[lead:-1]), shape[-1]))


def contract(g, p, rank):
    """dW = sum_nt g p^T (..., O, I), over `rank` sample axes."""
    return F.transpose(samples(g, rank)) @ samples(p, rank)


def with_one(x):
    """(x, 1): homogeneous coordinates."""
    return F.concatenate([x, F.ones_like(x[..., :1])])


class Affine:
    """What every layer of the form s = W p shares; subclasses say `shape`, `patches`, and vjp."""

    def weight_vjp(self, W, x, y, dy):
        """dW = sum_nt g p^T (O, I), from g = dy; x's own cotangent is left out."""
        return contract(dy, self.patches(x), y.ndim + 1 - W.ndim)


@dataclass(frozen=True)
class Dense(Affine):
    """s = W0 x + b = W (x, 1): x (..., I0) -> s (..., O), W = (W0 b) of shape (O, I).

    Parameters
    ----------
    inputs, outputs : int
        I0 and O.
    bias : bool
        Whether the last column of W is a bias.
    """

    inputs: int
    outputs: int
    bias: bool = True

    def __post_init__(self):
        if not all(isinstance(n, Integral) and n > 0 for n in (self.inputs, self.outputs)):
            raise ValueError(f"{self} needs whole numbers of inputs and outputs, at least 1.")
        if not isinstance(self.bias, (bool, np.bool_)):
            raise TypeError(f"bias must be True or False, got {self.bias!r}.")

    @property
    def shape(self):
        """(O, I), I counting the constant 1."""
        return self.outputs, self.inputs + self.bias

    def output_shape(self, shape):
        """Shape of one example after this layer; ValueError if it does not fit."""
        if shape[-1:] != (self.inputs,):
            raise ValueError(f"{self} needs {self.inputs} input features, got shape {shape}.")
        return shape[:-1] + (self.outputs,)

    def patches(self, x):
        """p, the vectors that W multiplies."""
        return with_one(x) if self.bias else x

    def forward(self, W, x):
        """s = W p."""
        return self.patches(x) @ F.transpose(beside(W, x.ndim))

    def vjp(self, W, x, y, dy):
        """dW = sum_nt g p^T (O, I) and dx = W0^T g, from g = dy."""
        return self.weight_vjp(W, x, y, dy), dy @ beside(W, y.ndim)[..., :self.inputs]


def beside(W, ndim):
    """W with unit axes after its leading axes, so that it multiplies arrays of `ndim` axes."""
    extra = ndim - W.ndim
    if W.ndim == 2 or extra == 0:
        return W
    return F.reshape(W, W.shape[:-2] + (1,) * extra + W.shape[-2:])
