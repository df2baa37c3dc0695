"""Faults of optimisers, and of what they are made of: spectra, clipping, updates."""

import numpy as np

from ...curvature.kfac import kfac
from ...derivatives.routes import hvp
from ...optim.first_order import Adam
from ...optim.levenberg_marquardt import LevenbergMarquardt, linearise
from ...optim.newton_krylov import NewtonKrylov
from ...optim.simple_kfac import SimpleKFAC
from . import points
from .exhibit import CONVENTION, exhibit
from .planting import hessian_of
from .subjects import CLIPPED, EIGENVALUES, UPDATED

PRECONDITIONED = SimpleKFAC(0.1, 0.3, momentum=0.0, decay=0.0, kind="type-2")
MOST = dict(arguments=lambda objective, theta: (0.01,))


@exhibit("K15", "Thrandis/EKFAC-pytorch#1", "the preconditioner gives back the gradient",
         "step", points.dense, ("not preconditioned: the gradient", "no inverse is applied"),
         options={"optimizer": PRECONDITIONED})
def plain(objective, theta):
    """theta - t g."""
    return theta - 0.1 * objective.grad(theta)


@exhibit("K43", "JuliaLinearAlgebra/IterativeSolvers.jl#144", "Lanczos without orthogonality",
         EIGENVALUES, points.dense, ("repeated eigenvalues",))
def ghosts(objective, theta):
    """5 P steps: copies of the extreme eigenvalues."""
    H, P = hessian_of(objective, theta), theta.size
    q, before, beta = points.data(P) / np.linalg.norm(points.data(P)), np.zeros(P), 0.0
    diagonal, off = [], []
    for _ in range(5 * P):
        r = H @ q - beta * before
        diagonal.append(q @ r)
        r -= diagonal[-1] * q
        beta, before = np.linalg.norm(r), q
        q = r / beta
        off.append(beta)
    return np.linalg.eigvalsh(np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1))


@exhibit("K45", "accord-net/framework#987", "lambda diag(J^T J) in place of lambda I",
         "step", points.regression, ("damping by the diagonal",), CONVENTION,
         options={"optimizer": LevenbergMarquardt(0.5)})
def scaled_damping(objective, theta):
    """Marquardt's, not Levenberg's."""
    e, J = linearise(objective, theta)
    B = J.T @ J
    return theta - np.linalg.solve(B + 0.5 * np.diag(np.diagonal(B)), J.T @ e)


@exhibit("K45b", "accord-net/framework#987", "the same of a Kronecker product",
         "kfac_inverse", points.dense, ("damped by 'marquardt'",), CONVENTION,
         arguments=lambda objective, theta: (0.1,), options={"rule": "exact"})
def scaled_product(objective, theta, damping):
    """(B + lambda diag B)^-1."""
    blocks = [K.dense() for K in kfac(objective, theta)]
    return [np.linalg.inv(B + damping * np.diag(np.diagonal(B))) for B in blocks]


@exhibit("O01", "scipy/scipy#6724", "the update of BFGS without rho s s^T",
         UPDATED, points.regression, ("rho s s^T missing",),
         arguments=lambda objective, theta: (-0.1 * objective.grad(theta),))
def no_secant(objective, theta, s):
    """V H V^T: H+ y = 0."""
    y = objective.grad(theta + s) - objective.grad(theta)
    V = np.eye(theta.size) - np.outer(s, y) / (s @ y)
    return V @ V.T


@exhibit("O07", "argmin-rs/argmin#657", "an update by s = y = 0",
         UPDATED, points.regression, ("not finite",),
         arguments=lambda objective, theta: (0 * theta,))
def unguarded(objective, theta, s):
    """1/(s.y)."""
    y = objective.grad(theta + s) - objective.grad(theta)
    with np.errstate(all="ignore"):
        rho = 1 / (s @ y)
        V = np.eye(theta.size) - rho * np.outer(s, y)
        return V @ V.T + rho * np.outer(s, s)


@exhibit("O03", "pytorch/pytorch#22628", "epsilon beside sqrt(v) before its correction",
         "step", points.dense, ("epsilon before correction",), CONVENTION,
         options={"optimizer": Adam(0.1, epsilon=1e-3)})
def epsilon_hat(objective, theta):
    """t sqrt(1 - beta2)/(1 - beta1) m/(sqrt(v) + eps)."""
    g = objective.grad(theta)
    m, v = 0.1 * g, 0.001 * g * g
    return theta - 0.1 * 0.001 ** 0.5 / 0.1 * m / (v ** 0.5 + 1e-3)


@exhibit("O09", "scipy/scipy#6165", "conjugate gradients go on where the curvature is negative",
         "step", points.dense, ("negative curvature ignored",),
         options={"optimizer": NewtonKrylov(maxiter=5)})
def heedless(objective, theta):
    """5 iterations, whatever p.Hp is, and the whole step."""
    g = objective.grad(theta)
    d, r = np.zeros_like(g), -g
    p = r
    for _ in range(5):
        q = hvp(objective, theta, p)
        a = r @ r / (p @ q)
        d, after = d + a * p, r - a * q
        p, r = after + (after @ after) / (r @ r) * p, after
    return theta + d


@exhibit("O11", "Lightning-AI/pytorch-lightning#9330", "clipped before the loss is unscaled",
         CLIPPED, points.dense, ("clipped before unscaling",), **MOST)
def clipped_scaled(objective, theta, most):
    """Scale 1024: the norm is most/1024."""
    g = 1024 * objective.grad(theta)
    return g * min(1, most / np.linalg.norm(g)) / 1024


@exhibit("O13", "huggingface/accelerate#641", "each micro-batch clipped, not their sum",
         CLIPPED, points.dense, ("micro-batches clipped",), **MOST)
def clipped_apart(objective, theta, most):
    """Two, of 4 and 7 examples."""
    parts = [len(part.x) / objective.N * part.grad(theta)
             for part in (objective.batch(slice(4)), objective.batch(slice(4, None)))]
    return sum(g * min(1, most / np.linalg.norm(g)) for g in parts)


# ---- what cannot be planted, and why ----

OUTSIDE = {
    "G41": "no layer of the engine decomposes a matrix, so that no derivative of one is defined",
    "G43": "parameters are real; complex answers are refused as no real numbers",
}
