"""Where the matrices W_1, ..., W_L lie in the flat vector theta."""

from dataclasses import dataclass
from math import prod

import numpy as np

from ..arrays import functions as F


@dataclass(frozen=True)
class Layout:
    """Places matrices of the given shapes one after the other, row-major, in theta (..., P)."""

    shapes: tuple

    @property
    def size(self):
        """P."""
        return sum(map(prod, self.shapes))

    @property
    def slices(self):
        """slices[l] picks vec(W_l) out of theta: the diagonal block l of a curvature matrix."""
        ends = np.cumsum([prod(s) for s in self.shapes], dtype=int)
        return tuple(slice(int(e) - prod(s), int(e)) for e, s in zip(ends, self.shapes))

    def unpack(self, theta):
        """theta (..., P) -> [W_1 (..., O, I), ...], views where possible."""
        lead = theta.shape[:-1]
        return [F.reshape(theta[..., i], lead + s) for i, s in zip(self.slices, self.shapes)]

    def pack(self, matrices):
        """[W_1 (..., O, I), ...] -> theta (..., P)."""
        return F.concatenate([F.reshape(W, W.shape[:-2] + (prod(W.shape[-2:]),)) for W in matrices])
