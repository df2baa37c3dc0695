"""The inverse BFGS matrix of the last few pairs, never formed: compact form [BNS94].

BFGS does not ask how long s and y are, only for their directions and s.y: (c s, c y) is the same
pair.  With every pair scaled to s.y = 1, rows s_k of S and y_k of Y (K, O), oldest first, and
H_0 = I, the K updates one after the other are

    H = (I - Y^T C)^T (I - Y^T C) + C^T C,          R C = S,    R_jk = s_j.y_k for j <= k, else 0,

[BNS94] with D = I, written as a sum of squares: positive definite as it stands.  R is unit upper
triangular.  The inverse, with L_jk = s_j.y_k for j > k, else 0, is [BNS94]

    H^-1 = I - (S^T Y^T) (S S^T   L)^-1 (S)
                         ( L^T   -I)    (Y).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole, require_float
from ..arrays.linalg import grid, solve, symmetric
from .bfgs import enough_curvature


@dataclass(frozen=True, eq=False)
class LimitedMemory:
    """The inverse BFGS matrix H (O, O) of pairs S, Y (K, O), oldest first, from H_0 = I [BNS94].

    `memory` is the largest K: `append` drops the oldest pairs beyond it.  All s.y > 0.

    Raises
    ------
    TypeError, ValueError
        If S and Y are no floating-point arrays of one shape (K, O), K <= memory, memory is no
        whole number of at least 1, or a pair has not 0 < s.y < inf.
    """

    S: Any
    Y: Any
    memory: int

    def __post_init__(self):
        require_memory(self.memory)
        for name, pairs in (("S", self.S), ("Y", self.Y)):
            require_float(name, pairs)
        if self.S.ndim != 2 or self.S.shape != self.Y.shape or len(self.S) > self.memory:
            raise ValueError(f"S has shape {self.S.shape} and Y {self.Y.shape}; pass K pairs as "
                             f"rows of two arrays (K, O), K at most memory = {self.memory}.")
        curvature = F.primal(F.sum(self.S * self.Y, -1))
        bad = np.flatnonzero(~((0 < curvature) & (curvature < np.inf)))
        if bad.size:
            raise ValueError(f"pair {bad[0]} has s.y = {curvature[bad[0]]:.3g}, of which no "
                             "positive definite matrix is made; leave it out, or damp it.")

    def __len__(self):
        return self.S.shape[1]

    def __matmul__(self, V):
        """H V for V (O,) or (..., O, I): U + C^T (C V - Y U) with U = V - Y^T C V."""
        if V.shape[-2:][0] != len(self):
            raise ValueError(f"V has shape {V.shape}; pass ({len(self)},) or (..., {len(self)}, "
                             "I).")
        if not len(self.S):
            return V
        (_, Y), C = self._unit, self._C
        CV = C @ V
        U = V - Y.T @ CV
        return U + C.T @ (CV - Y @ U)

    def dense(self):
        """H (O, O), symmetric to the last bit."""
        return symmetric(self @ self._eye())

    def inv(self):
        """H^-1 (O, O), the direct BFGS matrix: no inverse of order O is taken."""
        if not len(self.S):
            return self._eye()
        S, Y = self._unit
        L = np.tril(S @ Y.T, -1)
        middle = grid([[S @ S.T, L], [L.T, -F.identity(L) + F.zeros_like(L)]])
        pairs = np.concatenate([S, Y])
        return symmetric(self._eye() - pairs.T @ solve(middle, pairs))

    def append(self, s, y):
        """The matrix after one BFGS update by s, y (O,) with s.y > 0, the oldest pair forgotten."""
        S, Y = (np.concatenate([pairs, last[None]])[-self.memory:]
                for pairs, last in ((self.S, s), (self.Y, y)))
        return LimitedMemory(S, Y, self.memory)

    @cached_property
    def _unit(self):
        """S and Y with every pair scaled to s.y = 1."""
        length = F.sqrt(F.sum(self.S * self.Y, -1))[:, None]
        return self.S / length, self.Y / length

    @cached_property
    def _C(self):
        """R^-1 S (K, O)."""
        S, Y = self._unit
        return solve(np.triu(S @ Y.T), S)

    def _eye(self):
        zero = np.zeros_like(self.S, shape=(len(self),) * 2)
        return F.identity(zero) + F.zeros_like(zero)


def limited(like, memory):
    """The identity as a LimitedMemory without pairs, in the numbers of `like` (O,)."""
    none = F.zeros_like(like)[None][:0]
    return LimitedMemory(none, none, memory)


def guarded_append(H, s, y, scale):
    """The pair is taken if |s|^2 is finite and s.y > 1e-4 |s|^2 |scale| [GRB20]; else H itself.

    Differs from the authors' code: a pair whose y is not finite is left out, too.
    """
    finite = np.isfinite(F.primal(s @ s)) and np.isfinite(F.primal(y @ y))
    return H.append(s, y) if finite and enough_curvature(s, y, scale) else H


def require_memory(memory):
    """ValueError unless memory is a whole number of at least 1."""
    if not is_whole(memory, 1):
        raise ValueError(f"memory must be a whole number of pairs, at least 1, got {memory!r}.")
