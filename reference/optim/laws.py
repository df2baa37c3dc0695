"""What holds of one step of an optimiser, read off its numbers and vectors: laws to watch it by.

A law is a function (now, before, options) that yields a Finding per number that it compares.  `now`
and `before` are the quantities of this step and of the one before, by the names of step.NAMES and
theta (P,), as the step left it.  Bounds of rounding are multiples of n eps, n the length of the
sums, times the terms that cancel.  More laws: solver_laws, matrix_laws and pair_laws beside this.
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from ..arrays.precision import eps

MARGIN = 8                            # for the constants of rounding errors, which are near 1


@dataclass(frozen=True)
class Finding:
    """value `sign` bound was asked for, of a quantity; `ago` = 1 if of the step before."""

    quantity: str
    value: Any
    sign: str
    bound: Any
    where: str = ""
    ago: int = 0


def rounding(*arrays):
    """MARGIN n eps, of the longest array and of the coarsest type."""
    return MARGIN * max(a.size for a in arrays) * max(eps(a.dtype) for a in arrays)


def length(v):
    """|v|, of a vector, or of a matrix as one (its Frobenius norm)."""
    return np.linalg.norm(np.asarray(v).reshape(-1).astype(float))


def parts(now):
    """(quantities, where) of the step, and of each of its blocks that has any."""
    yield now, ""
    for b, block in enumerate(now.get("blocks", ())):
        if isinstance(block, dict):
            yield block, f"block {b}"


def taken(now):
    """Whether theta moved at all."""
    return now.get("accepted", True) and now.get("length", 1) != 0


# ---- numbers, and where theta is ----

def finite(now, before, options):
    """All numbers and arrays are finite but rho, and loss_after of a rejected step.  Always."""
    for name, value in now.items():
        if name == "rho" or name == "loss_after" and not taken(now):
            continue
        if isinstance(value, (float, np.floating, np.ndarray)):
            yield Finding(name, np.count_nonzero(~np.isfinite(value)), "==", 0)


def step(now, before, options):
    """theta - theta_before = t d, but for the rounding of the sum.  Always."""
    if now.get("accepted", True):
        moved = now["length"] * now["direction"]
        gap = length(now["theta"] - (before["theta"] + moved))
        unit = 4 * eps(moved.dtype)
        yield Finding("theta", gap, "<=", unit * (length(before["theta"]) + length(moved)))


def rejected(now, before, options):
    """accepted = False: theta stays to the last bit, and so does its loss.  Always."""
    if not now["accepted"]:
        yield Finding("theta", length(now["theta"] - before["theta"]), "==", 0)
        yield Finding("loss_after", now.get("loss_after", now["loss"]), "==", now["loss"])


def decrease(now, before, options):
    """accepted = True: L does not rise.  Of searches and of trials [Arm66; Mar63].

    Up to 16 eps |L|, below which differences of losses say nothing.
    """
    for part, where in parts(now):
        if taken(part) and "loss_after" in part:
            loss = part["loss"]
            bound = loss + 16 * eps(np.result_type(loss)) * abs(loss)
            yield Finding("loss_after", part["loss_after"], "<=", bound, where)


def rise(now, before, options):
    """L on its own batch rises by no more than c |L|, c = options.rise, over a step that is taken.

    No theorem but an alarm: of K-BFGS that blows up, this goes before any law of its matrices.
    """
    if taken(now):
        loss = now["loss"]
        yield Finding("loss_after", now["loss_after"], "<=", loss + options.rise * abs(loss))


# ---- the direction and the model ----

def slope(now, before, options):
    """slope = g.d, to n eps |g| |d|.  Always."""
    g, d = now["gradient"], now["direction"]
    yield Finding("slope", abs(now["slope"] - g @ d), "<=", rounding(d) * length(g) * length(d))


def descent(now, before, options):
    """g.d < 0 of a step that is taken, unless g = 0.  Of B > 0, no momentum [NW06, sec. 3.2]."""
    for part, where in parts(now):
        if taken(part) and "slope" in part and np.any(part["gradient"]):
            yield Finding("slope", part["slope"], "<", 0, where)


def model(now, before, options):
    """model < 0 of a step that is taken, unless d = 0.  Of minimisers, and of CG from 0 [HS52]."""
    for part, where in parts(now):
        if "model" in part and taken(part) and np.any(part["direction"]):
            yield Finding("model", part["model"], "<", 0, where)


def quadratic(now, before, options):
    """model = slope + curvature/2: of those who leave the damping out, and backtrack no further."""
    for part, where in parts(now):
        if {"model", "slope", "curvature"} <= set(part):
            terms = abs(part["slope"]) + abs(part["curvature"])
            gap = abs(part["model"] - part["slope"] - part["curvature"] / 2)
            yield Finding("model", gap, "<=", rounding(part["direction"]) * terms, where)


def curvature(now, before, options):
    """d.Bd >= 0 of B semidefinite, Gauss-Newton's and Fisher's [Sch02], to n eps |d|^2."""
    for part, where in parts(now):
        if "curvature" in part and "direction" in part:
            d = part["direction"]
            yield Finding("curvature", part["curvature"], ">=", -rounding(d) * length(d) ** 2,
                          where)


def rho(now, before, options):
    """rho = (loss_after - loss)/model, of the same d and t = 1; -inf may stand for any rise.

    Up to eps (|loss| + |loss_after|)/|model|, by what the losses cancel.
    """
    d, last = now["direction"], now["iterates"][-1] if "iterates" in now else now["direction"]
    if now["length"] != 1 or not np.array_equal(d, last) or not now["model"]:
        return
    change = now["loss_after"] - now["loss"]
    if not (now["rho"] == -inf and change > 0):
        unit = 64 * eps(d.dtype)
        room = unit * (abs(now["loss"]) + abs(now["loss_after"])) / abs(now["model"])
        gap = abs(now["rho"] - change / now["model"])
        yield Finding("rho", gap, "<=", room + unit * abs(now["rho"]))
