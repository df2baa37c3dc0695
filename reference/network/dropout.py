"""Dropout with its mask drawn beforehand: a function like any other, differentiable at will."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_finite, require_array, require_generator
from .affine import require_flag
from .layer import Holding


@dataclass(frozen=True, eq=False, repr=False)
class Dropout(Holding):
    """y = x/(1 - p) where the mask holds, 0 elsewhere [SHK14].

    PyTorch's module draws a new mask on every call, and drops nothing in evaluation, where this
    layer is left out.  Its Dropout2d is a mask that is constant over each channel.

    Parameters
    ----------
    mask : bool array (N, ...), or (...) if shared
        True where x is kept; one entry for every entry of the batch x, or of one example.
    p : float
        Probability in [0, 1) with which entries were dropped.
    shared : bool
        Whether all examples have the same mask, which is then of one example's shape.
    """

    linear, arrays = True, ("mask",)

    mask: Any
    p: float = 0.5
    shared: bool = False

    def __post_init__(self):
        require_array("mask", self.mask)
        if self.mask.dtype != bool or self.mask.ndim == 0 or self.mask.size == 0:
            raise ValueError(f"the mask must hold True where x is kept and False elsewhere, got "
                             f"{self.mask.dtype} of shape {self.mask.shape}; write mask > 0.")
        _require_probability(self.p)
        require_flag("shared", self.shared)
        self.hold()

    def output_shape(self, shape):
        """The same; ValueError if the mask is of another."""
        own = self.mask.shape if self.shared else self.mask.shape[1:]
        if own != tuple(shape):
            raise ValueError(f"{self} masks examples of shape {own}, got {tuple(shape)}; draw a "
                             f"mask {'' if self.shared else '(N, ...) '}of that shape.")
        return shape

    def forward(self, W, x):
        """x/(1 - p) or 0; W is None."""
        if not self.shared and x.shape[-self.mask.ndim] != len(self.mask):
            raise ValueError(f"the mask is of {len(self.mask)} examples and the batch of "
                             f"{x.shape[-self.mask.ndim]}; cut both with objective.batch, or draw "
                             "a mask of that many.")
        return self._masked(x)

    def vjp(self, W, x, y, dy):
        """No weights, and dx = dy/(1 - p) or 0: the layer is linear and symmetric."""
        return None, self._masked(dy)

    def _masked(self, a):
        # 1 - p in the numbers of a: as a Python float it is rounded to 53 bits
        return F.where(self.mask, a / (1 - self.p * F.ones_like(a[..., :1])), 0)

    def batch(self, index):
        """This layer with the mask of the examples `index`."""
        return self if self.shared else Dropout(self.mask[index], self.p)


def _require_probability(p):
    if isinstance(p, np.generic) or not (is_finite(p) and 0 <= p < 1):
        raise ValueError(f"p must be a Python float in [0, 1), got {p!r}.")


def dropout(rng, shape, p=0.5, shared=False):
    """Dropout with a mask drawn from the generator rng: each entry is kept with probability 1 - p.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        (N, ...) of the batch x, or (...) of one example if shared.
    p : float
    shared : bool
    """
    require_generator(rng)
    _require_probability(p)
    return Dropout(rng.random(shape) >= p, p, shared)
