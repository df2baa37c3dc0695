"""Contents: another matrix of the family, a part of one, or products and diagonals of these."""

from dataclasses import replace

import numpy as np

from ....curvature import gauss_newton as gn
from ....curvature.hessian import hessian
from ....curvature.operator import dense
from ....curvature.positive_curvature import positive_curvature
from ....derivatives.jacobian import per_example_gradients
from ....derivatives.routes import gradient
from ....network.losses import softmax
from ..hypotheses import CONVENTION, ERROR, content
from ..retold import (FISHERS, GAUSS_NEWTONS, HESSIANS, MATRICES, as_subject, sandwiched,
                     without_decay)

PRODUCTS = ("hvp", "ggnvp")
ALL = MATRICES + PRODUCTS
DIAGONALS = tuple(name for name in MATRICES if name.endswith("_diagonal"))
WHOLE = tuple(name for name in MATRICES if name not in DIAGONALS
              and not name.endswith("_blocks")) + PRODUCTS


def matrix(name, kind, says, advice, subjects=ALL, cost=1.0):
    """Registers a function of a Case that gives a matrix (P, P)."""
    def register(function):
        @content(name, kind, says, advice, subjects, cost)
        def arrays(case):
            found = function(case)
            return None if found is None else as_subject(case, found)
        return function
    return register


def _others(*names):
    """All subjects but these."""
    return tuple(name for name in ALL if name not in names)


# ---- the family ----

@matrix("Hessian", ERROR, "it is the Hessian, with the residual part", "Take J^T S J alone.",
        _others("hvp", *HESSIANS))
def _hessian(case):
    return dense(hessian(without_decay(case), case.theta))


@matrix("Gauss-Newton", ERROR, "it is the Gauss-Newton matrix: the residual part is missing",
        "Add sum_c (dloss/dz_c) d^2 z_c/dtheta^2.", _others("ggnvp", *GAUSS_NEWTONS))
def _gauss_newton(case):
    return dense(gn.gauss_newton(case.objective, case.theta))


@matrix("residual part", ERROR, "it is the residual part of the Hessian alone: J^T S J is missing",
        "Differentiate the loss's own gradient, too: S = d^2 loss/dz^2.")
def _residual(case):
    return _hessian(case) - _gauss_newton(case)


@matrix("Fisher, type-2", ERROR, "it is the Fisher matrix of the model's own labels",
        "Say which matrix is wanted.", _others("fisher_type2", "fisher_diagonal"))
def _type2(case):
    return dense(gn.fisher(case.objective, case.theta))


@matrix("Fisher, empirical", ERROR, "it is the empirical Fisher matrix: the data's labels are "
        "used where the model's are needed", "Draw labels from the model, or take their "
        "expectation.", _others("fisher_empirical"))
def _empirical(case):
    return dense(gn.fisher(case.objective, case.theta, "empirical"))


@matrix("Fisher, likeliest labels", ERROR, "it is the empirical Fisher matrix of the likeliest "
        "labels", "Draw labels from the model, or take their expectation: the argmax is neither.")
def _likeliest(case):
    objective = case.objective
    if objective.loss.name != "CrossEntropy":
        return None
    labels = objective.outputs(case.theta).argmax(-1)
    return dense(gn.fisher(replace(objective, y=labels), case.theta, "empirical"))


@matrix("Fisher, centred", ERROR, "the mean gradient is subtracted: it is the centred empirical "
        "Fisher matrix", "Leave the mean in, or say so.")
def _centred(case):
    return dense(gn.fisher(case.objective, case.theta, "centred"))


@matrix("squared mean gradient", ERROR, "it is the outer product of the mean gradient with "
        "itself", "Square the gradients of the examples, and average then.")
def _mean_gradient(case):
    g = gradient(without_decay(case), case.theta)
    return np.outer(g, g)


@matrix("squared sums of places", ERROR, "it is the empirical Fisher matrix of whole sequences: "
        "gradients are summed over places before they are squared",
        "Labels at places are independent: square each place's gradient.", cost=1.25)
def _of_sequences(case):
    if len(case.objective.output_shape) < 3:
        return None
    rows = per_example_gradients(case.objective, case.theta)
    return rows.T @ rows / case.objective.R


# ---- the loss's part ----

