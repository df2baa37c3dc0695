"""Convolutions s = W p: a patch p lists what a kernel covers, and W = (W0 b) meets it everywhere.

The whole of a convolution is in its index (J, I, T): entry i of the patch at place t, for group j
of the channels, as a place in (x, 0, 1), the flattened example with a 0 for what is outside and a
1 for the bias.  A transposed convolution has another index and nothing else.

Arrays are multiplied as (I, T N) with the examples last: gathers then copy whole rows, and one
matrix product does all examples and places.
"""

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from .affine import Affine, require_counts, require_flag
from .layer import Trace
from .places import (combined, flattened, fractional, frozen, gathered_sum, inverse, of_channels,
                     per_axis, require_image, window)


# ---- examples last ----

def last(a):
    """(..., N, A, B) -> (..., A, B, N)."""
    return F.swapaxes(F.swapaxes(a, -3, -2), -2, -1)


def first(a):
    """(..., A, B, N) -> (..., N, A, B)."""
    return F.swapaxes(F.swapaxes(a, -2, -1), -3, -2)


def columns(a):
    """(..., T, N) -> (..., T N)."""
    shape = a.shape
    return F.reshape(a, shape[:-2] + (shape[-2] * shape[-1],))


@dataclass(frozen=True, eq=False)
class Patches:
    """s_j = W_j p_j for J groups of the rows of W: p (..., J, I, T, N), g (..., J, O/J, T, N)."""

    p: Any
    g: Any

    def total(self):
        """dW = sum_nt g p^T (..., O, I)."""
        return _rows(columns(self.g) @ F.transpose(columns(self.p)))

    def each(self):
        """sum_t g p^T (..., N, O, I), one matrix per example."""
        p, g = (F.swapaxes(first(a), -4, -3) for a in (self.p, self.g))   # (..., N, J, ., T)
        return _rows(g @ F.transpose(p))

    def pairs(self):
        """One pair p (..., N, T, I), g (..., N, T, O/J) per group."""
        return [tuple(F.transpose(first(a[..., j, :, :, :])) for a in (self.p, self.g))
                for j in range(self.p.shape[-4])]


def _rows(blocks):
    """(..., J, O/J, I) -> (..., O, I)."""
    shape = blocks.shape
    return F.reshape(blocks, shape[:-3] + (shape[-3] * shape[-2], shape[-1]))


# ---- the layers ----

@dataclass(frozen=True, eq=False)
class Plan:
    """Of a layer on examples of one shape: index (J, I, T), back (m, D), shape of an output."""

    index: Any
    back: Any
    output: tuple


