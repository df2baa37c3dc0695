"""What a rule adds to the factors of G (x) A, and a damping of one rule as that of another.

A program that keeps g G and a A, and shifts them by s' and t', inverts g a (G + s'/g I) (x)
(A + t'/a I): it has our damped inverse, times 1/(g a), if s' = g s and t' = a t, and for no other
shifts.  With lam added to the product, lam' = g a lam; what is relative to the diagonal stays.
"""

import numpy as np

from ..arrays.checks import is_finite, plain, require_float, shown
from .damping import ON_THE_PRODUCT, RULES, like, require_damping, shifts_of
from .kron import Kron


def shifts(K, damping, rule="pi"):
    """(s, t), what a Kronecker rule adds to the eigenvalues of G and of A.

    Parameters
    ----------
    K : Kron
    damping : float
        lam >= 0; for "shifts" the pair itself.
    rule : str
        A key of `RULES`, see `Kron.inv`.

    Raises
    ------
    ValueError
        For "exact" and "marquardt", which shift the product; without damping the shifts are 0.
    """
    damping = require_damping(damping, rule)
    _require_kron(K)
    if rule in RULES:
        return shifts_of(K.G, K.A, damping, rule)
    if damping == 0:
        return like(K.A, (0, 0))
    raise ValueError(f"the rule {rule!r} damps the product, not the factors: it has no shifts; "
                     f"take one of {', '.join(RULES)}.")


def convert_damping(K, damping, rule, to, scale=(1, 1)):
    """The damping of the rule `to` under which a program has the same damped inverse.

    Parameters
    ----------
    K : Kron
        Our factors.
    damping, rule
        As in `Kron.inv`.
    to : str
        The other program's rule.
    scale : (float, float)
        (g, a) if it keeps g G and a A: (1/T, T) for [GM16]'s Gamma and Omega of T places, (N, 1)
        for a G that sums over examples.  Its damped inverse is then ours times 1/(g a).

    Returns
    -------
    float, or (on G, on A) for to="shifts"

    Raises
    ------
    ValueError
        If no damping of the rule `to` is that one, naming the shifts that it would take.

    Notes
    -----
    Shifts are compared.  Where a factor is a multiple of I, as any 1 x 1 factor is, different
    shifts may have the same product; that is not looked for.
    """
    damping, scale = require_damping(damping, rule), _require_scale(scale)
    require_damping((0, 0) if to == "shifts" else 0, to)
    _require_kron(K)
    require_float("a factor", K.G, "f")
    if rule == to and rule in ON_THE_PRODUCT:
        return damping * (scale[0] * scale[1] if rule == "exact" else 1)
    if rule in ON_THE_PRODUCT and damping != 0:
        raise ValueError(f"{rule!r} damps the product: no damping of {to!r} has the same inverse; "
                         f"the other program needs the rule {rule!r}.")
    wanted = tuple(r * s for r, s in zip(scale, shifts(K, damping, rule)))
    if to == "shifts" or wanted == (0, 0):
        return wanted if to == "shifts" else wanted[0]
    for lam in _candidates(wanted, to):
        if _same(shifts_of(*_scaled(K, scale), lam, to), wanted):
            return lam
    raise ValueError(f"no damping of {to!r} has the same inverse as {rule!r} {shown(damping)}, "
                     f"which shifts the other program's factors by {wanted[0]:.6g} on G and "
                     f"{wanted[1]:.6g} on A; convert to='shifts' for the pair.")


def _candidates(wanted, to):
    """The shifts of a Kronecker rule are both lam, or multiply to lam."""
    if to in RULES:
        yield wanted[0]
        with np.errstate(over="ignore"):
            yield wanted[0] * wanted[1]


def _scaled(K, scale):
    g, a = like(K.A, scale)
    return g * K.G, a * K.A


def _same(got, wanted):
    """Equal to rounding: norms of n numbers are good to some n eps."""
    close = 1e3 * np.finfo(wanted[0].dtype).eps
    return all(np.abs(s - t) <= close * t for s, t in zip(got, wanted))


def _require_scale(scale):
    if not (isinstance(scale, (tuple, list)) and len(scale) == 2
            and all(is_finite(plain(s)) and plain(s) > 0 for s in scale)):
        raise ValueError("scale must be (g, a), two positive numbers, if the other program keeps "
                         f"g G and a A; got {shown(scale)}.")
    return tuple(map(float, scale))


def _require_kron(K):
    if not isinstance(K, Kron):
        raise TypeError(f"K is a {type(K).__name__}; pass a Kron, of KronBlocks one of .blocks.")