def _output(case, change):
    """J^T S J with change(p (N, ..., C), S) for S."""
    objective = case.objective
    if objective.loss.name not in ("CrossEntropy", "BinaryCrossEntropy"):
        return None
    z = objective.outputs(case.theta)
    S = change(softmax(z)[0], objective.output_hessian(z))
    return None if S is None else sandwiched(objective, case.theta, S)


def _diagonal_of(S):
    return S * np.eye(S.shape[-1])


def _over_R(case, a):
    return case.objective.weighted(a, 2)


@matrix("diag(p) alone", ERROR, "the loss's Hessian is diag(p): - p p^T is missing",
        "S = diag(p) - p p^T.", GAUSS_NEWTONS + FISHERS + ("ggnvp",))
def _no_outer(case):
    if case.objective.loss.name != "CrossEntropy":
        return None
    return _output(case, lambda p, S: _over_R(case, p[..., None] * np.eye(p.shape[-1])))


@matrix("p p^T alone", ERROR, "the loss's Hessian is p p^T: diag(p) is missing",
        "S = diag(p) - p p^T.", GAUSS_NEWTONS + FISHERS + ("ggnvp",))
def _no_diagonal(case):
    if case.objective.loss.name != "CrossEntropy":
        return None
    return _output(case, lambda p, S: _over_R(case, p[..., :, None] * p[..., None, :]))


@matrix("S's diagonal", ERROR, "the loss's Hessian is its diagonal p (1 - p) alone",
        "S = diag(p) - p p^T: half of the bound of boosted trees is no bound.",
        GAUSS_NEWTONS + FISHERS + ("ggnvp",))
def _own_diagonal(case):
    if case.objective.loss.name != "CrossEntropy":
        return None
    return _output(case, lambda p, S: _diagonal_of(S))


@matrix("no S", ERROR, "the loss's Hessian is taken for I: it is J^T J",
        "Put S = d^2 loss/dz^2 between J^T and J.")
def _identity(case):
    objective = case.objective
    if objective.loss.name == "SquaredError":
        return None
    z = objective.outputs(case.theta)
    S = objective.weighted(np.zeros((*z.shape, z.shape[-1])) + np.eye(z.shape[-1]), 2)
    return sandwiched(objective, case.theta, S)


@matrix("S without the loss's", ERROR, "the full Hessian lacks p p^T: S = diag(p) in it",
        "S = diag(p) - p p^T.", ("hvp", *HESSIANS))
def _hessian_no_outer(case):
    G = _no_outer(case)
    return None if G is None else _residual(case) + G + case.objective.l2 * np.eye(len(G))


# ---- signs ----

for _phi, _says in (("abs", "absolute values"), ("clip", "positive parts")):
    @matrix(f"positive curvature: {_phi}", CONVENTION, f"it is the positive-curvature Hessian, "
            f"with {_says} of the bends f'' dL/dx", "Say which matrix is wanted.")
    def _positive(case, phi=_phi):
        return dense(positive_curvature(case.objective, case.theta, phi))


def _of_eigenvalues(case, change):
    if case.subject.name not in ("hvp", "hessian", "hessian_blocks"):
        return None
    values, Q = np.linalg.eigh(dense(hessian(case.objective, case.theta)))
    return (Q * change(values)) @ Q.T


@matrix("|H|", CONVENTION, "it is |H|, with the absolute values of the eigenvalues",
        "Say so: it is not the Hessian.", ("hvp", *HESSIANS))
def _absolute(case):
    return _of_eigenvalues(case, np.abs)


@matrix("H clipped", CONVENTION, "negative eigenvalues of the Hessian are set to 0",
        "Say so: it is not the Hessian.", ("hvp", *HESSIANS))
def _clipped(case):
    return _of_eigenvalues(case, lambda e: np.maximum(e, 0))


@content("negative entries clipped", ERROR, "negative entries are set to 0",
         "A Hessian's diagonal has either sign.", DIAGONALS)
def _no_negatives(case):
    return [np.maximum(a, 0) for a in case.ours] if any((a < 0).any() for a in case.ours) else None


@content("absolute entries", ERROR, "entries have lost their sign",
         "A Hessian's diagonal has either sign.", ("hvp", *DIAGONALS))
def _no_signs(case):
    return [np.abs(a) for a in case.ours] if any((a < 0).any() for a in case.ours) else None
