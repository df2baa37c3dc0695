"""Averages over windows, and padding: layers without weights, linear in x.

They gather with one index (k, C T): what the window at place t of channel c has at offset k, as a
place in (x, 0).
"""

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole
from .affine import require_flag
from .layer import Layer
from .places import (adaptive, combined, flattened, frozen, gathered_sum, inverse, of_channels,
                     per_axis, planned, require_image, window)


@dataclass(frozen=True, eq=False)
class Plan:
    """index (k, C T) into (x, 0), back (m, D) into (dy, 0), divisors, shape of an output."""

    index: Any
    back: Any
    divisor: Any
    output: tuple


@cache
def plan(layer, shape):
    """The Plan of a layer for examples (C, *places)."""
    C, sizes = shape[0], shape[1:]
    tables = layer.tables(sizes)
    places = of_channels(combined(tables, sizes), C, prod(sizes))          # (C, T, k)
    index = places.reshape(-1, places.shape[-1]).T
    outputs = index.shape[1]
    back = inverse(index, prod(shape))
    back = np.where(back < 0, outputs, back % outputs)                     # dy at any offset
    divisor = np.tile(layer.divisors(sizes, tables).reshape(-1), C)
    return Plan(frozen(index, prod(shape)), frozen(back), frozen(divisor),
                (C,) + tuple(map(len, tables)))


class Windows(Layer):
    """y_t = (1/n_t) sum of x over the window of t; layers say `tables(sizes)` and `divisors`."""

    linear = True

    def output_shape(self, shape):
        """(C, *places)."""
        require_image(self, shape, self.axes)
        return planned(plan, self, shape).output

    def divisors(self, sizes, tables):
        """n (T_1, T_2, ...): how many places of a window lie inside."""
        return _products([(table >= 0).sum(1) for table in tables])

    def _plan(self, x):
        return plan(self, tuple(x.shape[-1 - self.axes:]))

    def forward(self, W, x):
        """The sums, divided."""
        own = self._plan(x)
        y = _divided(gathered_sum(flattened(x, self.axes + 1), own.index), own.divisor)
        return F.reshape(y, y.shape[:-1] + own.output)

    def vjp(self, W, x, y, dy):
        """No weights, and dx: each place sums dy/n over the windows that it lies in."""
        own = self._plan(x)
        dx = gathered_sum(_divided(flattened(dy, self.axes + 1), own.divisor), own.back)
        return None, F.reshape(dx, dx.shape[:-1] + x.shape[-1 - self.axes:])


def _products(counts):
    """Counts (T_a,) along each axis -> their products (T_1, T_2, ...)."""
    n = np.ones((), int)
    for count in counts:
        n = n[..., None] * count
    return n


def _divided(x, divisor):
    """x/divisor, an exact division by whole numbers."""
    if (divisor == divisor[0]).all():
        return x if divisor[0] == 1 else x / int(divisor[0])
    return x / F.fitted(divisor, x)


# ---- options of pools ----

def normalise_window(layer):
    """Kernel, stride and padding as one number per axis, and checked."""
    kernel = per_axis("kernel_size", layer.kernel_size, layer.axes, 1)
    stride = layer.kernel_size if layer.stride is None else layer.stride
    padding = per_axis("padding", layer.padding, layer.axes, 0)
    require_flag("ceil_mode", layer.ceil_mode)
    if any(2 * p > k for p, k in zip(padding, kernel)):
        raise ValueError(f"padding {padding} must be at most half of the kernel {kernel}.")
    for name, value in (("kernel_size", kernel), ("padding", padding),
                        ("stride", per_axis("stride", stride, layer.axes, 1))):
        object.__setattr__(layer, name, value)


def pool_windows(layer, sizes, dilation):
    """The tables of a pool, one per axis."""
    options = zip(sizes, layer.kernel_size, layer.stride, layer.padding, dilation)
    return [window(size, k, s, p, p, d, layer.ceil_mode) for size, k, s, p, d in options]


# ---- averages ----

@dataclass(frozen=True)
class _AvgPool(Windows):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self):
        normalise_window(self)
        require_flag("count_include_pad", self.count_include_pad)

    def tables(self, sizes):
        """Windows along each axis."""
        return pool_windows(self, sizes, (1,) * self.axes)

    def divisors(self, sizes, tables):
        """Places inside; or inside the padded input, which windows leave with ceil_mode alone."""
        if not self.count_include_pad:
            return super().divisors(sizes, tables)
        padded = [_windows_of_one(size + 2 * p, k, s, len(table)) for size, p, k, s, table in
                  zip(sizes, self.padding, self.kernel_size, self.stride, tables)]
        return _products(padded)


def _windows_of_one(size, k, s, T):
    """How many of size places the windows at 0, s, 2 s, ... have, T of them."""
    return np.minimum(k, size - s * np.arange(T))


class AvgPool1d(_AvgPool):
    """y = means over windows of a sequence: x (N, C, L) -> y (N, C, T).

    Parameters
    ----------
    kernel_size : int or tuple
    stride : int or tuple, optional
        The kernel size if omitted: windows side by side.
    padding : int or tuple
        With zeros on both sides; at most half the kernel.
    ceil_mode : bool
        Whether a last window that is not full counts.
    count_include_pad : bool
        Whether the divisor counts the zeros of the padding.

    Notes
    -----
    As torch.nn.AvgPool1d.
    """

    axes = 1


class AvgPool2d(_AvgPool):
    """y = means over windows of an image: x (N, C, H, V) -> y (N, C, T_H, T_V).

    Options as AvgPool1d; as torch.nn.AvgPool2d, whose divisor_override is absent.
    """

    axes = 2


@dataclass(frozen=True)
class _AdaptiveAvgPool(Windows):
    output_size: Any

    def __post_init__(self):
        size = self.output_size
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * self.axes
        if len(sizes) != self.axes or not all(
                T is None or is_whole(T, 1) for T in sizes):
            raise ValueError(f"output_size must be a whole number of at least 1 or None, or a "
                             f"tuple of {self.axes}; got {size!r}.")
        object.__setattr__(self, "output_size", sizes)

    def tables(self, sizes):
        """Windows of nearly equal length; None keeps an axis."""
        return [adaptive(size, T or size) for size, T in zip(sizes, self.output_size)]


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """y_t = mean of x over floor(t L/T), ..., ceil((t+1) L/T) - 1: x (N, C, L) -> y (N, C, T).

    Parameters
    ----------
    output_size : int, None or tuple
        T; None keeps L, and 1 is the global average.
    """

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The same along both axes of images (N, C, H, V); AdaptiveAvgPool2d(1) averages globally.

    Parameters
    ----------
    output_size : int, None or tuple
        (T_H, T_V), or one number for both; None keeps an axis.
    """

    axes = 2
