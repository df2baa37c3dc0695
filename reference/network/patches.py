"""Layers s = W p whose patches p are lists of places: what convolutions share.

All of such a layer is in its index (J, I, T): entry i of the patch at place t, for group j of the
channels, as a place in (x, 0, 1), the flattened example with a 0 for what is outside and a 1 for
the bias.  A transposed convolution has another index and nothing else.

Arrays are multiplied as (I, T N), the examples last: gathers then copy whole rows, and one matrix
product does all examples and places.
"""

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from .affine import Affine, require_counts, require_flag
from .layer import Trace
from .places import (combined, flattened, frozen, of_channels, per_axis, planned,
                     require_image)


@dataclass(frozen=True, eq=False)
class Patches:
    """s_j = W_j p_j for J groups of the rows of W: p (..., J, I, T N), g (..., J, O/J, T N).

    N : how many examples there are; they run fastest.
    """

    p: Any
    g: Any
    N: int

    def total(self):
        """dW = sum_nt g p^T (..., O, I)."""
        return _rows(self.g @ F.transpose(self.p))

    def each(self):
        """sum_t g p^T (..., N, O, I), one matrix per example."""
        products = self._by_example(self.g) @ F.transpose(self._by_example(self.p))
        return _rows(F.swapaxes(products, -4, -3))

    def pairs(self):
        """One pair p (..., N, T, I), g (..., N, T, O/J) per group."""
        both = [F.transpose(self._by_example(a)) for a in (self.p, self.g)]
        return [tuple(a[..., j, :, :, :] for a in both) for j in range(self.p.shape[-3])]

    def _by_example(self, a):
        """(..., J, A, T N) -> (..., J, N, A, T)."""
        a = F.reshape(a, a.shape[:-1] + (a.shape[-1] // self.N, self.N))
        return F.swapaxes(F.transpose(a), -3, -2)


def _rows(blocks):
    """(..., J, O/J, I) -> (..., O, I)."""
    shape = blocks.shape
    return F.reshape(blocks, shape[:-3] + (shape[-3] * shape[-2], shape[-1]))


# ---- tables ----

@dataclass(frozen=True, eq=False)
class Plan:
    """Of a layer on examples of one shape: index (J I T,) into (x, 0, 1), shape of an output."""

    index: Any
    output: tuple


@cache
def plan(layer, shape):
    """The Plan of a layer for examples (C, *places)."""
    C, sizes, J = shape[0], shape[1:], layer.groups
    D, tables = prod(shape), layer.tables(sizes)
    places = of_channels(combined(tables, sizes), C, prod(sizes))          # (C, T, K)
    T, K = places.shape[1:]
    weights = places.swapaxes(1, 2).reshape(J, C // J * K, T)
    slots = [weights] + [np.full((J, 1, T), D + 1)] * layer.bias
    index = frozen(np.concatenate(slots, axis=1), D)
    return Plan(index.reshape(-1), (layer.outputs,) + tuple(map(len, tables)))


# ---- the layer ----

class Convolution(Affine):
    """A layer of patches: subclasses say their fields, `axes` and `tables(sizes)`."""

    def __post_init__(self):
        require_counts(self, "inputs", "outputs", "groups")
        require_flag("bias", self.bias)
        for name in ("kernel_size", "stride", "dilation"):
            self._normalise(name, 1)
        if self.inputs % self.groups or self.outputs % self.groups:
            raise ValueError(f"groups={self.groups} must divide both the {self.inputs} inputs and "
                             f"the {self.outputs} outputs.")

    def _normalise(self, name, least):
        """One number per axis in place of what was given."""
        value = per_axis(name, getattr(self, name), self.axes, least)
        object.__setattr__(self, name, value)

    @property
    def shape(self):
        """(O, I): I = C/groups times the kernel's places, and 1 for the bias."""
        return self.outputs, self.inputs // self.groups * prod(self.kernel_size) + self.bias

    def output_shape(self, shape):
        """(O, *places)."""
        require_image(self, shape, self.axes, self.inputs)
        return planned(plan, self, shape).output

    def _plan(self, x):
        return plan(self, tuple(x.shape[-1 - self.axes:]))

    def _grouped(self, a, *last):
        """a (..., O, ?) or (..., O ?, N) as (..., J, O/J, *last)."""
        J = self.groups
        return F.reshape(a, a.shape[:-2] + (J, self.outputs // J) + last)

    # ---- forward ----

    def patches(self, x):
        """p (..., J, I, T N)."""
        x, index, N = flattened(x, self.axes + 1), self._plan(x).index, x.shape[-2 - self.axes]
        one = F.ones_like(x[..., :1])
        p = F.transpose(F.take(F.concatenate([x, F.zeros_like(one), one]), index))
        I = self.shape[1]
        return F.reshape(p, p.shape[:-2] + (self.groups, I, index.size // (self.groups * I) * N))

    def forward(self, W, x):
        """s = W p (..., N, O, *places)."""
        return self.trace([W], x)[-1]

    def trace(self, Ws, x):
        """[x, s], and the patches."""
        W, p, N = Ws[0], self.patches(x), x.shape[-2 - self.axes]
        s = self._grouped(W, W.shape[-1]) @ p                              # (..., J, O/J, T N)
        s = F.transpose(F.reshape(s, s.shape[:-3] + (prod(s.shape[-3:]) // N, N)))
        return Trace([x, F.reshape(s, s.shape[:-1] + self._plan(x).output)], p)

    # ---- backward ----

    def pull(self, Ws, trace, dy, data=False):
        """The use (p, g) of W, and dx."""
        use = self._use(trace.kept, dy)
        return [use], None if data else self._input_cotangent(Ws[0], trace[0], use.g)

    def use(self, W, x, y, dy):
        """p and g = dy."""
        return self._use(self.patches(x), dy)

    def input_vjp(self, W, x, y, dy):
        """dx: the patches' cotangents W^T g, summed at each place."""
        return self._input_cotangent(W, x, self._use(None, dy).g)

    def _use(self, p, dy):
        dy = F.transpose(flattened(dy, self.axes + 1))                     # (..., O T, N)
        N = dy.shape[-1]
        return Patches(p, self._grouped(dy, dy.shape[-2] // self.outputs * N), N)

    def _input_cotangent(self, W, x, g):
        example, N = x.shape[-1 - self.axes:], x.shape[-2 - self.axes]
        dp = F.transpose(self._grouped(W, W.shape[-1])) @ g                # (..., J, I, T N)
        dp = F.transpose(F.reshape(dp, dp.shape[:-3] + (prod(dp.shape[-3:]) // N, N)))
        dx = F.scatter(dp, self._plan(x).index, prod(example) + 2)[..., :-2]
        return F.reshape(dx, dx.shape[:-1] + example)

    # ---- as PyTorch has it ----

    def weight(self, W0):
        """(O, C/groups, *kernel)."""
        return F.reshape(W0, W0.shape[:-1] + (self.inputs // self.groups,) + self.kernel_size)

    @property
    def fans(self):
        """(fan_in, fan_out), the kernel's places counted: C/groups and O of them, as PyTorch."""
        K = prod(self.kernel_size)
        return self.inputs // self.groups * K, self.outputs * K
