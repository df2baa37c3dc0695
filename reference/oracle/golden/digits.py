"""How sure a pack is of its numbers: a proven radius, or digits agreed with another way to them."""

import numpy as np

from ..certify import NotProven, certify_value, leaves
from ..check import agreement

MARGIN = 10                            # agreed digits are a guess at the error, not a bound
FLOOR = 1e-10                          # of the largest entry: other sums, through eigenvectors
PROVABLE = 20000                       # entries of an answer, beyond which balls take minutes


def surety(asked, arrays, given, certified):
    """{"radius", "digits", "how"} proven by balls, or {"agreed", "with"} of the first rival to run.

    Empty if neither is to be had; both are about all arrays of the answer.
    """
    if certified and sum(map(np.size, arrays)) <= PROVABLE:
        try:
            proof = certify_value(arrays, asked.arrays, *given)
            return {"radius": proof.radius, "digits": _number(proof.digits), "how": proof.how}
        except (NotProven, TypeError, ValueError, NotImplementedError):
            pass                       # eigenvectors and searches are not enclosed
    return _agreed(asked, arrays, given)


def _agreed(asked, arrays, given):
    ways = {} if asked.rival is None else {"another route": asked.rival}
    for name, way in (ways | {"the same in longdouble": _wide(asked)}).items():
        try:
            digits = agreement(arrays, leaves(way(*given)))
        except Exception:              # noqa: BLE001 - rivals are for simpler nets than some
            continue
        if not np.isnan(digits):
            return {"agreed": _number(np.floor(10 * digits) / 10), "with": name}
    return {}


def _wide(asked):
    def answer(objective, theta, *arguments):
        wide = [a.astype(np.longdouble) if isinstance(a, np.ndarray) else a for a in arguments]
        return asked.arrays(objective.to("longdouble"), theta.astype(np.longdouble), *wide)
    return answer


def _number(x):
    """JSON has no infinity: None where the answers are identical."""
    return float(x) if np.isfinite(x) else None


def allowed(first, second, scale):
    """How far two packs' numbers may be apart: the sum of proven radii, or 10^-agreed of scale."""
    if "radius" in first and "radius" in second:
        return first["radius"] + second["radius"]
    digits = [sure["agreed"] for sure in (first, second) if sure.get("agreed") is not None]
    return max(FLOOR, MARGIN * 10.0 ** -min(digits, default=16)) * scale
