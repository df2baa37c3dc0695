"""F~, the Fisher matrix with every block factored, those between layers too [MG15, sec. 3].

    F~_lm = G_lm (x) A_lm,    G_lm = (1/R) sum_n w_n E[g_l g_m^T],  A_lm = mean_n p_l p_m^T

K-FAC's step from E[g_l g_m^T (x) p_l p_m^T], for all pairs of matrices instead of l = m alone.  The
moments of all g and of all p at once are semidefinite, and so is their block-wise product F~.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_theta
from ..arrays.linalg import grid, symmetric
from ..arrays.transfer import follows
from .kfac import of_setting, output_factor, require_setting, second_moment, statistics
from .memory import LIMIT, itemsize, require_room
from .operator import precision


@follows
def kfac_dense(objective, theta, kind="type-2", rng=None, samples=1, setting="expand",
               limit=LIMIT):
    """F~ (P, P): every block (l, m) of the Fisher matrix as one product G_lm (x) A_lm [MG15].

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    kind, rng, samples
        As in `kfac`.
    setting : "expand" or "reduce"
        As in `kfac`; "expand" is for T = 1, where both agree.
    limit : int
        Bytes that it and what it is made of may take: an estimate from shapes.

    Returns
    -------
    array (P, P)
        Symmetric, and positive semidefinite if the S of `kind` is.  Its diagonal blocks are those
        of `kfac`.

    Raises
    ------
    ValueError
        For groups of rows, coupled examples, and "expand" where a matrix is used at several places.
    MemoryError
        If it would take more than `limit`.
    """
    require_theta(objective, theta)
    require_room(f"the matrix of P = {theta.size}",
                 2 * itemsize(precision(objective, theta)) * theta.size ** 2, limit,
                 "take the factors, by kfac or kfac_tridiagonal")
    part, layers = factored(objective, theta, kind, rng, samples, setting)
    return grid([[part(l, m).dense() for m in layers] for l in layers])


def factored(objective, theta, kind, rng, samples, setting):
    """(l, m) -> F~_lm, and the range of l: cut from the moments of all p and all g at once."""
    require_theta(objective, theta)
    require_setting(setting)
    uses, middle = statistics(objective, theta, kind, rng, samples)
    shapes = objective.net.layout.shapes
    ps, ws, gs = zip(*[of_setting(objective, *_pair(use, l, shape, setting), setting)
                       for l, (use, shape) in enumerate(zip(uses, shapes))])
    A = symmetric(second_moment(F.concatenate(ps), ws[0]))        # all ws are proportional
    G = symmetric(output_factor(F.concatenate(gs), middle))
    o, i = map(_slices, zip(*shapes))
    return lambda l, m: KronRectangle(G[o[l], o[m]], A[i[l], i[m]]), range(len(shapes))


def _slices(sizes):
    ends = np.cumsum(sizes)
    return [slice(end - size, end) for end, size in zip(ends, sizes)]


def _pair(use, l, shape, setting):
    """The one pair (p, g) of a use."""
    pairs = use.pairs()
    if len(pairs) > 1:
        raise ValueError(f"matrix {l} {shape} has {len(pairs)} groups of rows with patches of "
                         "their own, and no single factor between it and others; take kfac.")
    T = pairs[0][0].shape[-2]
    if setting == "expand" and T > 1:
        raise ValueError(f"matrix {l} {shape} is used at {T} places, which cannot be paired with "
                         "those of another matrix; setting='reduce' takes them for one.")
    return pairs[0]


@dataclass(frozen=True, eq=False)
class KronRectangle:
    """G (x) A of any shapes (O, O'), (I, I'): V (O', I') -> G V A^T (O, I)."""

    G: Any
    A: Any

    def __matmul__(self, V):
        """G V A^T, for V (..., O', I')."""
        return self.G @ V @ self.A.T

    @property
    def T(self):
        """The transpose."""
        return KronRectangle(self.G.T, self.A.T)

    def times(self, other):
        """(G (x) A)(G' (x) A') = G G' (x) A A'."""
        return KronRectangle(self.G @ other.G, self.A @ other.A)

    def dense(self):
        """The (O I, O' I') matrix."""
        return np.kron(self.G, self.A)
