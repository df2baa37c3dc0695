"""Matrices of the form sum_n J_n^T S_n J_n: Gauss-Newton, Fisher of every kind, and J J^T."""

import numpy as np

from ...curvature import ntk as kernels
from ...curvature.gauss_newton import gauss_newton as pulled_back
from ...curvature.gauss_newton import output_fisher, scores
from ...derivatives import complex_step as steps
from ...network.losses import Loss
from . import passes
from .board import fresh
from .numbers import number, products, relative
from .step import step
from .textbook import outer


SECOND_MOMENT = (r"S_n = \frac{w_n}{R} E[\mathrm{score}_n\, \mathrm{score}_n^T], \quad "
                 r"\mathrm{score}_n = \frac{\partial\, \mathrm{loss}_n}{\partial z_n}")


def sandwich(J, S):
    """sum_n J_n^T S_n J_n (P, P)."""
    return np.einsum("nmp,nmk,nkq->pq", J, S, J, optimize=True)


def jacobian_step(board):
    """J, parameter by parameter, one entry beside p and g."""
    N, M, P = board.J.shape
    return step(r"J_n = \frac{\partial z_n}{\partial \theta}", f"N = {N} examples, {M} outputs, "
                f"P = {P} parameters: column k is the complex step Im z(theta + i h e_k)/h.",
                board.J, steps.derivative)


def gauss_newton(board):
    """sum_n J_n^T S_n J_n."""
    G, w = sandwich(board.J, board.S), np.linalg.eigvalsh(board.S)
    return [passes.forward(board), *passes.preactivation(board), passes.loss(board),
            passes.cotangent(board), passes.loss_hessian(board),
            step(r"u_k^T S_n u_k", "The eigenvalues of S_n, u_k its eigenvectors of length 1: all "
                 "are >= 0 where the loss is convex in z. The least is "
                 f"{number(_chopped(w))}.", w,
                 type(board.objective.loss).hessian),
            jacobian_step(board), *_of_one(board, board.S),
            _sum(board, G, "G", pulled_back)], [G]


def _chopped(w):
    """The least of eigenvalues, 0 within rounding of the largest."""
    return 0 if abs(w.min()) < 1e-12 * np.abs(w).max() else w.min()


def _of_one(board, S):
    """J_0^T S_0 J_0."""
    one = board.J[0].T @ S[0] @ board.J[0]
    return [step(r"J_0^T S_0 J_0", "What example 0 adds: its rank is at most that of S_0, here "
                 f"{np.linalg.matrix_rank(S[0])}.", one, pulled_back)]


def _sum(board, B, name, function):
    """The sum over examples, its rank and its first entry."""
    N, M, P = board.J.shape
    return step(rf"{name} = \sum_n J_n^T S_n J_n", f"The sum over {N} examples; w_n/R is in S_n. "
                f"Rank {np.linalg.matrix_rank(B)} of P = {P}, least eigenvalue "
                f"{number(_chopped(np.linalg.eigvalsh(B)))}. Weight decay is not in it.", B,
                function)


# ---- Fisher ----

def fisher(board, kind="type-2", rng=None, samples=1):
    """sum_n J_n^T E[s_n s_n^T] J_n, labels of the model, drawn, or of the data."""
    if kind == "centred":
        return _centred(board)
    E = board.second_moment(kind, fresh(rng), samples)
    S = board.fisher_middle(kind, fresh(rng), samples)
    F = sandwich(board.J, S)
    return [passes.forward(board), *passes.preactivation(board), *SCORES[kind](board, E, S),
            step(SECOND_MOMENT, "With the weights and the 1/R of the mean; "
                 "labels at several places are independent given z, so that S_n is zero between "
                 "places.", S, output_fisher), jacobian_step(board), *_of_one(board, S),
            _sum(board, F, "F", pulled_back)], [F]


