"""Contents: spectra, clipped gradients, updates of inverses, steps along negative curvature."""

import numpy as np

from ....derivatives.routes import hvp
from ....optim.levenberg_marquardt import LevenbergMarquardt, linearise
from ....optim.newton_krylov import NewtonKrylov, krylov
from .backwards import nearest
from .optimisers import of
from ..hypotheses import CONVENTION, ERROR, content

# ---- eigenvalues ----


@content("repeated eigenvalues", ERROR, "eigenvalues come more than once: copies of ours",
         "Orthogonalise Lanczos' vectors again: what is lost comes back as copies.",
         ("eigenvalues",))
def _ghosts(case):
    ours, theirs = case.ours[0], case.theirs[0]
    if theirs.ndim != 1 or theirs.size <= ours.size:
        return None
    closest = ours[np.abs(theirs[:, None] - ours).argmin(1)]
    copied = np.abs(theirs - closest) <= case.closeness * np.abs(ours).max()
    if copied.sum() <= ours.size:
        return None
    return [np.where(copied, closest, theirs)]     # some copies are only on their way


# ---- clipping ----

@content("clipped before unscaling", ERROR, "the gradient is clipped while it still carries the "
         "loss scale, a power of 2", "Divide by the scale first.", ("clipped_gradient",))
def _scaled(case):
    g, most = case.objective.grad(case.theta), case.arguments["most"]
    return nearest(case, [[g * min(1, most / (2.0 ** k * np.linalg.norm(g)))]
                          for k in range(1, 25)])


@content("micro-batches clipped", ERROR, "each of two micro-batches is clipped, not their sum",
         "Clip once, when all is accumulated.", ("clipped_gradient",))
def _apart(case):
    objective, most, found = case.objective, case.arguments["most"], []
    if objective.net.couples or objective.reduction != "mean":
        return None
    for n in range(1, objective.N):
        parts = [objective.batch(part) for part in (slice(n), slice(n, None))]
        gs = [part.N / objective.N * part.grad(case.theta) for part in parts]
        found.append([sum(g * min(1, most / np.linalg.norm(g)) for g in gs)])
    return nearest(case, found)


# ---- updates ----

@content("rho s s^T missing", ERROR, "the update lacks rho s s^T: H+ y is 0 where it must be s",
         "H+ = V H V^T + rho s s^T.", ("bfgs_update",))
def _no_secant(case):
    s = case.arguments["s"]
    y = case.objective.grad(case.theta + s) - case.objective.grad(case.theta)
    return [case.ours[0] - np.outer(s, s) / (s @ y)] if s @ y > 0 else None


# ---- steps ----

def _moved(objective, theta, d, state):
    g = objective.grad(theta)
    return theta + d, state, {"loss": objective.value(theta), "gradient": g, "direction": d,
                              "length": 1.0, "slope": g @ d}


@of(LevenbergMarquardt, "damping by the diagonal", CONVENTION,
    "the damping is mu diag(J^T J), Marquardt's, where ours is mu I", "Say which damping is meant.")
def _by_diagonal(optimizer, objective, theta, state):
    damping, = state.dampings
    J, g = linearise(objective, theta)[1], objective.grad(theta)
    B = J.T @ J + objective.l2 * np.eye(theta.size)
    return _moved(objective, theta,
                  -np.linalg.solve(B + damping * np.diag(np.diagonal(J.T @ J)), g), state)


@of(NewtonKrylov, "negative curvature ignored", ERROR, "conjugate gradients go on where p.Hp <= 0, "
    "and the step is taken whole", "Stop there, and search for a length.")
def _heedless(optimizer, objective, theta, state):
    found = krylov(lambda v: hvp(objective, theta, v), objective.grad(theta), 1e-8,
                   optimizer.maxiter, lambda look: False)
    return _moved(objective, theta, found.d, state)

