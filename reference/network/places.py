"""Which places a window sees: small integer tables, one per axis, and one index for the example.

A patch is a list of places.  Along each axis a table (T, k) says which coordinate of the input the
offset k of the window meets at the output position t, or -1 outside the input.  Axes combine to a
table of the places of the whole example, and convolution, pooling and padding are gathers with it.

The adjoint of a gather is a gather, too: `inverse` lists for each input place where it is met.
"""

from math import prod

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole


# ---- one axis ----

def window(size, kernel, stride=1, before=0, after=0, dilation=1, ceil=False):
    """Coordinates t stride - before + k dilation, T = 1 + (size + pads - reach)/stride of them.

    A window reaches over dilation (k - 1) + 1 places.  The division rounds down, or up with `ceil`,
    if that window does not begin behind the input: it may be the only one.
    """
    room = size + before + after - dilation * (kernel - 1) - 1
    T = room // stride + 1
    if ceil and room % stride and T * stride < size + before:
        T += 1
    if T < 1:
        raise ValueError(f"a window of {dilation * (kernel - 1) + 1} places (dilation included) is "
                         f"larger than the {size + before + after} of an axis, padding included.")
    return _inside(stride * np.arange(T)[:, None] - before + dilation * np.arange(kernel), size)


def fractional(size, kernel, stride=1, padding=0, dilation=1, extra=0):
    """Coordinates (t + padding - k dilation)/stride, where whole: the adjoint of `window`."""
    T = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
    if T < 1:
        raise ValueError(f"an axis of {size} places would have {T} outputs: the padding {padding} "
                         "takes more than there is.")
    u = np.arange(T)[:, None] + padding - dilation * np.arange(kernel)
    return _inside(np.where(u % stride, -1, u // stride), size)


def adaptive(size, T):
    """Coordinates floor(t size/T), ..., ceil((t + 1) size/T) - 1, the windows filled up with -1."""
    t = np.arange(T)
    start, end = t * size // T, -(-(t + 1) * size // T)
    u = start[:, None] + np.arange((end - start).max())
    return np.where(u < end[:, None], u, -1)


def _inside(u, size):
    return np.where((u >= 0) & (u < size), u, -1)


# ---- all axes ----

def combined(tables, sizes):
    """Tables (T_a, k_a) of all axes -> (T, K), row-major in both; -1 if outside along any axis."""
    joined = np.zeros((1, 1), int)
    for table, size in zip(tables, sizes):
        u = np.where(np.minimum(joined[:, None, :, None], table[:, None]) < 0, -1,
                     joined[:, None, :, None] * size + table[:, None])
        joined = u.reshape(len(joined) * len(table), -1)
    return joined


def of_channels(places, channels, size):
    """(T, K) -> (channels, T, K): the same in each channel of `size` places; -1 stays."""
    return np.where(places < 0, -1, places + size * np.arange(channels)[:, None, None])


def inverse(index, size):
    """(m, size): the places in the flattened index where 0, ..., size - 1 occur, and -1 after."""
    flat = index.reshape(-1)
    order = np.argsort(flat, kind="stable")
    order = order[(flat[order] >= 0) & (flat[order] < size)]
    met = flat[order]
    rank = np.arange(len(met)) - np.searchsorted(met, met)          # the how-manieth of its place
    table = np.full((max(1, 1 + rank.max(initial=0)), size), -1)
    table[rank, met] = order
    return table


def frozen(table, outside=None):
    """The table for keeping, read-only; -1 becomes `outside`."""
    table = np.ascontiguousarray(table if outside is None else np.where(table < 0, outside, table))
    table.flags.writeable = False
    return table


# ---- gathering ----

def gather(x, index):
    """(..., N, D) -> (..., N, *index.shape); the index D, if there, gives 0."""
    if index.size and index.max() == x.shape[-1]:
        x = F.concatenate([x, F.zeros_like(x[..., :1])])
    return F.take(x, index)


def gathered_sum(x, index):
    """The sum over m of the gathered (..., N, m, D)."""
    if len(index) == 1:
        return gather(x, index[0])
    return F.sum(gather(x, index), -2)


def flattened(x, rank):
    """(..., N, *example) with `rank` axes per example -> (..., N, D)."""
    shape = x.shape
    return F.reshape(x, shape[:-rank] + (prod(shape[-rank:]),))


# ---- options ----

def per_axis(name, value, axes, least):
    """One whole number of at least `least` for each axis, from one or a tuple; else ValueError."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes
    if len(values) != axes or not all(is_whole(v, least) for v in values):
        raise ValueError(f"{name} must be a whole number of at least {least}, or a tuple of {axes} "
                         f"of them, one per axis; got {value!r}.")
    return tuple(map(int, values))


def require_image(layer, shape, axes, channels=None):
    """ValueError unless an example is (C, *places), with as many channels as the layer needs."""
    wanted = "any" if channels is None else channels
    if len(shape) != axes + 1 or channels not in (None, shape[0]):
        raise ValueError(f"{layer} needs examples of shape (channels, {axes} axes of places) with "
                         f"{wanted} channels, got shape {tuple(shape)}.")


def planned(plan, layer, shape):
    """plan(layer, shape), its errors beginning with what does not fit."""
    try:
        return plan(layer, tuple(shape))
    except ValueError as error:
        raise ValueError(f"{layer} does not fit examples of shape {tuple(shape)}: "
                         f"{error}") from None
