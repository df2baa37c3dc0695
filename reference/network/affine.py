"""Layers of the form s = W p for patches p of the input; p ends in a constant 1 if there is a bias.

`Affine` is what they share, `Dense` the one whose patch is the whole input (x, 1).
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole, shown
from .layer import Layer
from .uses import Use, places, with_one


def beside(W, ndim):
    """W with unit axes after its leading axes, so that it multiplies arrays of `ndim` axes."""
    extra = ndim - W.ndim
    if W.ndim == 2 or extra == 0:
        return W
    return F.reshape(W, W.shape[:-2] + (1,) * extra + W.shape[-2:])


def require_count(of, name, n):
    """ValueError unless n is a whole number of at least 1."""
    if not is_whole(n, 1):
        raise ValueError(f"{of}: {name} must be a whole number of at least 1, got {shown(n)}.")


def require_counts(layer, *names):
    """ValueError unless the layer's fields of these names are whole numbers of at least 1."""
    for name in names:
        require_count(type(layer).__name__, name, getattr(layer, name))


def require_flag(name, flag):
    """TypeError unless flag is True or False."""
    if not isinstance(flag, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(flag)}.")


class Affine(Layer):
    """A layer s = W p: subclasses say `shape`, `bias`, `use` and `input_vjp`."""

    def vjp(self, W, x, y, dy):
        """dW = sum_nt g p^T (O, I), and dx, from g = dy."""
        return self.use(W, x, y, dy).total(), self.input_vjp(W, x, y, dy)

    def pull(self, Ws, trace, dy, data=False):
        """The use (p, g) of W, and dx."""
        W, x, y = Ws[0], trace[0], trace[-1]
        return [self.use(W, x, y, dy)], None if data else self.input_vjp(W, x, y, dy)

    @property
    def fans(self):
        """(fan_in, fan_out): how many numbers enter a unit, and how many an input reaches."""
        outputs, width = self.shape
        return width - bool(self.bias), outputs

    def weight(self, W0):
        """W without its bias column, in PyTorch's shape."""
        return W0

    def parts(self, Ws):
        """weight and bias."""
        if not self.bias:
            return {"weight": self.weight(Ws[0])}
        return {"weight": self.weight(Ws[0][..., :-1]), "bias": Ws[0][..., -1]}


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
        require_counts(self, "inputs", "outputs")
        require_flag("bias", self.bias)

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

    def use(self, W, x, y, dy):
        """p and g = dy; the axes of x between the first and the last are places."""
        rank = y.ndim + 1 - W.ndim
        return Use(places(x, rank), places(dy, rank), self.bias)

    def input_vjp(self, W, x, y, dy):
        """dx = W0^T g."""
        return dy @ beside(W, y.ndim)[..., :self.inputs]
