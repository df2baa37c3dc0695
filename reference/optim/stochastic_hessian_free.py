"""Stochastic Hessian-free optimisation: few products, on batches that change with every step."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import require_theta
from .globalise import levenberg_marquardt
from .hessian_free import (State, curvature_part, damped, decayed_gauss_newton, descend, judge,
                           moved, require_settings)
from .preconditioner import preconditioner
from .refusals import require_fraction, require_positive, require_whole
from .truncated_cg import truncated_cg

FACTOR = 1 / 0.99


@dataclass(frozen=True)
class StochasticHessianFree:
    """HessianFree with 5 products, on small batches, and a step that shrinks [Kir13].

    theta <- theta + f t d: t by backtracking and search on the batch, f = shrink^epoch.  Dropout is
    in the network of the batch: masks drawn once for it are those of g, of B and of every L here,
    and the curvature batch keeps its examples' own.

    Parameters
    ----------
    damping : float
        lam of the first step; then times or over 1/0.99.
    decay, decay_growth, decay_most : float
        Conjugate gradients start from min(decay decay_growth^epoch, decay_most) times where they
        ended last.
    shrink : float
        0.998, the factor of f per epoch.
    maxiter : int
        Products per step; every iterate is kept for backtracking (ours).
    curvature_batch : float, int or None
        As HessianFree's; those after in the batch with every epoch, counted round it.
    per_epoch : int
        Steps per epoch, as problems.batches(...).per_epoch tells.
    tolerance, exponent
        As HessianFree's; the tolerance is not asked below 11 products.

    Notes
    -----
    [Kir13] takes batches of 1000 for g and 100 for B.  rho is of the last iterate on the curvature
    batch, as HessianFree's.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; from `step`, if curvature_batch is more than
        the batch or a part of one with reduction="sum", or exponent > 0 where examples are
        coupled.
    """

    damping: float = 0.1
    decay: float = 0.5
    decay_growth: float = 1.01
    decay_most: float = 0.99
    shrink: float = 0.998
    maxiter: int = 5
    tolerance: float = 5e-4
    exponent: float = 0.75
    curvature_batch: Any = 0.1
    per_epoch: int = 1

    State = State

    def __post_init__(self):
        require_settings(self)
        require_positive(self, "decay_growth", "shrink")
        require_fraction(self, "decay_most")
        require_whole(self, "per_epoch")

    def init(self, objective, theta):
        """State: lam, and a start at 0."""
        require_theta(objective, theta)
        return State(self.damping, np.zeros_like(theta))

    def step(self, objective, theta, state):
        """One step on the batch of the objective: theta, State, info."""
        require_theta(objective, theta)
        epoch, lam = state.steps // self.per_epoch, state.damping
        part = curvature_part(objective, self.curvature_batch, epoch)
        loss, g = objective.value(theta), objective.grad(theta)

        B = decayed_gauss_newton(part, theta)
        scales = preconditioner(objective, theta, lam, self.exponent)
        decay = min(self.decay * self.decay_growth ** epoch, self.decay_most)
        path = truncated_cg(damped(B, lam), -g, decay * state.last, scales, self.maxiter,
                            self.tolerance, keep=range(1, self.maxiter + 1))

        took = descend(objective, theta, loss, g, path.iterates)
        trust = judge(part, theta, g, path.last, path.last @ B(path.last))
        after = levenberg_marquardt(lam, trust["rho"], FACTOR)
        took["length"] *= self.shrink ** epoch
        theta = moved(theta, took)
        info = {"loss": loss, "gradient": g, "damping": lam, "iterations": path.iterations,
                "reason": path.reason, "iterates": path.iterates, "path": path, **took, **trust,
                "loss_after": objective.value(theta)}
        return theta, State(after, path.last, state.steps + 1), info
