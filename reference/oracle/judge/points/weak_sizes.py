"""Sizes that hide faults: those that coincide, are 1, or make a transpose fit."""

from math import prod

import numpy as np

from ....network.affine import Dense
from ....network.patches import Convolution
from .audit import listed, weakness

FACTORED = ("kfac", "kfac_A", "kfac_G", "kfac_inverse", "kfac_blocks", "kfac_factor_inverses",
            "kfac_direction", "kflr", "ekfac")


def sizes(point):
    """{symbol: number} of which factors are made, those that are 1 left out."""
    N, *places, C = point.objective.output_shape
    found = {"2": 2, "N": N, "C": C, "T": prod(places)}
    for place in point.of(Convolution):
        found[f"S of layer {place.path}"] = prod(place.y.shape[2:])
    return {symbol: size for symbol, size in found.items() if size > 1}


@weakness("sizes")
def coincide(point):
    """N = C, or N = 2 C: a factor has two names."""
    found = sizes(point)
    names, told = list(found), []
    for i, a in enumerate(names):
        for b in names[i + 1:]:
            if found[a] == found[b]:
                told.append(f"{a} = {b} = {found[a]}: a factor of {a} cannot be told from one of "
                            f"{b}" if a != "2" else
                            f"{b} = 2: a factor of {b} cannot be told from a 2")
    for a in names:
        for i, b in enumerate(names):
            for c in names[i:]:
                if a not in (b, c) and found[a] == found[b] * found[c]:
                    told.append(f"{a} = {b} x {c} = {found[a]}: a factor of {a} cannot be told "
                                "from theirs")
    return listed(told)


@weakness("one example")
def single(point):
    """N = 1: no sum over examples."""
    if point.objective.N == 1:
        return "N = 1: a sum over examples that is a mean, or is missing, goes unseen"


@weakness("one place", FACTORED)
def one_place(point):
    """S = 1: expand and reduce are one."""
    found = [f"layer {place.path}" for place in point.of(Convolution)
             if prod(place.y.shape[2:]) == 1]
    if found:
        return f"{listed(found)} has one place: expand cannot be told from reduce"


def _weights(point):
    """(path, W0 (O, I0)) of dense layers."""
    start = {}
    for layer, l in _dense(point):
        W = point.matrices[l]
        start[l] = W[:, :-1] if layer.bias else W
    return start


def _dense(point):
    from ...conventions.scales import owners       # it imports factors of this folder
    return [(layer, l) for l, layer in enumerate(owners(point.net)) if isinstance(layer, Dense)]


@weakness("square")
def square(point):
    """O = I0: a transpose has the same shape."""
    found = [f"W of matrix {l}" for l, W in _weights(point).items()
             if W.shape[0] == W.shape[1] > 1]
    if found:
        return f"{listed(found)} is square: a transpose has its shape, and numbers alone tell it"


@weakness("symmetric")
def symmetric(point):
    """W0 = W0^T: a transpose is no other matrix."""
    found = [f"W of matrix {l}" for l, W in _weights(point).items()
             if W.shape[0] == W.shape[1] > 1 and np.array_equal(W, W.T)]
    if found:
        return f"{listed(found)} is symmetric: W in place of its transpose goes unseen"
