"""Zeros around the input, flattening and transposition."""

from dataclasses import dataclass
from math import inf, prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole
from .layer import Layer
from .places import flattened, window
from .pooling import Windows


@dataclass(frozen=True)
class _ZeroPad(Windows):
    padding: Any

    def __post_init__(self):
        pads, ends = self.padding, 2 * self.axes
        pads = tuple(pads) if isinstance(pads, (tuple, list)) else (pads,) * ends
        if len(pads) != ends or not all(is_whole(p, -inf) for p in pads):
            raise ValueError(f"padding must be a whole number or a tuple of {ends}, the last axis "
                             f"first, (before, after) each; got {self.padding!r}.")
        object.__setattr__(self, "padding", tuple(map(int, pads)))

    def tables(self, sizes):
        """Windows of one place, which begin outside."""
        pairs = zip(self.padding[::2], self.padding[1::2])
        return [_padded(size, *pads) for size, pads in zip(sizes[::-1], pairs)][::-1]

    def divisors(self, sizes, tables):
        """1: nothing is averaged."""
        return np.ones(prod(map(len, tables)), int)


def _padded(size, before, after):
    """The places of an axis, zeros before and after; a cut leaves something of what is there."""
    if max(-before, 0) + max(-after, 0) > size or size + before + after < 1:
        raise ValueError(f"padding ({before}, {after}) leaves nothing of an axis of {size}; cut "
                         "less.")
    return window(size, 1, 1, before, after)


class ZeroPad1d(_ZeroPad):
    """x (N, C, L) -> (N, C, before + L + after), zeros around x; negative numbers cut.

    Parameters
    ----------
    padding : int or (before, after)
    """

    axes = 1


class ZeroPad2d(_ZeroPad):
    """x (N, C, H, V) with zeros around; negative numbers cut.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
    """

    axes = 2


@dataclass(frozen=True)
class Flatten(Layer):
    """(..., A, B, C) -> (..., A B C), the last axis fastest.

    Parameters
    ----------
    start_dim : int
        Negative: -3 for images (C, H, V), -2 for sequences (C, L).

    Notes
    -----
    As torch.nn.Flatten(start_dim).  Its numbers from the front are absent, since several theta at
    once put axes there.
    """

    linear = True

    start_dim: int = -3

    def __post_init__(self):
        if not is_whole(self.start_dim, -inf) or self.start_dim >= 0:
            raise ValueError(f"start_dim counts from the end, -3 for images (C, H, V) and -2 for "
                             f"sequences (C, L); got {self.start_dim!r}.")

    def output_shape(self, shape):
        """The axes before start_dim, and one."""
        if len(shape) < -self.start_dim:
            raise ValueError(f"{self} needs examples of {-self.start_dim} axes or more, got shape "
                             f"{tuple(shape)}; write Flatten({-len(shape)}) to flatten these.")
        return tuple(shape[:self.start_dim]) + (prod(shape[self.start_dim:]),)

    def forward(self, W, x):
        """x in another shape."""
        return flattened(x, -self.start_dim)

    def vjp(self, W, x, y, dy):
        """No weights, and dy in x's shape."""
        return None, F.reshape(dy, dy.shape[:-1] + x.shape[self.start_dim:])


@dataclass(frozen=True)
class Transpose(Layer):
    """(..., A, B) -> (..., B, A): from a convolution's (C, L) to (T, D) of steps and features.

    PyTorch has no such module; there one writes x.transpose(-2, -1).
    """

    linear = True

    def output_shape(self, shape):
        """The last two axes exchanged."""
        if len(shape) < 2:
            raise ValueError(f"{self} needs examples of two axes or more, got shape {shape}.")
        return tuple(shape[:-2]) + (shape[-1], shape[-2])

    def forward(self, W, x):
        """x^T."""
        return F.transpose(x)

    def vjp(self, W, x, y, dy):
        """No weights, and dy^T."""
        return None, F.transpose(dy)
