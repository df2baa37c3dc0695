"""Normalisation: x_hat of mean 0 and variance 1 over some axes, then a gain and an offset.

    m = mean x,   c = x - m,   v = mean c^2,   r = 1/sqrt(v + eps),   x_hat = c r
    y = gain x_hat + offset,                   W = (gain offset) of shape (D, 2), one row a feature

v is the biased variance, by two passes, and eps is inside the root.  Both statistics depend on x:
with g = gain dy, and the means over the same axes,

    dx = r (g - mean g - x_hat mean(g x_hat)).

What differs is the axes: an example's features (here), a group of its channels or one channel of
all examples (normalise_channels.py).

Traps for tests, where a wrong dx looks right: if gain is constant over the axes, as for BatchNorm
and without affine part, cotangents of all ones give dx = 0, and x_hat for cotangent nearly so.  Of
two numbers x_hat is +-1 whatever they are, up to eps, and dx nearly 0 for every cotangent.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_finite, is_whole
from .affine import require_count, require_flag
from .layer import Layer, Trace
from .uses import Scaling


def mean(x, axes):
    """The mean over `axes`, counted from the end, which stay as unit axes."""
    shape = tuple(1 if i - x.ndim in axes else size for i, size in enumerate(x.shape))
    return F.reshape(F.sum(x, axes), shape) / prod(x.shape[axis] for axis in axes)


def require_several(count):
    """ValueError if statistics are those of one number."""
    if count == 1:
        raise ValueError("the statistics of a single number make 0 of it, whatever it is; "
                         "normalise over more features, places or, for BatchNorm, examples.")


def inverse_root(v, eps):
    """r = 1/sqrt(v + eps); ValueError where that is 1/0."""
    s = v + eps
    if (F.primal(s) == 0).any():
        raise ValueError(f"what is to be normalised is constant, and eps={eps} does not keep "
                         "1/sqrt(variance + eps) finite; give a larger eps.")
    return 1 / F.sqrt(s)


def standardised(x, axes, eps):
    """x_hat = (x - m) r and r = 1/sqrt(v + eps)."""
    require_several(prod(x.shape[axis] for axis in axes))
    c = x - mean(x, axes)
    r = inverse_root(mean(c * c, axes), eps)
    return c * r, r


def standardised_vjp(x_hat, r, g, axes):
    """dx = r (g - mean g - x_hat mean(g x_hat)): through x, through m, and through v."""
    return r * (g - mean(g, axes) - x_hat * mean(g * x_hat, axes))


class Normalisation(Layer):
    """y = gain x_hat + offset; subclasses say what x_hat is, and where the features are.

    sizes : shape of the features; behind them come `spatial` axes, before them samples.
    normalise(x) -> (x_hat, r), and its transposed derivative input_vjp(x_hat, r, g) -> dx.
    fits(shape) : whether this is the shape of an example.
    together(shape) : how many numbers of an example have their statistics by themselves, or None.
    """

    spatial = 0
    bias = True
    advice = ""                       # what to do where an example does not fit

    @property
    def shape(self):
        """(D, 2), or (D, 1) without offset; None without affine part."""
        return (prod(self.sizes), 1 + self.bias) if self.affine else None

    def output_shape(self, shape):
        """The same; ValueError if the features are not where they should be."""
        if not self.fits(tuple(shape)):
            raise ValueError(f"{self} needs features {self.sizes} and then {self.spatial} spatial "
                             f"axes, got an example of shape {tuple(shape)}{self.advice}.")
        require_several(self.together(shape))
        return shape

    def together(self, shape):
        """None: a single number is no special case, or other examples count, too."""
        return None

    def trace(self, Ws, x):
        """[x, y], and x_hat and r."""
        x_hat, r = self.normalise(x)
        y = x_hat
        if Ws:
            y = x_hat * self._column(Ws[0], 0, x.ndim)
            y = y + self._column(Ws[0], 1, x.ndim) if self.bias else y
        return Trace([x, y], (x_hat, r))

    def pull(self, Ws, trace, dy, data=False):
        """The use of gain and offset, and dx."""
        (x_hat, r), uses, g = trace.kept, [], dy
        if Ws:
            rank = x_hat.ndim - (Ws[0].ndim - 2) - len(self.sizes) - self.spatial
            uses = [Scaling(self._rows(x_hat, rank), self._rows(dy, rank), self.bias)]
            g = dy * self._column(Ws[0], 0, x_hat.ndim)
        return uses, None if data else self.input_vjp(x_hat, r, g)

    def _column(self, W, i, ndim):
        """Column i of W beside arrays (..., n, t, ..., features, spatial) of `ndim` axes."""
        lead, own = W.shape[:-2], self.sizes + (1,) * self.spatial
        samples = (1,) * (ndim - len(lead) - len(own)) if lead else ()
        return F.reshape(W[..., i], lead + samples + own)

    def _rows(self, a, rank):
        """(..., n, t, ..., features, spatial) with `rank` axes n, t, ... -> (..., N, T, D)."""
        shape, D = a.shape, prod(self.sizes)
        start = a.ndim - rank - len(self.sizes) - self.spatial
        before = prod(shape[start + 1:start + rank])
        behind = prod(shape[a.ndim - self.spatial:])
        if behind > 1:
            a = F.transpose(F.reshape(a, shape[:start + 1] + (before, D, behind)))
        return F.reshape(a, shape[:start + 1] + (before * behind, D))

    def start(self, rng, scheme):
        """Gain 1 and offset 0, whatever the scheme."""
        return [np.eye(1, 1 + self.bias).repeat(prod(self.sizes), axis=0)] if self.affine else []

    def parts(self, Ws):
        """weight and bias, in the shape of the features."""
        names = ("weight", "bias")[:1 + self.bias] if Ws else ()
        return {name: F.reshape(Ws[0][..., i], Ws[0].shape[:-2] + self.sizes)
                for i, name in enumerate(names)}

    def check(self):
        """TypeError or ValueError for an eps, a switch or a number of axes that is none."""
        if isinstance(self.eps, np.generic) or not (is_finite(self.eps) and self.eps >= 0):
            raise ValueError(f"eps must be a Python float, finite and not negative, got "
                             f"{self.eps!r}.")
        require_flag("affine", self.affine)
        require_flag("bias", self.bias)
        if not is_whole(self.spatial, 0):
            raise ValueError(f"spatial, the number of axes behind the channels, must be a whole "
                             f"number, got {self.spatial!r}.")


# ---- features last ----

def _as_tuple(layer):
    """Features as a tuple of whole numbers; a number stands for one axis."""
    features = (layer.features,) if np.ndim(layer.features) == 0 else tuple(layer.features)
    if not features:
        raise ValueError(f"{layer} needs at least one axis of features.")
    for size in features:
        require_count(type(layer).__name__, "features", size)
    object.__setattr__(layer, "features", tuple(map(int, features)))


class _Trailing(Normalisation):
    """Features are the last axes; whatever is before them are places."""

    @property
    def sizes(self):
        """The features."""
        return self.features

    @property
    def axes(self):
        """The features', counted from the end."""
        return tuple(range(-len(self.features), 0))

    def fits(self, shape):
        """Whether the example ends with the features."""
        return shape[max(0, len(shape) - len(self.sizes)):] == self.sizes


