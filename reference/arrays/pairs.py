"""Pairs a + b u, with u^2 = `square` (0: dual numbers, -1: bicomplex numbers over complex ones).

`re` and `du` hold any other numbers, pairs among them.  `du` may have extra leading axes, one per
direction: K directions travel at once, and the products with `re` are shared.
"""

import operator

import numpy as np

from . import functions as F

RANK = 2


class Pair:
    """a + b u: what all pairs share, the linear operations and the product rule."""

    __slots__ = ("re", "du")
    __array_ufunc__ = None                    # ndarray op Pair must ask the Pair
    __eq__ = __hash__ = None                  # identity is no comparison: compare primal(x)
    square = 0

    def __init__(self, re, du):
        self.re, self.du = re, du

    def __repr__(self):
        return f"{type(self).__name__}({self.re!r}, {self.du!r})"

    # ---- shape ----

    @property
    def shape(self):
        return self.re.shape

    @property
    def ndim(self):
        return self.re.ndim

    @property
    def size(self):
        return self.re.size

    @property
    def dtype(self):
        return self.re.dtype

    @property
    def T(self):
        if self.ndim > 2:
            raise ValueError(f".T of {self.ndim} axes is ambiguous; use functions.transpose.")
        return self if self.ndim < 2 else swapaxes(self, -1, -2)

    @property
    def extra(self):
        """Leading axes of du beyond those of re: the directions."""
        return self.du.shape[:self.du.ndim - self.ndim]

    def __len__(self):
        return len(self.re)

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        every = (slice(None),) * (self.du.ndim - self.re.ndim)
        return type(self)(self.re[index], self.du[every + index])

    def reshape(self, *shape):
        return reshape(self, shape[0] if isinstance(shape[0], tuple) else shape)

    # ---- arithmetic ----

    def __neg__(self):
        return type(self)(-self.re, -self.du)

    def __add__(self, other):
        if not isinstance(other, Pair):
            re = self.re + other
            return type(self)(re, self.spread(re.shape))
        a, c = self.re, other.re
        return type(self)(a + c, self.raised(c.ndim) + other.raised(a.ndim))

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def __mul__(self, other):
        if not isinstance(other, Pair):
            return type(self)(self.re * other, self.raised(_ndim(other)) * other)
        return self._product(other, operator.mul, other.re.ndim, self.re.ndim)

    def __rmul__(self, other):
        return self * other

    def __matmul__(self, other):
        _require_matrices(self, other)
        if not isinstance(other, Pair):
            return type(self)(self.re @ other, self.raised(other.ndim) @ other)
        return self._product(other, operator.matmul, other.re.ndim, self.re.ndim)

    def __rmatmul__(self, other):
        _require_matrices(other, self)
        return type(self)(other @ self.re, other @ self.raised(other.ndim))

    def __pow__(self, n):
        if not (isinstance(n, int) and n > 0):
            raise TypeError(f"power {n!r}: only positive integers; write exp(p * log(x)).")
        return self if n == 1 else self * self ** (n - 1)

    def _product(self, other, times, ndim, other_ndim):
        """(a + b u)(c + d u) = (a c + square b d) + (a d + b c) u, b and d raised to ndims."""
        a, c, b, d = self.re, other.re, self.raised(ndim), other.raised(other_ndim)
        re = times(a, c) if self.square == 0 else times(a, c) + self.square * times(b, d)
        return type(self)(re, times(a, d) + times(b, c))

    # ---- alignment of du with re ----

    def raised(self, ndim):
        """du with unit axes put behind the directions, as if re had at least `ndim` axes."""
        if ndim <= self.re.ndim:
            return self.du
        return F.reshape(self.du, self.extra + (1,) * (ndim - self.ndim) + self.shape)

    def spread(self, shape):
        """du broadcast as re is when re is broadcast to `shape`."""
        if self.shape == shape:
            return self.du
        return F.broadcast_to(self.raised(len(shape)), self.extra + tuple(shape))


def _ndim(x):
    return getattr(x, "ndim", 0)


