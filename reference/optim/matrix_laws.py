"""What holds of an optimiser's factors and of their inverses: see laws.py.

A factor is an object, or a dict, with some of A, G (semidefinite), Ha, Hg, H (definite inverses),
Ba, Bg, B (what Ha, Hg, H invert).
"""

import numpy as np

from ..arrays.namespace import library
from ..curvature.bfgs import root
from ..curvature.damping import shifts_of
from .laws import Finding, length, rounding

INVERSES = {"Hg": "Bg", "Ha": "Ba", "H": "B"}


def entry(factor, name):
    """A dense matrix of a factor, or None."""
    value = factor.get(name) if isinstance(factor, dict) else getattr(factor, name, None)
    return value.dense() if hasattr(value, "dense") else value


def products(factors):
    """Factors of the diagonal blocks, groups of rows one by one; of a tridiagonal matrix, too."""
    for factor in getattr(factors, "krons", factors):
        yield from getattr(factor, "blocks", [factor])


def numbered(now, name="factors"):
    """(factor, where)."""
    return [(f, f"matrix {l}") for l, f in enumerate(products(now[name]))]


# ---- the laws ----

def definite(now, before, options):
    """The least eigenvalue of Ha, Hg, H > n eps of the largest, below which no sign is known.

    Of BFGS with s.y > 0 [NW06, eq. 6.7].  Of the matrices as they are kept: their eigenvalues are
    found in float64, and eps is its.
    """
    yield from _least(now, INVERSES, ">", lambda M: rounding(M[0].astype(float)))


def semidefinite(now, before, options):
    """The least eigenvalue of A, G >= 0, to n eps of the largest.  Of second moments [MG15]."""
    yield from _least(now, ("A", "G"), ">=", lambda M: -rounding(M[0], M[0].astype(float)))


def _least(now, names, sign, unit):
    for when in ("factors", "factors_after"):
        for factor, where in numbered(now, when) if when in now else ():
            for name in names:
                M = entry(factor, name)
                if M is None:
                    continue
                values = _eigenvalues(M)
                yield Finding(f"least eigenvalue of {name}", values[0], sign,
                              unit(M) * abs(values[-1]), where)


def _eigenvalues(M):
    """Ascending, in float64, which is all that LAPACK has; NaN of what is not finite."""
    return np.linalg.eigvalsh(M.astype(float)) if np.isfinite(M).all() else np.full(1, np.nan)


def condition(M):
    """|M| |M^-1| of a symmetric M, in float64."""
    sizes = np.abs(_eigenvalues(M))
    return sizes.max() / sizes.min()


def inverse(now, before, options):
    """|H B - I| <= n eps |H| |B|, of all pairs Hg Bg, Ha Ba, H B.  Of inverses that are taken."""
    for factor, where in numbered(now):
        for name, other in INVERSES.items():
            H, B = entry(factor, name), entry(factor, other)
            if H is not None and B is not None:
                yield _residual(f"{name} {other} - I", H, B, where)


def first_inverse(now, before, options):
    """Ha (A + sqrt(lam) I) = I before the first step, as `inverse` [GRB20]."""
    if now["k"] == 0:
        for factor, where in numbered(now):
            A = factor.A + root(now["damping"], factor.A[0]) * library(factor.A).eye(len(factor.A))
            yield _residual("Ha A_LM - I", factor.Ha, A, where)


def _residual(name, H, B, where):
    gap = np.abs(H @ B - library(H).eye(len(H))).max()
    return Finding(name, gap, "<=", rounding(H[0]) * length(H) * length(B), where)


def proposal(now, before, options):
    """(G + s I) Delta (A + t I) = -g, s and t of gamma^2 by "pi": at steps that invert [MG15].

    To n eps cond(G + s I) cond(A + t I) |g|.  For k <= 3 and every options.inverse_every steps, k
    counted from 1.
    """
    k, at, g = now["k"] + 1, 0, now["gradient"]
    if k > 3 and k % options.inverse_every or not isinstance(now["factors"], list):
        return
    for factor, where in numbered(now):
        s, t = shifts_of(factor.G, factor.A, now["gamma"] ** 2, "pi")
        G, A = (M + shift * library(M).eye(len(M)) for M, shift in ((factor.G, s), (factor.A, t)))
        here = slice(at, at := at + len(G) * len(A))
        gap = length(G @ now["proposal"][here].reshape(len(G), -1) @ A.T
                     + g[here].reshape(len(G), -1))
        room = rounding(g[here]) * condition(G) * condition(A) * length(g[here])
        yield Finding("F~ Delta + g", gap, "<=", room, where)
