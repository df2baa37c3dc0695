"""K-FAC: G (x) A of every matrix, by sums over examples, places and outputs."""

import numpy as np

from ...curvature import kfac as kron
from ...curvature.gauss_newton import output_fisher
from . import passes
from .board import fresh
from .matrices import SECOND_MOMENT, sandwich
from .numbers import number, products, relative, shape_text, terms
from .step import step


def kfac(board, kind="type-2", rng=None, samples=1, setting="expand"):
    """G (x) A of every matrix."""
    S = middle(board, kind, rng, samples)
    found = [[factors(board, part, S, setting) for part in parts]
             for parts in board.parts]
    G, A = found[0][0]
    return [passes.forward(board), *passes.preactivation(board), middle_step(board, S, kind),
            _gradients(board), input_step(board, A, setting), output_step(board, G, S, setting),
            _product(board, S, found), _all(board, found)], [
        M for each in found for pair in each for M in pair]


def middle(board, kind, rng, samples):
    """S (N, M, M) of a kind, with w_n/R."""
    return board.S if kind == "ggn" else board.fisher_middle(kind, fresh(rng), samples)


def factors(board, part, S, setting):
    """(G, A) by sums over examples and places."""
    p, w, J = settled(board, part, setting)
    return (np.einsum("ntom,nmk,ntqk->oq", J, S, J, optimize=True),
            np.einsum("nt,nti,ntj->ij", w, p, p) / w.sum())


def settled(board, part, setting):
    """p, weights (N, T) and J as they are, or of one place in "reduce"."""
    w = kron.place_weights(board.objective, part.p)
    w = np.ones(part.p.shape[:2]) if w is None else w
    if setting == "expand":
        return part.p, w, part.J
    total = w.sum(1, keepdims=True)
    mean = np.einsum("nt,nti->ni", w, part.p) / np.where(total > 0, total, 1)
    weights = total if board.objective.example_weights is not None else np.ones_like(total)
    return mean[:, None], weights, part.J.sum(1)[:, None]


def middle_step(board, S, kind):
    return step(SECOND_MOMENT, f"Of kind {kind!r}: the second moment of the "
                "slopes of the loss by z (for \"ggn\" the loss Hessian instead), with the "
                "weights and the 1/R of the mean.", S, output_fisher)


def _gradients(board):
    J = board.parts[0][0].J
    return step(r"\frac{\partial z_n}{\partial s_{nt}}", "How the outputs depend on the "
                f"pre-activations of W_1, {shape_text(J.shape)}: examples, places, pre-activations,"
                " outputs. A cotangent dz of z becomes "
                "g = (dz/ds)^T dz.", J, kron.statistics)


def input_step(board, A, setting):
    p, w, _ = settled(board, board.parts[0][0], setting)
    i = min(1, len(A) - 1)
    mean = "" if setting == "expand" else " of the means of p over t"
    return step(r"A = \frac{\sum_{nt} w_{nt}\, p_{nt} p_{nt}^T}{\sum_{nt} w_{nt}}",
                f"The second moment of the inputs of W_1{mean}, uncentred: no mean is subtracted. "
                f"Entry (0, {i}) by hand: ({products(p[..., 0] * w, p[..., i])})/{number(w.sum())} "
                f"= {number(A[0, i])}.", A, kron.second_moment)


def output_step(board, G, S, setting):
    J = settled(board, board.parts[0][0], setting)[2]
    each = np.einsum("ntm,nmk,ntk->nt", J[:, :, 0], S, J[:, :, 0])
    return step(r"G = \sum_{nt} \left(\frac{\partial z_n}{\partial s_{nt}}\right)^T S_n\, "
                r"\frac{\partial z_n}{\partial s_{nt}}",
                "The second moment E[g g^T] of the gradients at W_1. The 1/R is here, and A is a "
                f"mean, so that G (x) A is on the scale of the block. Entry (0, 0): {terms(each)} "
                f"= {number(G[0, 0])}.", G, kron.output_factor)


def blocks_of(board, S):
    """The exact diagonal blocks sum_n J_n^T S_n J_n of every matrix, example by example."""
    return [sandwich(board.J[..., s], S) for s in board.net.layout.slices]


def _product(board, S, found):
    """G (x) A beside the exact block."""
    exact, K = blocks_of(board, S)[0], dense_of(found[0])
    apart = relative(K - exact, exact)
    return step(r"F_{11} \approx G \otimes A", "The expectation of a product, replaced by the "
                "product of expectations: entry ((o, i), (o', i')) is G[o, o'] A[i, i']. The exact "
                f"block is {number(apart)} of its length away: the error of K-FAC, not of rounding."
                f" Numbers kept: {sum(G.size + A.size for G, A in found[0])} instead of "
                f"{exact.size}.", K, kron.product)


def dense_of(pairs):
    """The block of the products of one matrix."""
    whole = np.zeros((sum(len(G) * len(A) for G, A in pairs),) * 2)
    at = 0
    for G, A in pairs:
        n = len(G) * len(A)
        whole[at:at + n, at:at + n] = np.kron(G, A)
        at += n
    return whole


def _all(board, found):
    """How large each approximation's trace is."""
    traces = [sum(np.trace(G) * np.trace(A) for G, A in each) for each in found]
    return step(r"\mathrm{tr}(G_l \otimes A_l) = \mathrm{tr}\, G_l\; \mathrm{tr}\, A_l",
                f"The same for all {len(found)} matrices, whose traces are these; what couples two "
                "matrices is left out.", np.array(traces), kron.kfac)