def _type2(board, E, S):
    """The expectation over the model's labels."""
    apart = relative(S - board.S, board.S)
    words = "The score is the slope of -log p(y|z) by z, and y is what the model believes in. "
    if board.objective.loss.name == "CrossEntropy":
        words += "Here the sum over all labels c of p_c (p - e_c)(p - e_c)^T. "
    return [step(r"E[\mathrm{score}\, \mathrm{score}^T] = \sum_y p(y | z_n)\, "
                 r"\mathrm{score}_n(y)\, \mathrm{score}_n(y)^T", f"{words}It is "
                 f"{apart:.0e} of its size away from the second derivative of the loss: 0 means "
                 "that Fisher and Gauss-Newton are one matrix.", E, Loss.fisher)]


def _drawn(board, E, S):
    """Labels from the generator."""
    exact = expected(board)
    apart = "" if exact is None else (
        " The exact expectation is "
        f"{number(relative(E - exact, exact))} of its size away: the noise "
        "of the draw.")
    return [step(r"E[\mathrm{score}\, \mathrm{score}^T] \approx \frac{1}{K} \sum_k "
                 r"\mathrm{score}_{nk}\, \mathrm{score}_{nk}^T",
                 f"Labels drawn from the model by rng, K sets of them, and their scores.{apart}",
                 E, scores, Loss.score)]


def expected(board):
    """E[s s^T] of the model."""
    return board.second_moment("type-2")


def _of_the_data(board, E, S):
    """The labels that the data have."""
    s = board.objective.loss.gradient(board.z, board.targets)
    return [step(r"\mathrm{score}_n = \frac{\partial\, \mathrm{loss}_n}{\partial z_n}",
                 "The slope at the label of the data, not one of the model: where the fit is "
                 "perfect it is 0, and this matrix with it.", s, Loss.gradient),
            step(r"\mathrm{score}_n\, \mathrm{score}_n^T", "One outer product per example, of "
                 "rank one. Entry (0, 0) of example 0: "
                 f"{number(s.reshape(-1, s.shape[-1])[0, 0])} squared.", outer(s), output_fisher)]


SCORES = {"type-2": _type2, "mc": _drawn, "empirical": _of_the_data}


def _centred(board):
    raise ValueError("kind is 'centred', which is no sum over examples of J^T S J; explain one of "
                     f"{', '.join(SCORES)}.")


# ---- J J^T ----

def ntk(board):
    """K = J J^T, and matrix by matrix where p and g tell it."""
    J = board.J.reshape(-1, board.theta.size)
    K = J @ J.T
    shares = [np.trace(J[:, s] @ J[:, s].T) / np.trace(K) for s in board.net.layout.slices]
    N, M, P = board.J.shape
    return [passes.forward(board), *passes.preactivation(board), jacobian_step(board),
            *_once(board),
            step(r"K = J J^T = \sum_l J_l J_l^T", "A sum over matrices. Shares of the trace: "
                 + ", ".join(f"{number(x)} of W_{l + 1}" for l, x in enumerate(shares)) + ".",
                 K, kernels.ntk),
            step(r"K_{(n,a),(m,b)} = \frac{\partial z_{na}}{\partial \theta} \cdot "
                 r"\frac{\partial z_{mb}}{\partial \theta}", f"Row n {M} + a is output a of "
                 f"example n. Entry (0, 0) by hand: {products(J[0], J[0])} = {number(K[0, 0])}. "
                 f"Rank {np.linalg.matrix_rank(J)} of {N * M}: at most P = {P}.", K,
                 kernels.kernel)], [K]


def _once(board):
    """(p_n . p_m)(g_na . g_mb) of the first matrix, used once per example."""
    part = board.parts[0] and board.parts[0][0]
    if not part or part.J is None or part.p.shape[1] > 1 or len(board.parts[0]) > 1:
        return []
    p, g = part.p[:, 0], np.moveaxis(part.J[:, 0], 1, 2)
    K = np.einsum("ni,mi,nao,mbo->namb", p, p, g, g, optimize=True)
    return [step(r"(p_n \cdot p_m)\, (g_{na} \cdot g_{mb})", "What W_1 adds, without J: g_na is "
                 f"dz_na/ds_n. Of (0, 0): ({products(p[0], p[0])}) x ({products(g[0, 0], g[0, 0])})"
                 f" = {number(K[0, 0, 0, 0])}.", K.reshape((len(p) * g.shape[1],) * 2),
                 kernels.kernel)]
