"""What a loss accepts as targets: validated once, when an Objective is made."""

import numpy as np

from ..arrays.checks import require_finite, require_float, require_shape
from ..arrays.namespace import library
from ..arrays.precision import widest
from ..arrays.transfer import alongside, to_host


def real(y, shape, *_):
    """Floats of the shape of z."""
    require_shape("y", y.shape, shape, "the network's output")
    require_float("y", y, "f")
    require_finite("y", y)
    return y, None


def probabilities(y, shape, *_):
    """Floats in [0, 1] of the shape of z."""
    real(y, shape)
    _require_all((y >= 0) & (y <= 1), y, "probabilities in [0, 1]")
    return y, None


def counts(y, shape, *_):
    """Whole, non-negative floats of the shape of z."""
    real(y, shape)
    _require_all((y >= 0) & (y == np.round(y)), y, "whole numbers >= 0")
    return y, None


def half(y, shape, *_):
    """Floats (N, C) for outputs (N, 2C): means, then log variances."""
    if shape[-1] % 2:
        raise ValueError(f"Gaussian needs an even number of outputs (means, log variances), "
                         f"got {shape[-1]}.")
    return real(y, shape[:-1] + (shape[-1] // 2,))


def classes(y, shape, weights=None, smoothing=0.0, ignore=None):
    """Labels (N,) or probabilities (N, C) -> distributions q (N, C) and example weights.

    Whole numbers stay integers, small ones, so that they widen no float; what smoothing and class
    weights make of labels is in the widest floats, for the objective to round.
    """
    C = shape[-1]
    labels = y.dtype.kind in "iu"
    if labels:
        q, mass = _one_hot(y, shape, ignore)
    elif y.shape == tuple(shape[:-1]):
        raise ValueError(f"labels hold {y.dtype}; write y.astype(int) if these are class numbers.")
    elif ignore is not None:
        raise ValueError(f"ignore={ignore} speaks of labels, but y holds probabilities {y.shape}; "
                         "leave ignore out, and give those examples weight 0.")
    else:
        q, mass = probabilities(y, shape)[0], None
        _require_all((q.sum(-1) - 1) ** 2 <= 1e-12, q.sum(-1), "rows that sum to 1")
    wide = widest(y) if labels else float
    if smoothing:
        q = (1 - wide(smoothing)) * q + wide(smoothing) / C
    if weights is not None:
        require_shape("class weights", (len(weights),), (C,), "the number of classes")
        q = q * alongside(np.asarray(weights, wide), y)
        total = q.sum(-1)
        q = q / np.where(total > 0, total, 1)[..., None]
        mass = total if mass is None else mass * total
    return q, mass


def counted(y, weights=None, smoothing=0.0, ignore=None):
    """What each label adds to a mean's denominator in PyTorch: its class weight, 0 if ignored.

    None if all count as 1, as probabilities do, class weights or not.
    """
    if y.dtype.kind not in "iu" or (weights is None and ignore is None):
        return None
    kept = library(y).ones(y.shape, bool) if ignore is None else y != ignore
    if weights is None:
        return kept.astype("int8")
    return np.where(kept, alongside(np.asarray(weights, widest(y)), y)[np.where(kept, y, 0)], 0)


def _one_hot(y, shape, ignore):
    require_shape("y", y.shape, shape[:-1], "one label for each of the network's outputs")
    kept = library(y).ones(y.shape, bool) if ignore is None else y != ignore
    inside = (y >= 0) & (y < shape[-1])
    _require_all(inside | ~kept, y, f"labels in 0..{shape[-1] - 1}")
    q = library(y).eye(shape[-1], dtype="int8")[np.where(kept & inside, y, 0)]
    return q, (None if kept.all() else kept.astype("int8"))


def _require_all(holds, y, what):
    if not np.all(holds):
        first = tuple(int(i) for i in np.argwhere(~to_host(holds))[0])
        raise ValueError(f"y must be {what}; y[{', '.join(map(str, first))}] = {y[first]} "
                         f"({int((~holds).sum())} entries are wrong).")
