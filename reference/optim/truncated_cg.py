"""Conjugate gradients as Hessian-free optimisation uses them: stopped early, and remembered.

    phi(x) = x.Bx/2 - b.x,    which falls at every iteration, while |b - B x| need not.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

REASONS = ("progress", "iterations", "negative curvature", "residual")


@dataclass(frozen=True, eq=False)
class Path:
    """The iterates that were kept, and what is known of all.

    steps : tuple of int, after how many products each kept iterate was reached.
    iterates : array (S, P), the last one always among them.
    phis : array (k + 1,), phi of x_0, ..., x_k.
    residuals : array (k + 1,), |b - B x| of the same, by the recursion.
    reason : one of REASONS.
    """

    steps: tuple
    iterates: Any
    phis: Any
    residuals: Any
    reason: str

    @property
    def last(self):
        """x_k (P,)."""
        return self.iterates[-1]

    @property
    def iterations(self):
        """k, the number of products along directions; that for b - B x_0 is not counted."""
        return len(self.phis) - 1


def every_third_more(maxiter):
    """{ceil(5 1.3^j)}, up to maxiter: which iterates are kept [Mar10, sec. 4.6]."""
    steps, k = set(), 5.0
    while ceil(k) <= maxiter:
        steps.add(ceil(k))
        k *= 1.3
    return steps


def truncated_cg(product, b, start, scales, maxiter=250, tolerance=5e-4, keep=None):
    """Preconditioned conjugate gradients for B x = b until phi hardly falls any more [Mar10].

    With k = max(10, ceil(i/10)) they stop at the first i > k with phi_i < 0 and

        (phi_i - phi_{i-k})/phi_i < k tolerance.

    Parameters
    ----------
    product : callable
        v (P,) -> B v (P,), symmetric positive definite.
    b : array (P,)
    start : array (P,)
        x_0.
    scales : array (P,) or number
        The diagonal of the preconditioner, near that of B: r/scales.
    maxiter : int
        At most so many products.
    tolerance : float
        Relative progress per iteration; 0 runs to the end.  5e-4 as in [Mar10]; other programs
        leave out the factor k, or write 5e-6.
    keep : set of int, optional
        The iterations whose x is kept; `every_third_more` if omitted.

    Returns
    -------
    Path
        "residual" where b - B x vanishes, and nothing is left to do; "negative curvature" where a
        direction p has p.Bp <= 0 or NaN, with the iterate before it as the last.
    """
    keep = every_third_more(maxiter) if keep is None else keep
    x = start
    r = b - product(x) if x.any() else b
    y = p = r / scales
    ry, phis, residuals = r @ y, [_phi(x, r, b)], [(r @ r) ** 0.5]
    steps, iterates, reason = [], [], "iterations"
    for i in range(1, maxiter + 1):
        if ry == 0:
            reason = "residual"
            break
        q = product(p)
        bend = p @ q
        if not bend > 0:
            reason = "negative curvature"
            break
        x, r = x + (ry / bend) * p, r - (ry / bend) * q
        y = r / scales
        ry, before = r @ y, ry
        p = y + (ry / before) * p
        phis.append(_phi(x, r, b))
        residuals.append((r @ r) ** 0.5)
        if i in keep:
            steps.append(i)
            iterates.append(x)
        if _has_stalled(phis, tolerance):
            reason = "progress"
            break
    if len(phis) - 1 not in steps:
        steps.append(len(phis) - 1)
        iterates.append(x)
    return Path(tuple(steps), np.stack(iterates), np.stack(phis), np.stack(residuals), reason)


def _phi(x, r, b):
    """x.Bx/2 - b.x = -x.(b + r)/2 for r = b - Bx: no product."""
    return -(x @ (b + r)) / 2


def _has_stalled(phis, tolerance):
    i = len(phis) - 1
    k = max(10, ceil(i / 10))
    return bool(i > k and phis[i] < 0 and (phis[i] - phis[i - k]) / phis[i] < k * tolerance)
