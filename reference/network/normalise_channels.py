"""Normalisation of examples (C, *spatial): over groups of channels, or over the whole batch.

The derivative is that of normalise.py; what is said here is which axes share their statistics.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

from ..arrays import functions as F
from ..arrays.checks import require_finite, require_float, require_shape
from .affine import require_counts
from .layer import Holding
from .normalise import Normalisation, inverse_root, standardised, standardised_vjp


class _Channels(Normalisation):
    """Examples are (C, *spatial), with exactly `spatial` axes behind the channels."""

    advice = ": pass spatial=2 for images, 1 for sequences (C, L), 0 for channels alone"

    def fits(self, shape):
        """Whether the example is channels and then spatial axes."""
        return len(shape) == 1 + self.spatial and shape[:1] == self.sizes


@dataclass(frozen=True)
class GroupNorm(_Channels):
    """As LayerNorm, over C/G channels and all of space of x (N, C, *spatial) [WH18].

    Gain and offset are per channel, not per entry.

    Parameters
    ----------
    groups, channels : int
        G and C, a multiple of G.
    eps : float
    affine, bias : bool
        Whether there is a gain, and beside it an offset.
    spatial : int
        Number of axes behind the channels: 2 for images.  PyTorch reads it off x, which here may
        have leading axes, too.
    """

    groups: int
    channels: int
    eps: float = 1e-5
    affine: bool = True
    bias: bool = True
    spatial: int = 2

    def __post_init__(self):
        require_counts(self, "groups", "channels")
        self.check()
        if self.channels % self.groups:
            raise ValueError(f"{self.channels} channels do not make {self.groups} groups of equal "
                             "size; choose a divisor.")

    @property
    def sizes(self):
        """The channels."""
        return (self.channels,)

    def together(self, shape):
        """Those of a group."""
        return prod(shape) // self.groups

    def normalise(self, x):
        """x_hat, and r (..., N, G, 1), by the statistics of each group."""
        x_hat, r = standardised(self._grouped(x), (-1,), self.eps)
        return F.reshape(x_hat, x.shape), r

    def input_vjp(self, x_hat, r, g):
        """Through x and both statistics of each group."""
        dx = standardised_vjp(self._grouped(x_hat), r, self._grouped(g), (-1,))
        return F.reshape(dx, dx.shape[:-2] + x_hat.shape[x_hat.ndim - 1 - self.spatial:])

    def _grouped(self, a):
        """(..., N, C, *spatial) -> (..., N, G, C/G times space)."""
        split = a.ndim - 1 - self.spatial
        size = prod(a.shape[split:]) // self.groups
        return F.reshape(a, a.shape[:split] + (self.groups, size))


def InstanceNorm(channels, eps=1e-5, affine=False, bias=True, spatial=2):
    """GroupNorm of one channel each, as torch.nn.InstanceNorm2d without running statistics."""
    return GroupNorm(channels, channels, eps, affine, bias, spatial)


@dataclass(frozen=True, eq=False, repr=False)
class BatchNorm(Holding, _Channels):
    """y = gain (x - m)/sqrt(v + eps) + offset, channel by channel, of x (N, C, *spatial) [IS15].

    Without `mean` and `variance` this is the layer in training: m and v are those of the batch,
    over examples and space, v with 1/n.  Then the loss of one example depends on all of them: L,
    its gradient, H v, J v and Gauss-Newton products are exact for the batch as a whole, but
    there are no per-example gradients and no Kronecker factors, and a part of the data,
    `objective.batch(index)`, has statistics of its own and is another function.

    With them it is the layer in evaluation, and examples are independent.

    Parameters
    ----------
    features : int
        Number C of channels.
    eps : float
    affine : bool
    mean, variance : float arrays (C,), optional
        PyTorch's running_mean and running_var: constants, in the precision of x.
    bias : bool
        Whether there is an offset beside the gain.
    spatial : int
        Number of axes behind the channels: 0 or 1 for BatchNorm1d, 2 for BatchNorm2d.

    Notes
    -----
    Absent: momentum, and the update of running statistics, which no derivative sees.
    """

    arrays = "mean", "variance"

    features: int
    eps: float = 1e-5
    affine: bool = True
    mean: Any = None
    variance: Any = None
    bias: bool = True
    spatial: int = 0

    def __post_init__(self):
        require_counts(self, "features")
        self.check()
        if (self.mean is None) != (self.variance is None):
            raise ValueError("mean and variance go together: both for evaluation by running "
                             "statistics, neither for training by those of the batch.")
        if self.mean is not None:
            self._require_statistic("mean", self.mean)
            self._require_statistic("variance", self.variance)
            if not (self.variance + self.eps > 0).all():
                raise ValueError(f"variance + eps must be positive; the smallest variance is "
                                 f"{self.variance.min()}, eps is {self.eps}.")
        self.hold()

    def _require_statistic(self, name, a):
        require_float(name, a, "f")
        require_shape(name, a.shape, self.sizes, str(self))
        require_finite(name, a)

    @property
    def couples(self):
        """In training, when the statistics are the batch's."""
        return self.mean is None

    @property
    def sizes(self):
        """The channels."""
        return (self.features,)

    @property
    def axes(self):
        """Examples and space, counted from the end."""
        return (-2 - self.spatial, *range(-self.spatial, 0))

    def normalise(self, x):
        """x_hat, and r per channel."""
        if self.mean is not None:
            r = inverse_root(self._constant(self.variance, x), self.eps)
            return (x - self._constant(self.mean, x)) * r, r
        return standardised(x, self.axes, self.eps)

    def input_vjp(self, x_hat, r, g):
        """Through x, and in training through both statistics."""
        return standardised_vjp(x_hat, r, g, self.axes) if self.couples else r * g

    def _constant(self, a, x):
        """a (C,) beside x, in its numbers and its precision."""
        return F.fitted(a.reshape(self.sizes + (1,) * self.spatial), x)
