"""Numbers of words become vectors, vectors learn where they stand, and words are scored again.

An embedding is the affine layer s = W p with p one-hot: its column W[:, index].  The one-hot p is
never formed, neither for the output nor for the gradient.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole, require_array
from ..arrays.namespace import library
from .affine import Affine, Dense, beside, require_counts
from .layer import Layer
from .uses import Lookup, Transposed, places


class Columns(Affine):
    """An affine layer without bias whose W (D, V) PyTorch stores as the rows of (V, D)."""

    bias = False

    def weight(self, W0):
        """W^T (V, D)."""
        return F.transpose(W0)

    def start(self, rng, scheme):
        """Standard normal numbers, as torch.nn.Embedding begins; no scheme of fans fits."""
        return [rng.standard_normal(self.shape)]


@dataclass(frozen=True)
class Embedding(Columns):
    """y = W[:, index]: integers (N,) or (N, T) in 0, ..., V - 1 -> (N, D) or (N, T, D); W (D, V).

    The first layer of a network: the data x of its Objective are the integers.

    Parameters
    ----------
    size, features : int
        V and D, in PyTorch's order.
    padding_idx : int, optional
        y = 0 at this index, whatever its column of W holds, so that the column has no gradient.
        The same as PyTorch's, which begins with zeros there and withholds the gradient; where its
        row has been made other than 0, its function is another, and its derivative not that of it.

    PyTorch's max_norm (which changes W as it is read), scale_grad_by_freq and sparse are absent.
    """

    size: int
    features: int
    padding_idx: Optional[int] = None

    indices = True

    def __post_init__(self):
        require_counts(self, "size", "features")
        if not (self.padding_idx is None
                or is_whole(self.padding_idx, 0) and self.padding_idx < self.size):
            raise ValueError(f"padding_idx must be None or one of 0, ..., {self.size - 1}, got "
                             f"{self.padding_idx!r}.")

    @property
    def shape(self):
        """(D, V)."""
        return self.features, self.size

    def output_shape(self, shape):
        """(T,) -> (T, D)."""
        return tuple(shape) + (self.features,)

    def require_input(self, x):
        """ValueError unless x holds integers in 0, ..., V - 1."""
        require_array("x", x)
        if x.dtype.kind not in "iu":
            raise ValueError(f"x holds {x.dtype}, and an embedding counts by integers; write "
                             "x.astype(int) if these are numbers of words.")
        wrong = (x < 0) | (x >= self.size)
        if wrong.any():
            first = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(f"x must be integers in 0..{self.size - 1}; x"
                             f"[{', '.join(map(str, first))}] = {x[first]} ({int(wrong.sum())} "
                             "entries are wrong).")

    def start(self, rng, scheme):
        """Standard normal numbers, and 0 at padding_idx."""
        kept = np.arange(self.size) != self.padding_idx          # None: all of them
        return [rng.standard_normal(self.shape) * kept]

    def forward(self, W, x):
        """The columns of W (..., D, V) at x (N, ...): (..., N, ..., D)."""
        columns = F.take(W, x.reshape(-1))
        y = F.reshape(F.transpose(columns), W.shape[:-2] + x.shape + (self.features,))
        return y if self.padding_idx is None else F.where(self._read(x), y, 0)

    def use(self, W, x, y, dy):
        """Which columns were read, and g = dy."""
        index = x.reshape(len(x), -1)
        if self.padding_idx is None:
            return Lookup(index, places(dy, x.ndim), self.size)
        g = F.where(self._read(x), dy, 0)
        return Lookup(index, places(g, x.ndim), self.size, index != self.padding_idx)

    def _read(self, x):
        return (x != self.padding_idx)[..., None]

    def input_vjp(self, W, x, y, dy):
        """None: integers have no derivative."""
        return None


@dataclass(frozen=True)
class LearnedPositions(Columns):
    """y_t = x_t + W[:, t]: x (N, T, D) of at most `length` places, W (D, length).

    Parameters
    ----------
    length, features : int
        The largest T, and D: the torch.nn.Embedding(length, D) of the places 0, ..., T - 1.
    """

    length: int
    features: int

    def __post_init__(self):
        require_counts(self, "length", "features")

    @property
    def shape(self):
        """(D, length)."""
        return self.features, self.length

    def output_shape(self, shape):
        """(T, D), if T <= length."""
        if len(shape) != 2 or shape[0] > self.length or shape[1] != self.features:
            raise ValueError(f"{self} needs shape (T, {self.features}) with T <= {self.length}, "
                             f"got {shape}.")
        return shape

    def forward(self, W, x):
        """x + W^T."""
        return x + beside(F.transpose(W)[..., :x.shape[-2], :], x.ndim)

    def use(self, W, x, y, dy):
        """The columns 0, ..., T - 1 in every example, and g = dy."""
        N, T = dy.shape[-3:-1]
        index = library(F.primal(dy)).zeros((N, 1), int) + F.arange(T, F.primal(dy))
        return Lookup(index, dy, self.length)

    def input_vjp(self, W, x, y, dy):
        """dx = dy."""
        return dy


@dataclass(frozen=True)
class SinusoidalPositions(Layer):
    """y_t = x_t + e_t with e_t,2i = sin(t/10000^(2i/D)), e_t,2i+1 = cos of it [Vas17, sec. 3.5].

    Parameters
    ----------
    features : int
        D, even.
    """

    features: int

    def __post_init__(self):
        require_counts(self, "features")
        if self.features % 2:
            raise ValueError(f"{self} needs an even number of features: pairs of sine and cosine.")

    def output_shape(self, shape):
        """(T, D)."""
        if len(shape) != 2 or shape[1] != self.features:
            raise ValueError(f"{self} needs shape (T, {self.features}), got {shape}.")
        return shape

    def forward(self, W, x):
        """x + e."""
        return x + self._table(x)

    def _table(self, x):
        """e (T, D), in the numbers of x."""
        T, D = x.shape[-2], self.features
        t, k = (F.fitted(F.arange(n, F.primal(x)), x) for n in (T, D // 2))
        angle = t[:, None] * F.exp(-2 * k / D * F.log(10000 * F.ones_like(k)))
        return F.reshape(F.stack([F.sin(angle), F.cos(angle)]), (T, D))

    def vjp(self, W, x, y, dy):
        """No weights, and dx = dy."""
        return None, dy


@dataclass(frozen=True)
class Unembedding(Columns):
    """y = W^T x: x (N, T, D) -> scores (N, T, V) with the matrix W (D, V) of an Embedding(V, D).

    For language models whose words have one vector each, read and scored by it: `Tied("E",
    Embedding(V, D)), ..., Tied("E", Unembedding(D, V))`.  torch.nn.Linear(D, V, bias=False) whose
    weight (V, D) is the embedding's.

    Parameters
    ----------
    features, size : int
        D and V.
    """

    features: int
    size: int

    def __post_init__(self):
        require_counts(self, "features", "size")

    @property
    def shape(self):
        """(D, V)."""
        return self.features, self.size

    def start(self, rng, scheme):
        """As a Dense layer's."""
        return [W.T for W in Dense(self.features, self.size, bias=False).start(rng, scheme)]

    def output_shape(self, shape):
        """(..., D) -> (..., V)."""
        if shape[-1:] != (self.features,):
            raise ValueError(f"{self} needs {self.features} input features, got shape {shape}.")
        return shape[:-1] + (self.size,)

    def forward(self, W, x):
        """x W, row by row."""
        return x @ beside(W, x.ndim)

    def use(self, W, x, y, dy):
        """W's rows meet x, its columns dy."""
        rank = y.ndim + 1 - W.ndim
        return Transposed(places(x, rank), places(dy, rank))

    def input_vjp(self, W, x, y, dy):
        """dx = W dy."""
        return dy @ F.transpose(beside(W, y.ndim))
