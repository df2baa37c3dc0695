"""The largest entries of windows: which ones they are is a kink, decided by `argmax`."""

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.namespace import library
from ..arrays.transfer import alongside
from .layer import Layer, Trace
from .places import (combined, flattened, frozen, gather, of_channels, per_axis, planned,
                     require_image)
from .pooling import normalise_window, pool_windows


@cache
def _candidates(layer, shape):
    """((C T, k) of places in (x, 0), which of them are outside or None, shape of an output)."""
    C, sizes = shape[0], shape[1:]
    tables = layer.tables(sizes)
    if not all((table >= 0).any(1).all() for table in tables):
        raise ValueError("a window has nothing but padding, and no maximum.")
    places = of_channels(combined(tables, sizes), C, prod(sizes))
    places = places.reshape(-1, places.shape[-1])
    outside = frozen(places < 0) if (places < 0).any() else None
    return frozen(places, prod(shape)), outside, (C,) + tuple(map(len, tables))


@dataclass(frozen=True)
class _MaxPool(Layer):
    linear = True                      # where the winners are decided

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    ceil_mode: bool = False

    def __post_init__(self):
        normalise_window(self)
        object.__setattr__(self, "dilation", per_axis("dilation", self.dilation, self.axes, 1))

    def tables(self, sizes):
        """Windows along each axis."""
        return pool_windows(self, sizes, self.dilation)

    def _of(self, x):
        return _candidates(self, tuple(x.shape[-1 - self.axes:]))

    def output_shape(self, shape):
        """(C, *places)."""
        require_image(self, shape, self.axes)
        return planned(_candidates, self, shape)[-1]

    def winners(self, x):
        """For x (..., N, D), the place of the first largest entry of each window (..., C T, N)."""
        places, outside, _ = self._of(x)
        seen = F.swapaxes(gather(flattened(x, self.axes + 1), places), -3, -2)     # (.., CT, N, k)
        if outside is not None:
            seen = F.where(outside[:, None], -np.inf, seen)
        best = F.argmax(seen)
        return alongside(places, best)[library(best).arange(len(places))[:, None], best]

    def forward(self, W, x):
        """The largest entries."""
        return self.trace([], x)[-1]

    def trace(self, Ws, x):
        """[x, y], and the winners."""
        winners, example = self.winners(x), x.shape[-1 - self.axes:]
        entries = F.reshape(F.transpose(flattened(x, self.axes + 1)), (prod(x.shape),))
        y = F.transpose(F.take(entries, _spread(winners, prod(example))))
        return Trace([x, F.reshape(y, y.shape[:-1] + self._of(x)[-1])], winners)

    def pull(self, Ws, trace, dy, data=False):
        """No uses, and dx: dy at the winners."""
        return [], self._back(trace[0], trace.kept, dy)

    def vjp(self, W, x, y, dy):
        """No weights, and dx."""
        return None, self._back(x, self.winners(x), dy)

    def _back(self, x, winners, dy):
        dy, example = F.transpose(flattened(dy, self.axes + 1)), x.shape[-1 - self.axes:]
        D, (*lead, _, N) = prod(example), dy.shape
        winners = np.broadcast_to(winners, dy.shape[dy.ndim - winners.ndim:])
        dx = F.scatter(dy, _spread(winners, D), D * N * prod(winners.shape[:-2]))
        dx = F.transpose(F.reshape(dx, (*lead, D, N)))
        return F.reshape(dx, dx.shape[:-1] + example)


def _spread(places, D):
    """Places (..., T, N) of N examples of D entries, as places in the flattened (..., D, N)."""
    N = places.shape[-1]
    arange = library(places).arange
    starts = D * N * arange(prod(places.shape[:-2]))
    return N * places + arange(N) + starts.reshape(places.shape[:-2] + (1, 1))


class MaxPool1d(_MaxPool):
    """y = the largest entries of windows of a sequence: x (N, C, L) -> y (N, C, T).

    Parameters
    ----------
    kernel_size : int or tuple
    stride : int or tuple, optional
        The kernel size if omitted: windows side by side.
    padding : int or tuple
        With what is never the largest; at most half the kernel.
    dilation : int or tuple
    ceil_mode : bool
        Whether a last window that is not full counts.

    Notes
    -----
    As torch.nn.MaxPool1d; the gradient at a tie goes to the first of the largest.
    """

    axes = 1


class MaxPool2d(_MaxPool):
    """y = the largest entries of windows of an image: x (N, C, H, V) -> y (N, C, T_H, T_V).

    Options as MaxPool1d; as torch.nn.MaxPool2d.
    """

    axes = 2
