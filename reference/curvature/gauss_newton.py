"""Matrices of the form (1/R) sum_n w_n J_n^T S_n J_n: Gauss-Newton and Fisher differ only in S.

J_n = dz_n/dtheta (C, P).  Weight decay is not in them: add l2 I if it is wanted.
"""

from ..arrays import functions as F
from ..arrays.checks import require_choice, require_whole
from ..arrays.transfer import follows
from ..derivatives import dual
from . import centred, dense
from .operator import point, symmetric_operator
from .workspace import passing


def pullback(objective, theta, xs, middle, fast=dense.NONE):
    """v -> J^T S J v as an operator, from the linear map `middle`: u (K, N, C) -> S u.

    J is forward mode in dual numbers, J^T one backward pass over the trace xs [Sch02].
    """
    def product(V):
        return objective.net.vjp(theta, xs, middle(dual.jvp(objective, theta, V)))[0]
    return symmetric_operator(theta, product, *fast, passing=passing(objective, theta, False))


@follows
def gauss_newton(objective, theta):
    """G = (1/R) sum_n w_n J_n^T (d^2 loss_n/dz^2) J_n (P, P) as a SciPy LinearOperator [Sch02].

    Parameters
    ----------
    objective : Objective
    theta : array (P,)

    Returns
    -------
    SymmetricOperator
        Positive semidefinite if the loss is convex in z.  Without the weight decay's l2 I.
    """
    theta = point(objective, theta)
    xs = objective.net.forward(theta, objective.x)
    z = xs[-1]
    return pullback(objective, theta, xs, lambda u: dual.derivative(objective.dz, z, u),
                    dense.pulled_back(objective, theta, lambda: objective.output_hessian(z)))


KINDS = ("type-2", "mc", "empirical")          # those of the form E[s s^T], example by example
CENTRED_ALONE = ("  The centred one is no sum over examples of E[s s^T], since it subtracts their "
                 "mean: fisher(objective, theta, 'centred') alone has it.")


@follows
def fisher(objective, theta, kind="type-2", rng=None, samples=1):
    """F = (1/R) sum_n w_n J_n^T E[s_n s_n^T] J_n (P, P), s_n = d loss_n/dz at labels of some kind.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    kind : "type-2", "mc", "empirical" or "centred"
        Labels from the model, in exact expectation (equal to Gauss-Newton for cross-entropy and
        for a Gaussian of fixed variance) [Mar20]; drawn from the model; or those of the data,
        which is not the Fisher matrix of the model [KBH19].  "centred" is the last about the mean
        gradient, sum_n w_n (g_n - gbar)(g_n - gbar)^T/R, gbar = sum_n w_n g_n/sum_n w_n: the
        covariance of the gradients of the examples, or of the labels where these are at places.
    rng : numpy.random.Generator
        For "mc"; drawn from once, here.
    samples : int
        For "mc": label sets to average over.

    Raises
    ------
    TypeError, ValueError
        For another kind, for "mc" without rng or with samples that are no whole number of at least
        1, or for a loss without a model distribution.
    """
    require_choice("kind", kind, (*KINDS, "centred"))
    theta = point(objective, theta)
    xs = objective.net.forward(theta, objective.x)
    if kind == "centred":
        return pullback(objective, theta, xs, centred.middle(objective, xs[-1]),
                        centred.ways(objective, theta))
    matrix = output_fisher(objective, xs[-1], kind, rng, samples)
    return pullback(objective, theta, xs, lambda u: F.einsum("...ij,...j->...i", matrix, u),
                    dense.pulled_back(objective, theta, lambda: matrix))


def output_fisher(objective, z, kind, rng=None, samples=1):
    """w_n/R E[s_n s_n^T] (N, C, C)."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}."
                         + (CENTRED_ALONE if kind == "centred" else ""))
    if kind == "type-2":
        y = objective.beside(objective.targets, z)
        return objective.weighted(objective.loss.fisher(z, y), 2)
    s = scores(objective, z, kind, rng, samples)
    return objective.weighted(F.sum(s[..., :, None] * s[..., None, :], -2 - z.ndim) / len(s), 2)


def scores(objective, z, kind, rng=None, samples=1):
    """s (M, N, C), whose mean of s s^T is the middle matrix: drawn labels ("mc") or the data's."""
    if kind == "empirical":
        return objective.loss.gradient(z, objective.beside(objective.targets, z))[None]
    require_whole("samples", samples, 1)
    z = F.broadcast_to(z, (samples,) + z.shape)
    return objective.loss.score(rng, z)
