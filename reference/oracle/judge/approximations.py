"""What theirs is nearly, where nothing known fits to rounding: a lower precision, or differences.

Each function gives an Explanation of kind "precision", or None.  A lower precision is told where
every entry is within what it allows; finite differences where the error points the way that a
difference quotient's error does, whatever the step.
"""

from dataclasses import replace

import numpy as np

from ...derivatives.routes import gradient
from .explanation import Explanation
from .factors import Factor
from .hypotheses import PRECISION
from .retold import HESSIANS, as_subject
from .tolerance import bounds_of

PRECISIONS = (("float32", 2.0 ** -23), ("TF32 or float16", 2.0 ** -10), ("bfloat16", 2.0 ** -7))
MOST, LEAST = 0.6, 5e-4                            # of the entries are off, by this of their bound
COARSEST = 0.2                                     # share of a block's norm that roundings may move


def approximation(case, estimate):
    """The first that applies, or None; `estimate` tells Monte-Carlo noise from coarse rounding."""
    if [t.shape for t in case.theirs] != [a.shape for a in case.ours]:
        return estimate(case)
    fine, *lower = PRECISIONS
    short = stored_as(case.theirs) in ("float16", "bfloat16") and lower_precision(case, lower)
    return (short or differences(case) or lower_precision(case, [fine]) or partly_single(case)
            or estimate(case) or lower_precision(case, lower))


def _explained(case, name, says, advice, cost=2.0):
    left = max(np.linalg.norm(t - a) / (np.linalg.norm(t) or 1)
               for t, a in zip(case.theirs, case.ours))
    return Explanation(name, "as it is", PRECISION, {"": Factor(1.0)}, float(left), cost, says,
                       advice)


# ---- precision ----

def stored_as(arrays):
    """The narrowest format that holds all numbers exactly: its name, or None for float64.

    None for whole numbers, too, which every format holds.
    """
    if all(np.array_equal(a, np.rint(a)) for a in arrays):
        return None
    for name, keep in (("bfloat16", _bfloat16), ("float16", np.float16), ("float32", np.float32)):
        with np.errstate(over="ignore"):
            if all(np.array_equal(keep(a).astype(float), a) for a in arrays):
                return name
    return None


