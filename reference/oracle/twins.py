"""Second ways to every quantity: slow, plain, sharing as little code as possible with the first.

All are functions of (objective, theta, ...), as the quantities are.
"""

from dataclasses import replace

import numpy as np
import scipy.linalg

from ..curvature import gauss_newton as gn
from ..curvature import kbfgs, kfac
from ..derivatives import complex_step, directions, dual, tape
from .pushed import patches_and_gradients

DAMPING = 0.01                         # of the K-FAC inverses
LAM, LENGTH = 0.3, 0.3                 # damping and step length of the K-BFGS steps


# ---- derivatives ----

def value_one_by_one(objective, theta):
    """(1/R) sum_n w_n loss_n + l2/2 |theta|^2 as a Python sum."""
    decay = objective.l2 / 2 * (theta @ theta)
    whole = replace(objective, reduction="sum")
    alone = [whole.batch(slice(n, n + 1)) for n in range(objective.N)]
    return sum(one.value(theta) - decay for one in alone) / objective.R + decay


def jacobian_by(derivative):
    """The Jacobian (N, C, P) column by column."""
    def route(objective, theta):
        columns = directions.along_axes(lambda E: derivative(objective.outputs, theta, E), theta)
        return np.moveaxis(columns, 0, -1)
    return route


def transposed_product(objective, theta, u):
    """J^T u through the Jacobian by dual numbers."""
    return np.einsum("ncp,nc->p", jacobian_by(dual.derivative)(objective, theta), u)


def gradients_one_by_one(objective, theta):
    """d loss_n/dtheta (N, P), each by autograd on a batch of one."""
    alone = [replace(objective.batch(slice(n, n + 1)), weights=None, reduction="sum", l2=0.0)
             for n in range(objective.N)]
    return np.stack([tape.gradient(one, theta) for one in alone])


def third_by_complex_step(objective, theta, v):
    """v^T (d/dt H(theta + t v)) v/6: the complex step of the R-operator."""
    return complex_step.derivative(
        lambda t: (dual.hvp(objective, t, v) * v).sum(-1), theta, v) / 6


# ---- Gauss-Newton and Fisher ----

def sandwich(objective, theta, S):
    """sum_n J_n^T S_n J_n with the Jacobian by complex steps."""
    J = jacobian_by(complex_step.derivative)(objective, theta)
    return np.einsum("ncp,ncd,ndq->pq", J, S, J, optimize=True)


def gauss_newton_sandwich(objective, theta):
    """With S the dual derivative of dL/dz, output by output."""
    z = objective.outputs(theta)
    units = np.broadcast_to(np.eye(z.shape[-1])[:, None, :], z.shape[-1:] + z.shape) + 0.0
    S = dual.derivative(objective.dz, z, units)                    # (C, N, C)
    return sandwich(objective, theta, np.moveaxis(S, 0, -1))


def fisher_sandwich(kind):
    """With S as in `fisher`."""
    def route(objective, theta, *seed):
        z = objective.outputs(theta)
        S = gn.output_fisher(objective, z, kind, *map(np.random.default_rng, seed))
        return sandwich(objective, theta, S)
    return route


def outer_gradients(objective, theta):
    """(1/R) sum_n w_n g_n g_n^T."""
    g = gradients_one_by_one(objective, theta)
    return np.einsum("np,nq->pq", objective.weighted(g, 1), g)


def diagonal_blocks(matrix):
    """The diagonal blocks of a matrix made whole."""
    def route(objective, theta):
        M = matrix(objective, theta)
        return [M[s, s] for s in objective.net.layout.slices]
    return route


# ---- Kronecker factors ----

def kfac_one_by_one(setting):
    """Python sums over examples and places, by gradients from pushed pre-activations."""
    def route(objective, theta):
        S = gn.output_fisher(objective, objective.outputs(theta), "type-2")
        return [factor for p, J in patches_and_gradients(objective, theta)
                for factor in SETTINGS[setting](p, J, S, _weights(objective, p))]
    return route


def _expanded(p, J, S, w):
    """Places count as examples."""
    N, T = p.shape[:2]
    return (sum(J[n, t] @ S[n] @ J[n, t].T for n in range(N) for t in range(T)),
            sum(w[n] * np.outer(p[n, t], p[n, t]) for n in range(N) for t in range(T))
            / (T * w.sum()))


