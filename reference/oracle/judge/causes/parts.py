"""Contents: parts of an answer, sums not taken or taken elsewhere, arguments that do not enter."""

from dataclasses import replace

import numpy as np

from ....derivatives.jacobian import per_example_gradients
from ....derivatives.routes import gradient, hvp
from ....network.compose import Sequential
from .losses import Softmax
from .matrices import DIAGONALS, WHOLE, matrix
from ..hypotheses import CONVENTION, ERROR, content
from ..orders import is_bias
from ..retold import arrays_of, output_matrix, sandwiched, without_decay
from ..segments import parameters
from ..subjects import SUBJECTS

# ---- parts of a matrix ----


def ours_dense(case):
    """The matrix (P, P) of which the subject is a form: for products, that of the operator."""
    if len(case.ours) == 1 and case.ours[0].ndim == 2:
        return case.ours[0]
    if case.subject.name == "hvp":
        return arrays_of_subject(case, "hessian")
    objective = case.objective
    return sandwiched(objective, case.theta, output_matrix(case, objective, case.theta))


def arrays_of_subject(case, name):
    """The one array of another subject at the same point."""
    return SUBJECTS[name].pieces(case.objective, case.theta)[0].array


def _masked(case, groups):
    """The matrix, 0 wherever its row and column are of different groups."""
    if len(groups) < 2:
        return None
    M, kept = ours_dense(case), np.zeros((case.theta.size,) * 2, bool)
    for index in groups:
        kept[np.ix_(index, index)] = True
    return np.where(kept, M, 0)


@matrix("block-diagonal", CONVENTION, "only the diagonal blocks of the matrices are there",
        "State that it is block-diagonal.", WHOLE)
def _blocks(case):
    net = case.objective.net
    return _masked(case, [np.arange(s.start, s.stop) for s in net.layout.slices])


@matrix("blocks of parameters", CONVENTION, "only the diagonal blocks of weights and biases are "
        "there, without those of a weight with its bias", "State that biases are blocks of their "
        "own.", (*WHOLE, "hessian_blocks", "gauss_newton_blocks"))
def _parameter_blocks(case):
    if case.subject.name.endswith("_blocks"):
        return _of_blocks(case)
    return _masked(case, list(parameters(case).values()))


def _of_blocks(case):
    """The same, where ours are blocks."""
    M = np.zeros((case.theta.size,) * 2)
    for s, block in zip(case.objective.net.layout.slices, case.ours):
        M[s, s] = block
    kept = np.zeros(M.shape, bool)
    for index in parameters(case).values():
        kept[np.ix_(index.ravel(), index.ravel())] = True
    return np.where(kept, M, 0)


@matrix("diagonal alone", CONVENTION, "only the diagonal is there", "State that it is a diagonal.",
        WHOLE)
def _diagonal(case):
    return np.diag(np.diagonal(ours_dense(case)))


@content("one number", ERROR, "a mean over the parameters, too, has been taken",
         "Average over examples alone.", DIAGONALS)
def _one_number(case):
    return [np.full_like(a, a.mean()) for a in case.ours]


@content("gradient for squares", ERROR, "it is the gradient: nothing is squared",
         "Square the gradients of the examples before the sum.", DIAGONALS)
def _not_squared(case):
    return [gradient(without_decay(case), case.theta)]


# ---- directions ----

@content("v does not enter: gradient", ERROR, "v does not enter: it is the gradient",
         "Differentiate the gradient along v.", ("hvp", "ggnvp"))
def _gradient(case):
    return [gradient(case.objective, case.theta)]


@content("v does not enter: squares", ERROR, "v does not enter: it is the squared gradient",
         "Multiply v with H v.", ("hvp", "ggnvp", "hessian_diagonal", "gauss_newton_diagonal"))
def _squares(case):
    return [gradient(case.objective, case.theta) ** 2]


@content("v returned", ERROR, "it is v itself", "Multiply it.", ("hvp", "ggnvp"))
def _itself(case):
    return [case.arguments["v"]]


@content("v times H v", ERROR, "it is v times H v, entry by entry: an estimate of the diagonal",
         "Leave out the second factor v.", ("hvp", "ggnvp"))
def _hutchinson(case):
    return [case.arguments["v"] * case.ours[0]]


@content("sums of rows", ERROR, "each entry is the sum of its row: H 1, as by probes of ones",
         "Take the diagonal, or probes of random signs.", ("hessian_diagonal",))
def _summed(case):
    return [hvp(case.objective, case.theta, np.ones(case.theta.size))]


@content("H twice", ERROR, "the matrix is multiplied twice", "Multiply once.", ("hvp", "ggnvp"))
def _twice(case):
    return [ours_dense(case) @ case.ours[0]]


@content("squares times v", ERROR, "it is the squared gradient times v, entry by entry",
         "That is no product with the Hessian.", ("hvp", "ggnvp"), 1.25)
def _squares_along(case):
    return [gradient(case.objective, case.theta) ** 2 * case.arguments["v"]]


@content("probabilities", ERROR, "it is the derivative of the probabilities, not of the logits",
         "Leave softmax out of the network: the loss has it.", ("jacobian", "jvp", "vjp"))
def _probabilities(case):
    objective = case.objective
    if objective.loss.name != "CrossEntropy":
        return None
    net = Sequential(*objective.net.layers, Softmax(), names=(*objective.net.names, ""))
    return arrays_of(case, replace(objective, net=net))


# ---- sums over examples ----

def _biases(case):
    """Which entries of theta are biases."""
    mask = np.zeros(case.theta.size, bool)
    for name, entries in case.objective.net.entries().items():
        mask[entries] |= is_bias(name)
    return mask


for _n, _which in ((0, "first"), (-1, "last")):
    @content(f"biases of the {_which} example", ERROR,
             f"the gradients of biases are those of the {_which} example, not summed over the "
             "batch", "Sum over the batch: visible only for N > 1.", ("gradient", "vjp"))
    def _not_summed(case, n=_n):
        objective = case.objective
        if case.subject.name == "vjp":
            u = np.zeros_like(case.arguments["u"])
            u[n] = case.arguments["u"][n]
            one = case.subject.pieces(objective, case.theta, u)[0].array
        else:
            w = objective.example_weights
            w = np.ones(objective.N) if w is None or w.ndim > 1 else w
            one = per_example_gradients(objective, case.theta)[n] * w[n] / objective.R
            one = objective.decayed(one, case.theta)
        mask = _biases(case)
        return [np.where(mask, one, case.ours[0])] if mask.any() else None


@content("biases averaged", ERROR, "the gradients of biases are divided by N once more",
         "Sum the gradients over the batch, which carry 1/N already.", ("gradient",))
def _averaged(case):
    mask = _biases(case)
    return [np.where(mask, case.ours[0] / case.objective.N, case.ours[0])] if mask.any() else None


@content("weighted gradients", CONVENTION, "each example's gradient is multiplied by its weight",
         "Ours are those of loss_n, without weights.", ("per_example_gradients",))
def _weighted(case):
    w = case.objective.weights
    return None if w is None else [w[:, None] * case.ours[0]]


@content("decayed gradients", CONVENTION, "each example's gradient has the weight decay in it",
         "Ours are those of loss_n alone.", ("per_example_gradients",))
def _decayed(case):
    l2 = case.objective.l2
    return [case.ours[0] + l2 * case.theta] if l2 else None


@content("nothing", ERROR, "it is 0 throughout",
         "Look for a graph that was detached, or a sum that nothing was added to.", cost=1.1,
         exact=True)
def _nothing(case):
    return [np.zeros_like(a) for a in case.ours] if any(a.any() for a in case.ours) else None