def _bfloat16(a):
    """Numbers with the last 16 bits of their float32 cut off."""
    bits = np.ascontiguousarray(a, np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def lower_precision(case, precisions):
    """Ours, as a program of lower precision than was declared would have it."""
    for name, eps in precisions:
        if eps <= case.tolerance.eps:
            continue
        bounds = bounds_of(case.subject, case.given, case.options, case.pieces, eps)
        if coarse(case, bounds):
            return None
        if rounded(case, bounds):
            stored = stored_as(case.theirs)
            says = f"it is computed in {name}" + (f", and stored in {stored}" if stored else "")
            return _explained(case, f"precision: {name}", says,
                              "Compute in float64, or pass dtype= and be judged by that.")
    return None


def coarse(case, bounds):
    """Whether the bounds are so wide that anything would do."""
    return any(np.linalg.norm(b) > COARSEST * np.linalg.norm(a) for a, b in zip(case.ours, bounds))


def rounded(case, bounds):
    """Whether no entry is beyond its bound, and most of those that can be are off as roundings."""
    off, b, exact = (np.concatenate([np.ravel(x) for x in arrays]) for arrays in (
        [t - a for t, a in zip(case.theirs, case.ours)], bounds, case.tolerance.bounds))
    off, moved = np.abs(off), b > 0.01 * b.max()
    return bool((off <= b).all() and np.mean(off[moved] > exact[moved]) > MOST
                and np.median(off[moved] / b[moved]) > LEAST)


def partly_single(case):
    """Ours, some of it as off as float32 is: a constant that was rounded to it, or added."""
    eps = PRECISIONS[0][1]
    if eps <= case.tolerance.eps:
        return None
    bounds = bounds_of(case.subject, case.given, case.options, case.pieces, eps)
    if coarse(case, bounds):
        return None
    off, b, exact = (np.concatenate([np.ravel(x) for x in arrays]) for arrays in (
        [np.abs(t - a) for t, a in zip(case.theirs, case.ours)], bounds, case.tolerance.bounds))
    wrong = off > exact
    if not wrong.any() or (off > b).any() or np.max(off / b) < LEAST:
        return None
    return _explained(
        case, "precision: float32 in part", f"a part of it was computed in float32: "
        f"{wrong.sum()} of {off.size} entries are off, by {off.max():.0e} at most; or a constant "
        "as small as that was added", "Make every array and constant float64, identity matrices "
        "and buffers too; look for an epsilon.")


def as_stored(case):
    """The Case judged by the precision in which its numbers are stored, or None if it was."""
    stored = stored_as(case.theirs)
    eps = {"float32": 2.0 ** -23, "float16": 2.0 ** -10, "bfloat16": 2.0 ** -7}.get(stored, 0.0)
    if eps <= case.tolerance.eps or not any(a.any() for a in case.theirs):
        return None
    bounds = bounds_of(case.subject, case.given, case.options, case.pieces, eps)
    return replace(case, tolerance=replace(case.tolerance, bounds=bounds, eps=eps)), stored


# ---- finite differences ----

STEP = 1e-4                                        # whose truncation error is seen beside rounding
ALONG = 0.999                                      # cosine with which an error is of this kind
WHOLE, LOST = 1e-3, 64                             # what is left of it, and roundings in it


def differences(case):
    """Ours by forward or central differences, of a step that is fitted."""
    error = np.concatenate([(t - a).ravel() for t, a in zip(case.theirs, case.ours)])
    for name, power in (("forward", 1), ("central", 2)):
        made = _quotients(case, power)
        if made is None:
            return None
        own = np.concatenate([(t - a).ravel() for t, a in zip(made, case.ours)])
        size = np.linalg.norm(own) * np.linalg.norm(error)
        if size and own.size > 2 and abs(own @ error) > ALONG * size:
            h = _step(case, power, error, STEP)
            if h is None:
                continue
            if h < 0:
                name, h = "backward", -h
            return _explained(case, f"{name} differences", f"it is computed by {name} differences, "
                              f"with a step of about {h:.1e}, which is too large",
                              "Take a smaller step, or derivatives that are exact.")
    return None


def _step(case, power, error, h):
    """The step with which the quotient's own error is this one, whole; None if no step's is."""
    for _ in range(3):
        made = _quotients(case, power, h)
        own = np.concatenate([(t - a).ravel() for t, a in zip(made, case.ours)])
        ratio = float(own @ error / (own @ own))
        h *= np.sign(ratio) ** power * abs(ratio) ** (1 / power)
    lost = LOST * max(map(np.linalg.norm, case.theirs)) * case.tolerance.eps / abs(h) ** (3 - power)
    left = np.linalg.norm(error - ratio * own)
    return h if left <= WHOLE * np.linalg.norm(error) + lost else None


def _quotients(case, power, h=STEP):
    """The subject by difference quotients with a step: forward for power 1, central for power 2."""
    objective, theta, name = case.objective, case.theta, case.subject.name

    def quotient(f, v):
        if power == 1:
            return (f(theta + h * v) - f(theta)) / h
        return (f(theta + h * v) - f(theta - h * v)) / (2 * h)

    def g(t):
        return gradient(objective, t)
    units = np.eye(theta.size)
    if name == "gradient":
        return [np.array([quotient(objective.value, e) for e in units])]
    if name == "hvp":
        return [quotient(g, case.arguments["v"])]
    if name == "jvp":
        return [quotient(objective.outputs, case.arguments["v"])]
    if name in HESSIANS:
        return as_subject(case, np.stack([quotient(g, e) for e in units], axis=-1))
    return None
