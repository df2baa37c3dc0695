"""K-FAC as the baseline of [GRB20]'s code: one step length, the same damping on both factors.

    m <- beta m + (1 - beta) g,   A <- 0.9 A + 0.1 mean(p p^T),   G <- 0.9 G + 0.1 mean E[g g^T]
    D = -(G + sqrt(lam) I)^-1 M (A + sqrt(lam) I)^-1 per weight matrix, M its part of m
    theta <- theta + t d
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..curvature.gauss_newton import KINDS
from ..curvature.kfac import SETTINGS, kfac
from .factored import blended, damped_inverse, require_seed, times
from .refusals import require_fraction, require_one_of, require_positive, require_whole

EARLY = 20                             # steps before which all invert [GRB20]


@dataclass(frozen=True, eq=False)
class SimpleKFACState:
    """k steps were taken; the averaged factors, their inverse in use, and the averaged m (P,)."""

    k: int
    factors: Any
    inverse: Any
    m: Any


@dataclass(frozen=True)
class SimpleKFAC:
    """theta <- theta - t (G + sqrt(lam) I)^-1 M (A + sqrt(lam) I)^-1: baseline of [GRB20]'s code.

    Parameters
    ----------
    length : float
        t > 0: 1 for [GRB20]'s MNIST autoencoder.
    damping : float
        lam > 0: 3 for the same.
    momentum : float
        beta, 0 <= beta < 1, of m, which is not divided by 1 - beta^k.
    decay : float
        Weight of the past in the averages of A and G, 0 <= decay < 1; 0.9 as for K-BFGS is ours.
    inverse_every : int
        Steps k = 0, ..., 20 invert, and later those that this divides: 20 there.
    kind : "mc", "type-2", "empirical" or "ggn"
        Of G, as in `kfac`; labels drawn from the model there.
    seed : int
        For "mc": step k draws from numpy.random.default_rng([seed, k, 0]), `init` from
        default_rng([seed, 0, 1]).
    setting : "expand" or "reduce"
        As in `kfac`, for matrices used at several places.

    Notes
    -----
    Differs from `KFAC`: 1. t is fixed, no exact Fisher matrix re-scales; 2. sqrt(lam) on both
    factors, no pi; 3. lam is fixed, there is no gamma; 4. momentum in the gradient, not in d; 5.
    factors from the whole batch.  Differs from the authors' code: 6. A and G begin as the averages
    over all that `init` sees, as A of K-BFGS does, and the first batch is averaged in at once.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; from `init` and `step` as `kfac`.
    """

    length: float = 1.0
    damping: float = 3.0
    momentum: float = 0.9
    decay: float = 0.9
    inverse_every: int = 20
    kind: str = "mc"
    seed: int = 0
    setting: str = "expand"

    State = SimpleKFACState

    def __post_init__(self):
        require_positive(self, "length", "damping")
        require_fraction(self, "momentum", "decay")
        require_whole(self, "inverse_every")
        require_one_of(self, "kind", (*KINDS, "ggn"))
        require_one_of(self, "setting", SETTINGS)
        require_seed(self)

    def init(self, objective, theta):
        """A and G over all of the objective's data, and m = 0."""
        factors = self._statistics(objective, theta, [self.seed, 0, 1])
        return SimpleKFACState(0, factors, None, F.zeros_like(theta))

    def like(self, objective, theta):
        """A state with all that a step fills in."""
        start = self.init(objective, theta)
        return replace(start, inverse=damped_inverse(start.factors, self.damping, "factored"))

    def step(self, objective, theta, state):
        """One gradient and one pass for the factors; theta, state, info."""
        k, g = state.k, objective.grad(theta)
        m = self.momentum * state.m + (1 - self.momentum) * g
        now = self._statistics(objective, theta, [self.seed, k, 0])
        factors, inverse = blended(state.factors, now, self.decay), state.inverse
        if k <= EARLY or k % self.inverse_every == 0:
            inverse = damped_inverse(factors, self.damping, "factored")
        d = -times(inverse, m, objective.net.layout)
        info = {"loss": objective.value(theta), "gradient": g, "direction": d,
                "length": self.length, "accepted": True, "damping": self.damping, "slope": g @ d,
                "factors": factors}
        return theta + self.length * d, SimpleKFACState(k + 1, factors, inverse, m), info

    def _statistics(self, objective, theta, seed):
        rng = np.random.default_rng(seed)
        return kfac(objective, theta, self.kind, rng, setting=self.setting)
