"""What holds of the damping from step to step, and of the inner solver: see laws.py."""

from math import isnan

import numpy as np

from ..arrays.precision import eps
from .laws import MARGIN, Finding, length, parts, rounding

# ---- the damping ----

def damping(now, before, options):
    """lam rises after rho < 1/4 or NaN, falls after rho > 3/4, else stays [Lev44; Mar10, sec. 4.1].

    By options.factor, where one is given, to 4 eps.
    """
    if "rho" not in before:
        yield Finding("damping", now["damping"], "==", before["damping"])
        return
    r, old = before["rho"], before["damping"]
    power = 1 if isnan(r) or r < 0.25 else -1 if r > 0.75 else 0
    yield from _moved(now["damping"], old, power, options.factor)


def marquardt(now, before, options):
    """lam falls after an accepted trial and rises after a rejected one [Mar63], between limits."""
    low, high = options.limits
    old, power = before["damping"], -1 if before["accepted"] else 1
    if low < now["damping"] < high:
        yield from _moved(now["damping"], old, power, options.factor)


def _moved(new, old, power, factor):
    if factor and power:
        expected = old * factor ** power
        yield Finding("damping", abs(new - expected), "<=", 4 * eps(float) * expected)
    else:
        yield Finding("damping", new, {1: ">", -1: "<", 0: "=="}[power], old)


# ---- the inner solver ----

def cg(now, before, options):
    """phi = x.Bx/2 - b.x falls along the iterates of CG [HS52; Mar10], to n eps (phi + |x| |r|)."""
    for part, where in parts(now):
        if "path" in part:
            path = part["path"]
            phis, x = path.phis, path.iterates
            scale = np.abs(phis).max() + np.max(path.residuals) * length(x[-1])
            room = rounding(x[-1]) * scale
            for i in range(1, len(phis)):
                yield Finding(f"phi_{i} of CG", phis[i], "<=", phis[i - 1] + room, where)


def phi(now, before, options):
    """phi of CG's last iterate x = g.x + (x.Bx + lam |x|^2)/2: the system was damped by lam, once.

    The recursion drifts by n i eps after i products.  Not with structural damping.
    """
    for part, where in parts(now):
        if "path" not in part or "curvature" not in part:
            continue
        x, lam = part["path"].last, now["damping"]
        linear, damped = now["gradient"][part.get("places", slice(None))] @ x, lam * (x @ x)
        expected = linear + (part["curvature"] + damped) / 2
        terms = abs(linear) + abs(part["curvature"]) + damped
        drift = MARGIN * (1 + part["path"].iterations) * rounding(x)
        yield Finding("phi of CG", abs(part["path"].phis[-1] - expected), "<=", drift * terms,
                      where)
