"""Hessian-free optimisation: Gauss-Newton steps by conjugate gradients, with many safeguards."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_whole, require_theta, shown
from ..curvature.gauss_newton import gauss_newton
from .globalise import armijo, backtrack, levenberg_marquardt, loss_at, reduction_ratio
from .preconditioner import preconditioner
from .refusals import require_fraction, require_not_negative, require_positive, require_whole
from .structural_damping import hidden_curvature
from .truncated_cg import truncated_cg


@dataclass(frozen=True, eq=False)
class State:
    """lam, the last iterate (P,) of conjugate gradients, and how many steps were taken."""

    damping: float
    last: Any
    steps: int = 0


@dataclass(frozen=True)
class HessianFree:
    """(B + lam I) d = -g by truncated conjugate gradients, B Gauss-Newton's [Mar10; MS12].

    As Martens' public code does it, which is where the numbers without a word are from.

    Parameters
    ----------
    damping : float
        lam of the first step, per example as L is; 45 in that code's demonstration.
    decay : float
        Conjugate gradients start from decay times where they ended last, in [0, 1).
    maxiter : int
        Their products, at most.
    tolerance : float
        See `truncated_cg`.
    exponent : float
        Of the preconditioner; 0 for none, as nets that couple the examples need.
    curvature_batch : float, int or None
        Of which examples B, rho and nothing else are: the first of the batch, as a share in (0, 1]
        or by their number; None for all.
    structural : float
        mu: lam mu D is added to B + lam I, D the curvature of the distance that the hidden states
        of recurrent layers move, half squared [MS12].  0.03 is met in programs; 0 for none.

    Notes
    -----
    1. The weight cost of these papers, 2e-5 in the demonstration, is the objective's l2: it is in
       L, in g, in B and in the preconditioner, for biases as well.
    2. Conjugate gradients begin where they ended, not at the iterate that backtracking took; and
       rho is of their last iterate d, before any backtracking and search:
       rho = (L_c(theta + d) - L_c(theta))/(g.d + d.Bd/2), L_c and B on the curvature batch, g on
       the batch, without lam.  It counts as -inf where L_c rises.
    3. A direction with g.d >= 0 is refused, which that code leaves to the search (ours).
    4. The squares of the preconditioner are of the whole batch (ours).

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; from `step`, if curvature_batch is more than
        the batch or a part of one with reduction="sum", if structural > 0 without a recurrent
        layer, or exponent > 0 where examples are coupled.
    """

    damping: float = 45.0
    decay: float = 0.95
    maxiter: int = 250
    tolerance: float = 5e-4
    exponent: float = 0.75
    curvature_batch: Any = None
    structural: float = 0.0

    State = State

    def __post_init__(self):
        require_settings(self)
        require_not_negative(self, "structural")

    def init(self, objective, theta):
        """State: lam, and a start at 0."""
        require_theta(objective, theta)
        return State(self.damping, np.zeros_like(theta))

    def step(self, objective, theta, state):
        """One step on the batch of the objective: theta, State, info."""
        require_theta(objective, theta)
        part, lam = curvature_part(objective, self.curvature_batch), state.damping
        loss, g = objective.value(theta), objective.grad(theta)

        B = decayed_gauss_newton(part, theta)
        D = hidden_curvature(part, theta) if self.structural else None
        scales = preconditioner(objective, theta, lam, self.exponent)
        path = truncated_cg(damped(B, lam, self.structural, D), -g, self.decay * state.last, scales,
                            self.maxiter, self.tolerance)

        took = descend(objective, theta, loss, g, path.iterates)
        trust = judge(part, theta, g, path.last, path.last @ B(path.last))
        after = levenberg_marquardt(lam, trust["rho"])
        info = {"loss": loss, "gradient": g, "damping": lam, "iterations": path.iterations,
                "reason": path.reason, "iterates": path.iterates, "path": path, **took, **trust}
        return moved(theta, took), State(after, path.last, state.steps + 1), info


# ---- the pieces, which the block and the stochastic form share ----

def curvature_part(objective, size, turn=0):
    """The objective of some examples: `size` of them, a share or a number, from turn size on.

    Counted round the batch, so that a turn later the next ones are taken.
    """
    if size is None:
        return objective
    N = objective.N
    count = size if is_whole(size, 1) else max(1, round(size * N))
    if count > N:
        raise ValueError(f"curvature_batch is {size} of a batch of {N} examples; take fewer, or a "
                         "share such as 0.25.")
    if count == N:
        return objective
    if objective.reduction == "sum":
        raise ValueError(f"a curvature batch of {count} of {N} examples needs reduction 'mean', "
                         "since sums over it and over the batch differ; or take "
                         "curvature_batch=None.")
    start = turn * count % N
    if start + count <= N:
        return objective.batch(slice(start, start + count))
    return objective.batch((start + np.arange(count)) % N)


def decayed_gauss_newton(objective, theta):
    """v -> B v = G v + l2 v."""
    G = gauss_newton(objective, theta)
    return lambda v: objective.decayed(G @ v, v)


def damped(B, lam, structural=0.0, D=None):
    """v -> B v + lam v + lam mu D v."""
    if D is None:
        return lambda v: B(v) + lam * v
    return lambda v: B(v) + lam * v + (lam * structural) * D(v)


def descend(objective, theta, loss, g, iterates):
    """Backtracking over the iterates, then Armijo's search along the one taken: part of an info."""
    chosen, at_one = backtrack(lambda d: loss_at(objective, theta + d), iterates)
    d = iterates[chosen]
    found = armijo(lambda t: loss_at(objective, theta + t * d), loss, g @ d, at_one)
    return {"direction": d, "chosen": chosen, "slope": g @ d, "length": found.length,
            "loss_after": found.loss, "accepted": found.accepted}


def judge(objective, theta, g, d, curvature):
    """rho of d on this objective, and the model it is measured by: part of an info."""
    model = g @ d + curvature / 2
    change = loss_at(objective, theta + d) - objective.value(theta)
    return {"curvature": curvature, "model": model, "rho": reduction_ratio(change, model)}


def moved(theta, took):
    """theta + t d; theta itself where no step was accepted."""
    return theta + took["length"] * took["direction"] if took["accepted"] else theta


# ---- what is refused ----

def require_settings(optimizer):
    """The settings that all Hessian-free methods have."""
    require_positive(optimizer, "damping")
    require_fraction(optimizer, "decay")
    require_not_negative(optimizer, "tolerance", "exponent")
    require_whole(optimizer, "maxiter")
    size = optimizer.curvature_batch
    if not (size is None or is_whole(size, 1) or isinstance(size, float) and 0 < size <= 1):
        raise ValueError(f"curvature_batch of {type(optimizer).__name__} is {shown(size)}; pass a "
                         "share in (0, 1], a number of examples, or None for all.")
