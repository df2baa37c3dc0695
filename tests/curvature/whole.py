"""Every layer's small problem with its matrices made by products: what parts are compared with."""

from functools import cache

import numpy as np

import reference as ref
from reference.arrays.precision import eps
from reference.problems.layers import LAYERS

MATRICES = {"hessian": ref.hessian, "gauss_newton": ref.gauss_newton,
            "centred": lambda o, t: ref.fisher(o, t, "centred")}
FEW = ["Dense", "Conv2d twice", "LSTM", "Tied", "Dense at places", "BatchNorm"]
CASES = [(name, matrix) for matrix in MATRICES for name in (FEW if matrix == "centred" else LAYERS)]
TOLERANCE = 45 * eps(float)           # of the largest entry of the whole matrix


def problem(name):
    return LAYERS[name](np.random.default_rng(0))


@cache
def whole(name, matrix):
    """The net, the operator, and its columns."""
    objective, theta = problem(name)
    operator = MATRICES[matrix](objective, theta)
    return objective.net, operator, ref.columns(operator)


def off(part, truth, matrix):
    """max |part - truth| over the largest entry of the matrix; infinite for other shapes."""
    if part.shape != truth.shape or not np.isfinite(part).all():
        return np.inf
    return np.abs(part - truth).max(initial=0) / np.abs(matrix).max()