@dataclass(frozen=True)
class LayerNorm(_Trailing):
    """y = gain (x - m)/sqrt(v + eps) + offset over the last axes of x (..., *features) [BKH16].

    Parameters
    ----------
    features : int or tuple of int
        Sizes of the last axes, D entries in all.
    eps : float
        May be 0; constant features are then refused, where PyTorch answers NaN.
    affine : bool
        Whether there are a gain and an offset: PyTorch's elementwise_affine.
    bias : bool
        Whether there is an offset beside the gain.
    """

    features: Any
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True

    def __post_init__(self):
        _as_tuple(self)
        self.check()

    def together(self, shape):
        """D."""
        return prod(self.features)

    def normalise(self, x):
        """x_hat and r, by the statistics of the features."""
        return standardised(x, self.axes, self.eps)

    def input_vjp(self, x_hat, r, g):
        """Through x and both statistics."""
        return standardised_vjp(x_hat, r, g, self.axes)


@dataclass(frozen=True)
class RMSNorm(_Trailing):
    """y = gain x/sqrt(mean x^2 + eps) over the last axes of x (..., *features) [ZS19].

    Parameters
    ----------
    features : int or tuple of int
    eps : float, optional
        2^-52 if omitted, in every precision, so that L stays one function.  PyTorch takes the
        machine epsilon of x: the same in float64; for its float32 write eps=2**-23.
    affine : bool
        Whether there is a gain: PyTorch's elementwise_affine.
    """

    features: Any
    eps: Any = None
    affine: bool = True

    bias = False

    def __post_init__(self):
        _as_tuple(self)
        if self.eps is None:
            object.__setattr__(self, "eps", 2.0 ** -52)
        self.check()

    def normalise(self, x):
        """x_hat = x r and r = 1/sqrt(mean x^2 + eps)."""
        r = inverse_root(mean(x * x, self.axes), self.eps)
        return x * r, r

    def input_vjp(self, x_hat, r, g):
        """dx = r (g - x_hat mean(g x_hat))."""
        return r * (g - x_hat * mean(g * x_hat, self.axes))