def _reduced(p, J, S, w):
    """The mean of p and the sum of the gradients over places, and then examples."""
    return _expanded(p.mean(1)[:, None], J.sum(1)[:, None], S, w)


SETTINGS = {"expand": _expanded, "reduce": _reduced}


def kfac_inverses(objective, theta):
    """`Kron.inv` with factored damping and pi."""
    damping = objective.x.dtype.type(DAMPING)
    return [K.inv(damping) for K in kfac.kfac(objective, theta)]


def kfac_inverses_by_eigenvalues(objective, theta):
    """(G + sqrt(lam)/pi I)^-1 and (A + sqrt(lam) pi I)^-1 through SciPy's eigh."""
    return [inverse for K in kfac.kfac(objective, theta) for inverse in _eigen_inverses(K)]


def _eigen_inverses(K):
    (g, Q), (a, U) = scipy.linalg.eigh(K.G), scipy.linalg.eigh(K.A)
    pi, root = np.sqrt(a.mean() / g.mean()), np.sqrt(DAMPING)
    return (Q / (g + root / pi)) @ Q.T, (U / (a + root * pi)) @ U.T


def _weights(objective, like):
    w = objective.beside(objective.example_weights, like)
    return np.ones(objective.N, "int8") if w is None else w


# ---- K-BFGS ----

def kbfgs_steps(objective, theta):
    """Two steps of K-BFGS; the pairs of the second are averages."""
    factors = kbfgs.initial_factors(objective, theta, LAM)
    for _ in range(2):
        theta, factors = kbfgs.step(objective, theta, factors, LAM, LENGTH)
    return theta, [(f.A, f.Ha, f.Hg) for f in factors]


def kbfgs_steps_dense(objective, theta):
    """The same by direct BFGS updates of A and G themselves, with dense (O I, O I) solves."""
    states = [(f.A, np.linalg.inv(f.Ha), np.linalg.inv(f.Hg), f.s, f.y)
              for f in kbfgs.initial_factors(objective, theta, LAM)]
    for _ in range(2):
        g = objective.grad(theta)
        d = np.concatenate([scipy.linalg.solve(np.kron(Bg, Ba), -g[i]) for i, (_, Ba, Bg, _, _)
                            in zip(objective.net.layout.slices, states)])
        here, there = (layer_means(objective, t) for t in (theta, theta + LENGTH * d))
        states = [_direct_update(*three) for three in zip(states, here, there)]
        theta = theta + LENGTH * d
    return theta, [(A, np.linalg.inv(Ba), np.linalg.inv(Bg)) for A, Ba, Bg, _, _ in states]


def layer_means(objective, theta):
    """Per weight matrix: the weighted means of p p^T, p, s and g over the batch; g over n alone."""
    w, dz = _weights(objective, theta), objective.dz(objective.outputs(theta))
    means = []
    for (p, J), W in zip(patches_and_gradients(objective, theta),
                         objective.net.layout.unpack(theta)):
        count = w.sum() * p.shape[1]
        pbar = np.einsum("n,nti->i", w, p) / count
        means.append((np.einsum("n,nti,ntj->ij", w, p, p) / count, pbar, W @ pbar,
                      np.einsum("ntoc,nc->o", J, dz)))
    return means


def _direct_update(state, here, there):
    (A, Ba, Bg, s, y), (now, p, s0, g0), (_, _, s1, g1) = state, here, there
    A, s, y = 0.9 * A + 0.1 * now, 0.9 * s + 0.1 * (s0 - s1), 0.9 * y + 0.1 * (g0 - g1)
    a = np.linalg.solve(Ba, p)
    Ba = direct_bfgs(Ba, a, (A + np.sqrt(LAM) * np.eye(len(A))) @ a)
    return A, Ba, direct_bfgs(Bg, *kbfgs.double_damping(np.linalg.inv(Bg), s, y, LAM)), s, y


def direct_bfgs(B, s, y):
    """B - B s s^T B/s^T B s + y y^T/s^T y [NW06, eq. 6.19]."""
    Bs = B @ s
    return B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (s @ y)