@cache
def plan(layer, shape):
    """The Plan of a convolution for examples (C, *places)."""
    C, sizes = shape[0], shape[1:]
    D, J = prod(shape), layer.groups
    tables = layer.tables(sizes)
    places = of_channels(combined(tables, sizes), C, prod(sizes))          # (C, T, K)
    T, K = places.shape[1:]
    weights = places.swapaxes(1, 2).reshape(J, C // J * K, T)
    inside = np.broadcast_to(frozen(weights, D), weights.shape)
    index = np.concatenate([inside] + [np.full((J, 1, T), D + 1)] * layer.bias, axis=1)
    # The cotangent of a patch gets a last row of zeros, which is where what is met nowhere points.
    rows = np.concatenate([weights, np.full((J, 1, T), -1)], axis=1)
    back = inverse(rows, D)
    return Plan(frozen(index), frozen(back, rows.size - 1),
                (layer.outputs,) + tuple(map(len, tables)))


class Convolution(Affine):
    """What the layers share; they say `tables(sizes)`, one per axis."""

    def __post_init__(self):
        require_counts(self, self.inputs, self.outputs, self.groups)
        require_flag("bias", self.bias)
        for name, least in (("kernel_size", 1), ("stride", 1), ("dilation", 1)):
            self._normalise(name, least)
        if self.inputs % self.groups or self.outputs % self.groups:
            raise ValueError(f"groups={self.groups} must divide both the {self.inputs} inputs and "
                             f"the {self.outputs} outputs.")

    def _normalise(self, name, least):
        value = per_axis(name, getattr(self, name), self.axes, least)
        object.__setattr__(self, name, value)

    @property
    def shape(self):
        """(O, I): I = C/groups times the kernel's places, and 1 for the bias."""
        return self.outputs, self.inputs // self.groups * prod(self.kernel_size) + self.bias

    def output_shape(self, shape):
        """(O, *places)."""
        require_image(self, shape, self.axes, self.inputs)
        try:
            return plan(self, tuple(shape)).output
        except ValueError as error:
            raise ValueError(f"{self} does not fit examples of shape {tuple(shape)}: "
                             f"{error}") from None

    # ---- W p ----

    def _plan(self, x):
        return plan(self, tuple(x.shape[-1 - self.axes:]))

    def patches(self, x):
        """p (..., J, I, T, N)."""
        index = self._plan(x).index
        x = flattened(x, self.axes + 1)
        one = F.ones_like(x[..., :1])
        p = F.take(F.concatenate([x, F.zeros_like(one), one]), index.reshape(index.shape[0], -1))
        return F.reshape(last(p), x.shape[:-2] + index.shape + x.shape[-2:-1])

    def _blocks(self, W):
        """(..., O, I) -> (..., J, O/J, I)."""
        J = self.groups
        return F.reshape(W, W.shape[:-2] + (J, self.outputs // J, W.shape[-1]))

    def forward(self, W, x):
        """s = W p (..., N, O, *places)."""
        return self.trace([W], x)[-1]

    def trace(self, Ws, x):
        """[x, s], and the patches."""
        p = self.patches(x)
        s = self._blocks(Ws[0]) @ columns(p)                               # (..., J, O/J, T N)
        s = F.reshape(s, s.shape[:-3] + (self.outputs,) + p.shape[-2:])
        s = first(s)
        return Trace([x, F.reshape(s, s.shape[:-1] + self._plan(x).output[1:])], p)

    def pull(self, Ws, trace, dy, data=False):
        """The use (p, g) of W, and dx."""
        use = Patches(trace.kept, self._gradients(dy))
        return [use], None if data else self._input_cotangent(Ws[0], trace[0], use.g)

    def use(self, W, x, y, dy):
        """p and g = dy."""
        return Patches(self.patches(x), self._gradients(dy))

    def input_vjp(self, W, x, y, dy):
        """dx, where the patches' cotangents W0^T g meet."""
        return self._input_cotangent(W, x, self._gradients(dy))

    def _gradients(self, dy):
        """(..., N, O, *places) -> (..., J, O/J, T, N)."""
        lead, J = dy.shape[:-1 - self.axes], self.groups
        g = last(F.reshape(dy, lead + (self.outputs, prod(dy.shape[-self.axes:]))))
        return F.reshape(g, lead[:-1] + (J, self.outputs // J) + g.shape[-2:])

    def _input_cotangent(self, W, x, g):
        W0 = W[..., :-1] if self.bias else W
        W0 = self._blocks(F.concatenate([W0, F.zeros_like(W0[..., :1])]))
        dp = F.transpose(W0) @ columns(g)                                  # (..., J, I, T N)
        T, N = g.shape[-2:]
        dp = F.reshape(dp, dp.shape[:-3] + (dp.shape[-3] * dp.shape[-2] * T, N))
        dx = gathered_sum(F.transpose(dp), self._plan(x).back)
        return F.reshape(dx, dx.shape[:-1] + x.shape[-1 - self.axes:])

    # ---- as PyTorch has it ----

    def weight(self, W0):
        """(O, C/groups, *kernel)."""
        return F.reshape(W0, W0.shape[:-1] + (self.inputs // self.groups,) + self.kernel_size)

    @property
    def fans(self):
        """(fan_in, fan_out), the kernel's places counted: C/groups and O of them, as PyTorch."""
        K = prod(self.kernel_size)
        return self.inputs // self.groups * K, self.outputs * K


@dataclass(frozen=True)
class _Conv(Convolution):
    inputs: int
    outputs: int
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self):
        super().__post_init__()
        if self.padding == "valid":
            object.__setattr__(self, "padding", 0)
        if self.padding != "same":
            self._normalise("padding", 0)
        elif set(self.stride) != {1}:
            raise ValueError(f"padding='same' needs stride 1, got {self.stride}.")

    def tables(self, sizes):
        """Kernel windows along each axis."""
        return [window(size, k, s, *pads, d) for size, k, s, pads, d in
                zip(sizes, self.kernel_size, self.stride, self._pads(), self.dilation)]

    def _pads(self):
        """(before, after) along each axis; "same" puts the odd one after, as PyTorch."""
        if self.padding != "same":
            return [(p, p) for p in self.padding]
        totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
        return [(total // 2, total - total // 2) for total in totals]


class Conv1d(_Conv):
    """s = W p for windows of a sequence: x (N, C, L) -> s (N, O, T), a cross-correlation.

    Parameters
    ----------
    inputs, outputs : int
        C and O.
    kernel_size, stride, dilation : int or tuple
    padding : int, tuple, "same" or "valid"
        With zeros on both sides; "same" keeps the size and needs stride 1.
    groups : int
        Output channels in group j see the inputs in group j alone; C for a depthwise convolution.
    bias : bool

    Notes
    -----
    As torch.nn.Conv1d, whose padding modes other than zeros are absent.  W is (O, C/groups k + 1).
    """

    axes = 1


class Conv2d(_Conv):
    """s = W p for windows of an image: x (N, C, H, V) -> s (N, O, T_H, T_V); options as Conv1d.

    W is (O, C/groups kh kw + 1), in the order (c, i, j) of torch.nn.Conv2d and the bias last.
    """

    axes = 2


@dataclass(frozen=True)
class _ConvTranspose(Convolution):
    inputs: int
    outputs: int
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    groups: int = 1
    bias: bool = True
    dilation: Any = 1

    def __post_init__(self):
        super().__post_init__()
        self._normalise("padding", 0)
        self._normalise("output_padding", 0)
        if any(e >= max(s, d) for e, s, d in zip(self.output_padding, self.stride, self.dilation)):
            raise ValueError(f"output_padding {self.output_padding} must be smaller than the "
                             f"stride {self.stride} or the dilation {self.dilation}.")

    def tables(self, sizes):
        """What the kernel's adjoint meets along each axis."""
        options = zip(sizes, self.kernel_size, self.stride, self.padding, self.dilation,
                      self.output_padding)
        return [fractional(*each) for each in options]

    def weight(self, W0):
        """(C, O/groups, *kernel)."""
        J, O, C = self.groups, self.outputs // self.groups, self.inputs // self.groups
        lead = W0.shape[:-2]
        blocks = F.reshape(W0, lead + (J, O, C, prod(self.kernel_size)))
        return F.reshape(F.swapaxes(blocks, -3, -2), lead + (J * C, O) + self.kernel_size)

    @property
    def fans(self):
        """(fan_in, fan_out) as PyTorch counts them: O/groups and C of the kernel's places."""
        K = prod(self.kernel_size)
        return self.outputs // self.groups * K, self.inputs * K


class ConvTranspose1d(_ConvTranspose):
    """The adjoint of a strided Conv1d as a layer: x (N, C, L) -> s (N, O, T).

    T = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Parameters
    ----------
    inputs, outputs : int
        C and O.
    kernel_size, stride, padding, dilation : int or tuple
    output_padding : int or tuple
        Places added after; less than stride or dilation.
    groups : int
    bias : bool

    Notes
    -----
    As torch.nn.ConvTranspose1d.  W is (O, C/groups k + 1): place t of output o meets, for each
    channel and offset k, the input at (t + padding - k dilation)/stride if that is whole.
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of a strided Conv2d as a layer: x (N, C, H, V) -> s (N, O, T_H, T_V).

    Options as ConvTranspose1d, numbers or one per axis; as torch.nn.ConvTranspose2d.
    """

    axes = 2
