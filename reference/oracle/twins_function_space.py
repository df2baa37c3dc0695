"""Second ways to K-BFGS(L), to kernels and Gram matrices, and to solutions in function space."""

import numpy as np

from ..curvature import gauss_newton as gn
from ..curvature import gram, kbfgs
from ..derivatives import complex_step
from . import twins

DAMPING = 0.1                          # of the solutions
MEMORY, STEPS = 1, 2                   # pairs kept, and steps taken: one pair is forgotten


# ---- K-BFGS(L) ----

def kbfgs_limited_steps(objective, theta):
    """Two steps of K-BFGS(L) that remembers one pair: theta and A, Ha, Hg of every matrix."""
    factors = kbfgs.initial_factors(objective, theta, twins.LAM, memory=MEMORY)
    for _ in range(STEPS):
        theta, factors = kbfgs.step(objective, theta, factors, twins.LAM, twins.LENGTH)
    return theta, [(f.A, f.Ha, f.Hg.dense()) for f in factors]


def kbfgs_limited_steps_dense(objective, theta):
    """The same by direct BFGS updates of the identity with the pairs that are kept."""
    means = twins.layer_means(objective, theta)
    shift, O = np.sqrt(twins.LAM), [len(s) for _, _, s, _ in means]
    states = [(A, np.linalg.inv(A + shift * np.eye(len(A))), np.eye(o), 0, 0, [])
              for (A, *_), o in zip(means, O)]
    for _ in range(STEPS):
        M = objective.net.layout.unpack(objective.grad(theta))
        d = np.concatenate([-(Hg @ m @ Ha).reshape(-1) for m, (_, Ha, Hg, *_) in zip(M, states)])
        here, there = (twins.layer_means(objective, t) for t in (theta, theta + twins.LENGTH * d))
        states = [_forgetting(*three) for three in zip(states, here, there)]
        theta = theta + twins.LENGTH * d
    return theta, [(A, Ha, Hg) for A, Ha, Hg, *_ in states]


def _forgetting(state, here, there):
    (A, Ha, Hg, s, y, pairs), (now, p, s0, g0), (_, _, s1, g1) = state, here, there
    A, s, y = 0.9 * A + 0.1 * now, 0.9 * s + 0.1 * (s0 - s1), 0.9 * y + 0.1 * (g0 - g1)
    a = Ha @ p
    Ba = twins.direct_bfgs(np.linalg.inv(Ha), a, (A + np.sqrt(twins.LAM) * np.eye(len(A))) @ a)
    pairs = (pairs + [kbfgs.double_damping(Hg, s, y, twins.LAM)])[-MEMORY:]
    Bg = np.eye(len(Hg))
    for pair in pairs:
        Bg = twins.direct_bfgs(Bg, *pair)
    return A, np.linalg.inv(Ba), np.linalg.inv(Bg), s, y, pairs


# ---- function space ----

def kernel_of_jacobians(objective, theta):
    """J J^T (N M, N M), J by the complex step."""
    J = _jacobian(objective, theta)
    return J @ J.T


def gram_of_jacobians(objective, theta):
    """Gamma = U^T U for the Fisher matrix of type 2, U_n = J_n^T B_n example by example."""
    J = _jacobian(objective, theta).reshape(objective.N, -1, theta.size)
    roots = (_softmax_roots if objective.loss.name == "CrossEntropy" else _diagonal_roots)
    U = np.concatenate([B.T @ Jn for B, Jn in zip(roots(objective, theta), J)])
    return U @ U.T


def _jacobian(objective, theta):
    return twins.jacobian_by(complex_step.derivative)(objective, theta).reshape(-1, theta.size)


def _softmax_roots(objective, theta):
    """sqrt(w_n/R) (diag(sqrt(p)) - p sqrt(p)^T)."""
    z = objective.outputs(theta)
    e = np.exp(z - z.max(-1, keepdims=True))
    p, w = e / e.sum(-1, keepdims=True), objective.weighted(np.ones_like(z[:, 0]))
    return [np.sqrt(v) * (np.diag(np.sqrt(q)) - np.outer(q, np.sqrt(q))) for v, q in zip(w, p)]


def _diagonal_roots(objective, theta):
    S = gn.output_fisher(objective, objective.outputs(theta), "type-2")
    return [np.diag(np.sqrt(np.diag(Sn))) for Sn in S]


def solution(objective, theta, v):
    """(F + 0.1 I)^-1 v by Woodbury, F the Fisher matrix of type 2."""
    return gram.gram_solve(objective, theta, v, DAMPING, "type-2")


def solution_of_the_dense_system(objective, theta, v):
    """The same, with F formed."""
    F = twins.fisher_sandwich("type-2")(objective, theta)
    return np.linalg.solve(F + DAMPING * np.eye(len(F)), v)
