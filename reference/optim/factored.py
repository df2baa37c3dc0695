"""What K-FAC's steps are made of: averaged factors, damped inverses, and a model in few directions.

    M(c) = slopes.c + c.Qc/2,    Q = V (F + damping I) V^T,    slopes = V g,    V (K, P)
"""

from math import ceil

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole, shown
from ..curvature.gauss_newton import output_fisher
from ..curvature.kron import KronBlocks
from ..curvature.tridiagonal import KronTridiagonal
from ..derivatives import dual


def part_of(objective, fraction):
    """The first ceil(fraction N) examples."""
    if fraction < 1 and objective.reduction == "sum":
        raise ValueError(f"{fraction} of a batch has that part of a sum alone, beside a gradient "
                         "of all; pass an objective with reduction='mean', or whole batches, "
                         "statistics_batch=1 and curvature_batch=1.")
    return objective if fraction == 1 else objective.batch(slice(ceil(fraction * objective.N)))


def blended(past, now, weight):
    """weight past + (1 - weight) now of all factors: lists, products, and those beside others."""
    if isinstance(past, (list, tuple)):
        return type(past)(blended(a, b, weight) for a, b in zip(past, now))
    if isinstance(past, KronBlocks):
        return KronBlocks(blended(past.blocks, now.blocks, weight))
    if isinstance(past, KronTridiagonal):
        return KronTridiagonal(blended(past.krons, now.krons, weight),
                               blended(past.beside, now.beside, weight))
    return type(past)(*(weight * a + (1 - weight) * b
                        for a, b in ((past.G, now.G), (past.A, now.A))))


def damped_inverse(factors, damping, rule="pi"):
    """F~^-1, damped by the rule: (sqrt(lam)/pi, sqrt(lam) pi) on (G, A) for "pi" [MG15, sec. 6.3].

    A list of products, or the TridiagonalInverse of a KronTridiagonal, for which "pi" is the rule.
    """
    if isinstance(factors, KronTridiagonal):
        return factors.inv(damping)
    return [K.inv(damping, rule) for K in factors]


def times(inverse, v, layout):
    """F~^-1 v (P,)."""
    if not isinstance(inverse, list):
        return inverse.matvec(v)
    return np.concatenate([K.matvec(v[s]) for K, s in zip(inverse, layout.slices)])


def curvatures(objective, theta, V, kind):
    """V F V^T (K, K) for rows of V (K, P), by forward mode alone [MG15, app. C]."""
    z, U = objective.outputs(theta), dual.jvp(objective, theta, V)
    if kind == "ggn" or objective.loss.line.fisher is None:
        SU = dual.derivative(objective.dz, z, U)
    else:
        SU = F.einsum("...ij,...j->...i", output_fisher(objective, z, "type-2"), U)
    return U.reshape(len(V), -1) @ SU.reshape(len(V), -1).T


def minimiser(Q, slopes):
    """c = -Q^-1 slopes for Q (1, 1) or (2, 2), semidefinite; of the first row alone for rank 1."""
    first = -slopes[0] / Q[0, 0] if Q[0, 0] > 0 else 0 * slopes[0]
    if len(Q) == 1:
        return np.stack([first])
    product = Q[0, 0] * Q[1, 1]
    determinant = product - Q[0, 1] * Q[1, 0]
    if not determinant > 8 * np.finfo(Q.dtype).eps * product:
        return np.stack([first, 0 * first])
    return np.stack([Q[0, 1] * slopes[1] - Q[1, 1] * slopes[0],
                     Q[1, 0] * slopes[0] - Q[0, 0] * slopes[1]]) / determinant


def require_seed(optimizer):
    """ValueError unless `seed` is a whole number, 0 or more."""
    if not is_whole(optimizer.seed, 0):
        raise ValueError(f"seed of {type(optimizer).__name__} is {shown(optimizer.seed)}; pass a "
                         "whole number, 0 or more.")
