"""How a weight matrix was used: its patches p and its gradients g, at N examples and T places.

    dW = sum_nt g_nt p_nt^T

The gradient sums over n and t, per-example gradients over t alone, Kronecker factors keep p and g
apart: the few contractions of every layer are here and where they are asked for.  Leading axes of
p are those of theta (several parameter vectors), of g also those of the cotangents.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from ..arrays import functions as F


def places(array, rank):
    """(..., n, t_1, ..., D) with `rank` sample axes n, t_1, ... -> (..., N, T, D)."""
    lead = array.ndim - 1 - rank
    shape = array.shape
    return F.reshape(array, shape[:lead + 1] + (prod(shape[lead + 1:-1]), shape[-1]))


def with_one(x):
    """(x, 1): homogeneous coordinates."""
    return F.concatenate([x, F.ones_like(x[..., :1])])


def flat(array):
    """(..., N, T, D) -> (..., N T, D)."""
    shape = array.shape
    return F.reshape(array, shape[:-3] + (shape[-3] * shape[-2], shape[-1]))


@dataclass(frozen=True, eq=False)
class Use:
    """s = W p, p = (x, 1) with a bias, else x: x (..., N, T, I0) and g = dL/ds (..., N, T, O)."""

    x: Any
    g: Any
    bias: bool = False

    @cached_property
    def p(self):
        """The patches (..., N, T, I)."""
        return with_one(self.x) if self.bias else self.x

    def total(self):
        """dW = sum_nt g p^T (..., O, I): without copying x to put the 1 beside it."""
        g = flat(self.g)
        dW0 = F.transpose(g) @ flat(self.x)
        return F.concatenate([dW0, F.sum(g, -2)[..., None]]) if self.bias else dW0

    def each(self):
        """sum_t g p^T (..., N, O, I), one matrix per example."""
        if self.p.shape[-2] == 1:                          # outer products, not matrix products
            return self.g[..., 0, :, None] * self.p[..., 0, None, :]
        return F.transpose(self.g) @ self.p

    def pairs(self):
        """[(p, g), ...]: one pair for each group of rows of W that meets patches of its own."""
        return [(self.p, self.g)]


@dataclass(frozen=True, eq=False)
class Scaling:
    """y_d = W_d (x_d, 1) feature by feature, W (D, 2), or (D, 1) without bias: groups of one row.

    x (..., N, T, D) and g = dL/dy (..., N, T, D).
    """

    x: Any
    g: Any
    bias: bool = True

    def total(self):
        """dW (..., D, 2): the sums over n and t of g x and of g."""
        return self._columns((-3, -2))

    def each(self):
        """(..., N, D, 2)."""
        return self._columns(-2)

    def _columns(self, axes):
        columns = [self.g * self.x] + [self.g] * self.bias
        return F.stack([F.sum(column, axes) for column in columns])

    def pairs(self):
        """One pair per feature: p = (x_d, 1)."""
        p = F.stack([self.x] + [F.ones_like(self.x)] * self.bias)          # (..., N, T, D, 2)
        return [(p[..., d, :], self.g[..., d:d + 1]) for d in range(self.x.shape[-1])]


@dataclass(frozen=True, eq=False)
class Lookup:
    """s = the column W[:, index]: p is one-hot, and never made for the gradient.

    index (N, T) of 0, ..., size - 1, and g (..., N, T, O); p = 0 where the mask `read` (N, T) is
    False, and g is 0 there.
    """

    index: Any
    g: Any
    size: int
    read: Any = None

    def total(self):
        """dW (..., O, size)."""
        return F.scatter(F.transpose(flat(self.g)), self.index.reshape(-1), self.size)

    def each(self):
        """(..., N, O, size)."""
        N = len(self.index)
        own = self.index.astype("intp") + self.size * F.arange(N, self.index)[:, None]
        rows = F.scatter(F.transpose(flat(self.g)), own.reshape(-1), self.size * N)
        return F.swapaxes(F.reshape(rows, rows.shape[:-1] + (N, self.size)), -2, -3)

    def pairs(self):
        """p (N, T, size), one-hot or 0: the same for all cotangents."""
        p = F.one_hot(self.index, self.size)
        p = p if self.read is None else p * self.read[..., None]
        return [(F.fitted(p, self.g), self.g)]


@dataclass(frozen=True, eq=False)
class Transposed:
    """s = W^T p, the roles of p and g exchanged: p (..., N, T, O) and g = dL/ds (..., N, T, I)."""

    p: Any
    g: Any

    def total(self):
        """dW = sum_nt p g^T (..., O, I)."""
        return F.transpose(flat(self.p)) @ flat(self.g)

    def each(self):
        """sum_t p g^T (..., N, O, I)."""
        return F.transpose(self.p) @ self.g

    def pairs(self):
        """TypeError: Kronecker factors are those of s = W p."""
        raise TypeError("a matrix used transposed, as an Unembedding's: Kronecker factors are not "
                        "defined where W meets patches on both sides; untie the layers, with a "
                        "Dense output, or leave the block out.")


@dataclass(frozen=True, eq=False)
class Total:
    """A layer that tells dW (..., O, I) and nothing else."""

    dW: Any
    layer: Any

    def total(self):
        """dW."""
        return self.dW

    def each(self):
        """TypeError: the sum over examples has been taken."""
        raise TypeError(f"{self.layer} is not affine: per-example gradients are not available.")

    def pairs(self):
        """TypeError."""
        raise TypeError(f"{self.layer} is not affine: Kronecker factors are not available.")


@dataclass(frozen=True, eq=False)
class Shared:
    """One matrix used several times: the gradient is the sum, the places are gathered."""

    uses: tuple

    def total(self):
        """The sum over the uses."""
        return added([use.total() for use in self.uses])

    def each(self):
        """The sum over the uses, example by example."""
        return added([use.each() for use in self.uses])

    def pairs(self):
        """The pairs of all uses, their places one after the other."""
        return [tuple(map(_beside, both)) for both in
                (zip(*group) for group in zip(*(use.pairs() for use in self.uses)))]


def added(arrays):
    """The sum of the arrays, of any system."""
    return sum(arrays[1:], arrays[0])


def _beside(arrays):
    """(..., N, T_1, D), (..., N, T_2, D), ... -> (..., N, T_1 + T_2 + ..., D)."""
    return F.transpose(F.concatenate([F.transpose(a) for a in arrays]))
