"""How far two correct programs may be apart, entry by entry: what one rounding of the data moves.

    tol = 8 d + 4 rms(d) + 4 eps |f| + eps rms(f),    d = max_k |f(data (1 + eps xi_k)) - f(data)|

f runs in this package's precision on theta, x and the arguments as a program of precision eps would
round them, xi_k uniform in +-1, k = 1..K times: an entry that is the small difference of large
terms may be off by more than its eps.  Activations and losses are off as those of a program may be
that subtracts where this package need not (roundings.py).  Once more all operations are rounded, in
float32, and what that moves is scaled to eps: terms may cancel within f whatever the data are.  A
program sums in another order, hence the 8; rms(d), over the whole block, is for entries that chance
moved by little; the last two terms are one rounding of the answer itself.
"""

from dataclasses import dataclass, replace

import numpy as np

from .roundings import rounded_operations

SAMPLES = 8
MARGIN = 8


@dataclass(frozen=True, eq=False)
class Tolerance:
    """`bounds`: per piece an array of its shape; `eps` and a sentence that justifies them."""

    bounds: list
    eps: float
    text: str


def tolerance(subject, given, options, pieces, dtype, samples=SAMPLES):
    """The Tolerance for a program of the precision dtype."""
    eps = float(np.finfo(dtype).eps)
    bounds = bounds_of(subject, given, options, pieces, eps, samples)
    lost = max(map(_amplified, bounds, pieces))
    return Tolerance(bounds, eps, (
        f"{np.dtype(dtype)}: each entry within {MARGIN} x what rounding theta, data and operations "
        f"to it moves ({samples} trials), {lost:.1e} of a block's norm at most: {lost / eps:.0f} "
        "eps"))


def bounds_of(subject, given, options, pieces, eps, samples=SAMPLES):
    """Per piece the entrywise bounds for a program whose roundings are eps."""
    rng = np.random.default_rng(0)                 # of xi alone: the verdict is a function of data
    moved = [subject.pieces(*rounded(given, eps, rng), **options) for _ in range(samples)]
    inside = within(subject, given, options, eps)
    return [bound(piece.array, [each[k].array for each in moved]
                  + [piece.array + each[k] for each in inside], eps)
            for k, piece in enumerate(pieces)]


def rounded(given, eps, rng):
    """(objective, theta, ...) with every float times 1 + eps xi, and operations as off as that."""
    def moved(a):
        if isinstance(a, np.ndarray) and a.dtype.kind == "f":
            return a * (1 + eps * rng.uniform(-1, 1, a.shape))
        return a
    objective, *others = given
    same = objective.y is objective.x
    x, objective = moved(objective.x), rounded_operations(objective, eps, rng)
    return (replace(objective, x=x, y=x if same else objective.y), *map(moved, others))


def within(subject, given, options, eps):
    """[[f in float32 - f, ...]] on data that both can hold, times eps over that of float32.

    Empty where float32 does not reach: a matrix that is singular there, a number too large.
    """
    objective, *others = given
    try:
        with np.errstate(all="ignore"):
            low = (objective.to("float32"), *(_cast(a, "float32") for a in others))
            high = (low[0].to("float64"), *(_cast(a, "float64") for a in low[1:]))
            both = [[piece.array for piece in subject.pieces(*each, **options)]
                    for each in (low, high)]
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError):
        return []
    moved = [(a - b) * (eps / np.finfo("float32").eps) for a, b in zip(*both)]
    return [moved] if all(np.isfinite(a).all() for a in moved) else []


def _cast(a, dtype):
    return a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a


def bound(f, moved, eps):
    """Per entry of f, from f at data moved by one rounding."""
    spread = np.max([np.abs(g - f) for g in moved], axis=0)
    rms = np.sqrt(np.mean(np.square(f, dtype=float))) if f.size else 0.0
    typical = np.sqrt(np.mean(spread ** 2)) if f.size else 0.0
    return MARGIN * spread + 4 * typical + 4 * eps * np.abs(f) + eps * rms


def _amplified(bound, piece):
    norm = np.linalg.norm(piece.array)
    return float(np.linalg.norm(bound) / norm) if norm else 0.0
