"""A factor for each matrix, or for each parameter: one layer that is scaled, or reversed, or 0."""

import numpy as np

from .explanation import explained
from .factors import UNKNOWN, Factor, fitted, name

EXTRA = 1.5                            # cost of a pattern that has as many numbers as layers
FEWEST = 3                             # entries of which one may be explained by any number


def segmented(case, content, arrangement, pred):
    """Yield the Explanations by one factor for each matrix, and for each named parameter.

    Along two axes of theta the factor of a block is free, and blocks (l, m) and (m, l) share it.
    """
    if len(pred) != 1 or len(case.pieces) != 1 or pred[0].shape != case.pieces[0].array.shape:
        return
    axes = [i for i, axis in enumerate(case.pieces[0].axes) if axis == ("theta", None)]
    if not axes:
        return
    for extra, parts in enumerate((matrices(case), parameters(case))):
        if len(parts) > 1:
            factors, left = by_part(case, pred[0], axes, parts)
            if acceptable(factors):
                yield explained(case, content, arrangement,
                                {key: f for key, f in factors.items() if f.text != ""}
                                or {"": Factor(1.0)}, left, EXTRA + extra / 2, strict=True)


def matrices(case):
    """{names of its parameters: entries}, matrix by matrix."""
    net, found = case.objective.net, {}
    for s in net.layout.slices:
        names = [n for n, a in net.entries().items() if s.start <= a.min() and a.max() < s.stop]
        found[" and ".join(names)] = np.arange(s.start, s.stop)
    return found


def parameters(case):
    """{name: entries}."""
    return {name: np.ravel(a) for name, a in case.objective.net.entries().items()}


def by_part(case, pred, axes, parts):
    """({part, or pair of parts: Factor}, the largest relative residual)."""
    factors, left = {}, 0.0
    for key, indices in pairs(parts, len(axes)):
        t, p = (np.concatenate([_picked(a, axes, index).ravel() for index in indices])
                for a in (case.theirs[0], pred))
        factors[key] = _factor(_constants(case, indices), case.closeness, t, p)
        size, off = np.linalg.norm(t), np.linalg.norm(t - factors[key].value * p)
        left = max(left, float(off / size) if size else float(off > 0))
    return factors, left


def pairs(parts, count):
    """(key, index arrays of the blocks that share a factor) along one axis of theta, or two."""
    if count == 1:
        return [(key, [(index,)]) for key, index in parts.items()]
    keys = list(parts)
    return [(a if a == b else f"{a} with {b}",
             [(parts[a], parts[b])] + [(parts[b], parts[a])] * (a != b))
            for i, a in enumerate(keys) for b in keys[i:]]


def _picked(a, axes, index):
    for axis, chosen in zip(axes, index):
        a = np.take(a, chosen, axis)
    return a


def _constants(case, indices):
    """The problem's, and those of the matrix in which all the entries lie."""
    layout = case.objective.net.layout
    found = {l for block in indices for index in block for l, s in enumerate(layout.slices)
             if s.start <= index[0] < s.stop}
    return case.constants | (case.of_layer(*found) if len(found) == 1 else {})


def _factor(constants, closeness, t, p):
    value = fitted([t], [p])
    if not np.isfinite(value):                     # p is 0, and so must theirs be
        return Factor(1.0)
    if abs(value) <= closeness:
        return Factor(0.0, "0", 1.0)
    found = name(value, constants, closeness)
    return found if found.named or t.size >= FEWEST else Factor(np.nan, None, UNKNOWN)


def acceptable(factors):
    """Whether at most one number has no name, and some factor is 1 or the same as another."""
    unknown = [f for f in factors.values() if not f.named]
    if len(unknown) > 1 or any(not np.isfinite(f.value) for f in unknown):
        return False
    return any(f.text == "" for f in factors.values()) and len(
        {f.text for f in factors.values()}) > 1
