"""How near arrays are to each other: pieces, entries within bounds, entries in another order."""

import numpy as np


def coincide(arrays, ours, closeness):
    """Whether arrays are ours, to rounding."""
    return [a.shape for a in arrays] == [b.shape for b in ours] and all(
        np.linalg.norm(a - b) <= closeness * np.linalg.norm(b) for a, b in zip(arrays, ours))


def same_entries(case, arrays):
    """Whether theirs may have the entries of `arrays` in another order, up to a factor each."""
    def shape_of_values(a):
        a = np.abs(a).ravel()
        size = np.linalg.norm(a) or 1.0
        return np.array([a.sum() / size, np.square(a / size).dot(np.square(a / size))])
    if [a.size for a in arrays] != [t.size for t in case.theirs]:
        return True
    return all(np.allclose(shape_of_values(a), shape_of_values(t), rtol=16 * case.closeness, atol=0)
               for a, t in zip(arrays, case.theirs))


def is_within(case, arrangement, pred, factors):
    """Whether every entry is as near as its tolerance, in ours arranged and scaled."""
    bounds = arrangement.apply(case, case.tolerance.bounds)
    if [b.shape for b in bounds or ()] != [p.shape for p in pred]:
        return True
    return all((np.abs(t - c * p) <= 2 * np.abs(c * b)).all()
               for t, p, b, c in zip(case.theirs, pred, bounds, factors))


def is_zero(case, a):
    """Whether a piece is nothing beside the largest of theirs."""
    return np.linalg.norm(a) <= case.closeness * max(map(np.linalg.norm, case.theirs))


def residual(case, pred, factors):
    """max over pieces of |theirs - c pred|/|theirs|."""
    def off(t, p, c):
        if is_zero(case, t):
            return float(not is_zero(case, p))
        return np.linalg.norm(t - c * p) / np.linalg.norm(t)
    return float(max(map(off, case.theirs, pred, factors)))
