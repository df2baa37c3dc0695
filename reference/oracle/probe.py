"""A layer as an objective: L(q) = sum of dy * y, q = (W_1, ..., W_L, x) one flat vector (Q,).

So every route to derivatives of an objective differentiates a layer, W and x alike.  The cotangent
dy is random: of all ones it would say nothing about a normalisation, whose outputs sum to 0.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.precision import eps
from ..network.layout import Layout

EPS = eps(np.float64)
ROUNDINGS = 2 ** 8
BOUND = ROUNDINGS * EPS
WHOLE = 200                            # unit directions up to this many entries, random ones beyond
RANDOM = 32


class Skipped(Exception):
    """A question that cannot be put to this layer, and why."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A layer, the point q to stand at, a cotangent dy (N, ...), and where to take more from."""

    layer: Any
    q: Any
    x: Any
    dy: Any
    rng: Any = field(repr=False)

    @cached_property
    def layout(self):
        """Where the matrices lie in q."""
        return Layout(tuple(self.layer.shapes))

    @property
    def N(self):
        """Number of examples."""
        return len(self.x)

    @property
    def parts(self):
        """{"dW": slice, "dx": slice} of q, without those that are empty."""
        P = self.layout.size
        both = {"dW": slice(0, P), "dx": slice(P, self.q.size)}
        return {name: cut for name, cut in both.items() if cut.stop > cut.start}

    # ---- the layer, as a function of q ----

    def split(self, q):
        """[W_1, ...] and x; integers x are not in q."""
        P = self.layout.size
        Ws = self.layout.unpack(q[..., :P])
        if "dx" not in self.parts:
            return Ws, self.x
        return Ws, F.reshape(q[..., P:], q.shape[:-1] + self.x.shape)

    def trace(self, q):
        """The layer's Trace."""
        return self.layer.trace(*self.split(q))

    def output(self, q):
        """y (..., N, ...)."""
        return self.trace(q)[-1]

    def cotangent(self, y, dy=None):
        """dy in the numbers of y, with at least its axes."""
        dy = self.dy if dy is None else dy
        dy = F.fitted(dy, y)
        extra = y.shape[:max(0, y.ndim - dy.ndim)]
        return np.broadcast_to(dy, extra + dy.shape)

    def value(self, q):
        """L (...)."""
        y = self.output(q)
        return F.sum(y * self.cotangent(y), tuple(range(-self.dy.ndim, 0)))

    def uses(self, q, dy=None, data=False):
        """(uses, dx) of a backward pass."""
        trace = self.trace(q)
        return self.layer.pull(self.split(q)[0], trace, self.cotangent(trace[-1], dy), data)

    def grad(self, q, dy=None):
        """dL/dq (..., Q), by the layer's own backward pass."""
        return self.packed(*self.uses(q, dy))

    def packed(self, uses, dx):
        """The totals of all uses and dx, flat; ValueError for a shape that is not W's or x's."""
        found = [use.total() for use in uses] + ([dx] if "dx" in self.parts else [])
        shapes = [*self.layout.shapes] + ([self.x.shape] if "dx" in self.parts else [])
        got = [a.shape[max(0, a.ndim - len(s)):] for a, s in zip(found, shapes)]
        if len(found) != len(shapes) or got != shapes:
            raise ValueError(f"dW and dx have shapes {[a.shape for a in found]}; those of W and x "
                             f"are {shapes}.")
        return F.concatenate([F.reshape(a, a.shape[:a.ndim - len(s)] + (-1,))
                              for a, s in zip(found, shapes)])

    # ---- directions, and one example ----

    def directions(self, part):
        """Rows V (K, Q) that move one part of q alone."""
        cut, Q = self.parts[part], self.q.size
        if cut.stop - cut.start <= WHOLE:
            return np.eye(Q)[cut]
        V = np.zeros((RANDOM, Q))
        V[:, cut] = self.rng.standard_normal((RANDOM, cut.stop - cut.start))
        return V

    def alone(self, n, dy):
        """The Probe of example n; dy (M, N, ...) is cut too."""
        cut = slice(n, n + 1)
        x, P = self.x[cut], self.layout.size
        q = np.concatenate([self.q[:P], x.reshape(-1)]) if "dx" in self.parts else self.q
        return Probe(self.layer.batch(cut), q, x, dy[:, cut], self.rng)


def probe(layer, shape, rng, n=3, x=None):
    """A Probe at n random examples of a shape, or at the given x, and random matrices."""
    x = rng.standard_normal((n, *shape)) if x is None else x
    layer.require_input(x)
    scale = [0.6 / np.sqrt(min(4, width)) for _, width in layer.shapes]
    Ws = [s * rng.standard_normal(shape) for s, shape in zip(scale, layer.shapes)]
    moved = [x] if x.dtype.kind == "f" else []
    q = np.concatenate([a.reshape(-1) for a in Ws + moved])
    dy = rng.standard_normal((len(x), *layer.output_shape(x.shape[1:])))
    return Probe(layer, q, x, dy, rng)


def off(value, truth, scale=0.0):
    """max |value - truth| / max |truth|, at least `scale`; infinite if the shapes differ."""
    value, truth = np.asarray(value), np.asarray(truth)
    if value.shape != truth.shape:
        raise ValueError(f"shape {value.shape} where {truth.shape} is right")
    scale = max(np.abs(truth).max(initial=0), scale)
    return float(np.abs(value - truth).max(initial=0) / (scale or 1))


def worst(errors):
    """The largest; nan if any is, which Python's max may lose."""
    return float(np.max([*errors]))