def _require_matrices(x, y):
    """A vector's only axis would be taken for a direction, without a word."""
    if min(x.ndim, y.ndim) < 2:
        raise ValueError(f"@ of shapes {x.shape} and {y.shape}: pairs multiply matrices; "
                         "give vectors a second axis, or use functions.einsum.")


# ---- the linear part of the vocabulary ----

def primal(x):
    """The innermost real number."""
    return F.primal(x.re)


def positive(x):
    """The sign is that of the innermost real number."""
    return F.positive(x.re)


def argmax(x):
    """Decided by the inner numbers."""
    return F.argmax(x.re)


def pi(x):
    """pi, a constant of the inner numbers."""
    return F.pi(x.re)


def zeros_like(x):
    """Zeros of the inner numbers: constants have no u part."""
    return F.zeros_like(x.re)


def ones_like(x):
    """Ones of the inner numbers."""
    return F.ones_like(x.re)


def constant(x, like):
    """A constant of the inner numbers."""
    return F.constant(x, like.re)


def where(condition, x, y):
    """Selects both parts alike."""
    pair = x if isinstance(x, Pair) else y
    re = F.where(condition, *(z.re if isinstance(z, Pair) else z for z in (x, y)))
    return type(pair)(re, F.where(condition, *(_part(z, re.shape) for z in (x, y))))


def _part(z, shape):
    return z.spread(shape) if isinstance(z, Pair) else 0


def sum(x, axis):
    """Both parts alike; axes are counted from the end."""
    return type(x)(F.sum(x.re, axis), F.sum(x.du, axis))


def swapaxes(x, i, j):
    """Both parts alike; axes are counted from the end."""
    return type(x)(F.swapaxes(x.re, i, j), F.swapaxes(x.du, i, j))


def reshape(x, shape):
    """Both parts alike; the directions stay in front."""
    re = F.reshape(x.re, shape)
    return type(x)(re, F.reshape(x.du, x.extra + tuple(re.shape)))


def broadcast_to(x, shape):
    """Both parts alike; the directions stay in front."""
    return type(x)(F.broadcast_to(x.re, shape), x.spread(shape))


def take(x, index):
    """Both parts alike, along the last axis."""
    return type(x)(F.take(x.re, index), F.take(x.du, index))


def scatter(x, index, size):
    """Both parts alike, along the last axis."""
    return type(x)(F.scatter(x.re, index, size), F.scatter(x.du, index, size))


def einsum(spec, x, y):
    """The product rule for any bilinear contraction; an ellipsis carries the directions."""
    first, second, out = spec.replace("...", "").replace("->", ",").split(",")
    batch = max(x.ndim - len(first), y.ndim - len(second))          # axes under the ellipsis
    spec = f"...{first},...{second}->...{out}"
    ndims = batch + len(first), batch + len(second)
    if not isinstance(x, Pair):
        return type(y)(F.einsum(spec, x, y.re), F.einsum(spec, x, y.raised(ndims[1])))
    if not isinstance(y, Pair):
        return type(x)(F.einsum(spec, x.re, y), F.einsum(spec, x.raised(ndims[0]), y))
    return x._product(y, lambda a, b: F.einsum(spec, a, b), *ndims)


def concatenate(arrays):
    """Join along the last axis; constants get a zero u part."""
    return _join(F.concatenate, arrays, lambda a, lead: lead + a.shape[-1:],
                 lambda a: a.shape[:-1])


def stack(arrays):
    """Join along a new last axis; constants get a zero u part."""
    return _join(F.stack, arrays, lambda a, lead: lead, lambda a: a.shape)


def _join(join, arrays, target, lead_of):
    pair = next(a for a in arrays if isinstance(a, Pair))
    res = [a.re if isinstance(a, Pair) else a for a in arrays]
    if all(isinstance(a, Pair) for a in arrays) and len(set(map(lead_of, res))) == 1:
        return type(pair)(join(res), join([a.du for a in arrays]))
    lead = np.broadcast_shapes(*map(lead_of, res))
    parts = [a.spread(target(a, lead)) if isinstance(a, Pair)
             else F.broadcast_to(F.zeros_like(a), pair.extra + target(a, lead)) for a in arrays]
    return type(pair)(join(res), join(parts))
