"""A subject of another objective: what a program would return that differentiates a mutant.

First derivatives and products come from the mutant's own passes.  Matrices come from these, too:
the Hessian column by column, from H v; J^T S J from the Jacobian that the mutant's backward pass
gives.  A fast assembly would not see a backward pass that is not the derivative of its forward one.
"""

from dataclasses import replace

import numpy as np

from ...curvature import gauss_newton as gn
from ...derivatives.jacobian import jacobian
from ...derivatives.routes import hvp

FIRST_ORDER = ("gradient", "per_example_gradients", "jacobian", "vjp")
HESSIANS = ("hessian", "hessian_blocks", "hessian_diagonal")
GAUSS_NEWTONS = ("gauss_newton", "gauss_newton_blocks", "gauss_newton_diagonal")
FISHERS = ("fisher_type2", "fisher_empirical", "fisher_mc", "fisher_diagonal")
MATRICES = HESSIANS + GAUSS_NEWTONS + FISHERS
SECOND = ("hvp", *HESSIANS)                                 # where f'' enters
FIRST = FIRST_ORDER + ("hvp", "ggnvp") + MATRICES           # where a backward pass enters
DERIVATIVES = ("value", "jvp") + FIRST                      # where the function enters


def retold(case, objective, theta=None):
    """The arrays of the subject for another objective; None for None."""
    if objective is None:
        return None
    theta, name = case.theta if theta is None else theta, case.subject.name
    if name in HESSIANS:
        return as_subject(case, hvp(objective, theta, np.eye(theta.size)).T)
    if name in GAUSS_NEWTONS + ("fisher_type2", "fisher_empirical", "fisher_diagonal", "ggnvp"):
        return as_subject(case, sandwiched(objective, theta, output_matrix(case, objective, theta)))
    return arrays_of(case, objective, theta)


def arrays_of(case, objective, theta=None):
    """The subject by its own function."""
    given = (objective, case.theta if theta is None else theta, *case.given[2:])
    return [piece.array for piece in case.subject.pieces(*given, **case.options)]


def output_matrix(case, objective, theta):
    """S (N, ..., C, C) of the subject: of Gauss-Newton, or of a Fisher matrix."""
    z = objective.outputs(theta)
    name = case.subject.name
    if name in GAUSS_NEWTONS + ("ggnvp",):
        return objective.output_hessian(z)
    kind = case.options.get("kind", "type-2") if name == "fisher_diagonal" else {
        "fisher_type2": "type-2"}.get(name, "empirical")
    return gn.output_fisher(objective, z, kind)


def sandwiched(objective, theta, S, J=None):
    """sum_n J_n^T S_n J_n (P, P), J (N, ..., C, P) by backpropagation."""
    J = jacobian(objective, theta) if J is None else J
    C, P = J.shape[-2:]
    rows = J.reshape(-1, C, P)
    return np.tensordot(rows, S.reshape(-1, C, C) @ rows, ((0, 1), (0, 1)))


def as_subject(case, matrix):
    """A matrix (P, P) in the form of the subject: itself, its blocks, its diagonal, or its product.

    None if the subject has no such form.
    """
    axes = [piece.axes for piece in case.pieces]
    theta = ("theta", None)
    if case.subject.name in ("hvp", "ggnvp"):
        return [matrix @ case.arguments["v"]]
    if axes == [(theta, theta)]:
        return [matrix]
    if axes == [(theta,)] and case.subject.name.endswith("_diagonal"):
        return [np.diagonal(matrix)]
    if all(piece.slot == "block" for piece in case.pieces):
        return [matrix[s, s] for s in case.objective.net.layout.slices]
    return None


def without_decay(case):
    """The objective with l2 = 0."""
    return replace(case.objective, l2=0.0)
