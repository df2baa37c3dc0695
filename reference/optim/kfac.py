"""K-FAC: natural gradient with Kronecker factors, re-scaled by the exact Fisher matrix [MG15].

Step k = 1, 2, ... on one batch; eta = the objective's l2:

    1  g on the batch;  A, G on a part of it, averaged with weight min(1 - 1/k, 0.95) of the past
    2  Delta = -F~^-1 g, F~ = (G + gamma/pi I) (x) (A + gamma pi I) per block, pi from traces,
       inverted for k <= 3 and whenever T3 divides k
    3  d = alpha Delta + mu d_last at the minimum of
           M(d) = g.d + d.(F + (lam + eta) I) d/2,   F exact, on a part of the batch
    4  if T2 divides k: of gamma, w2 gamma, gamma/w2 the one whose d has the least M(d)
    5  if T1 divides k: rho = (L(theta + d) - L(theta))/M(d);
       lam <- w1 lam if rho > 3/4, lam/w1 if rho < 1/4
    6  theta <- theta + d

with w1 = (19/20)^T1 and w2 = sqrt(19/20)^T2, and gamma = sqrt(lam + eta) at first.
"""

from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..curvature.gauss_newton import KINDS
from ..curvature.kfac import SETTINGS, kfac
from ..curvature.tridiagonal import kfac_tridiagonal
from .factored import (blended, curvatures, damped_inverse, minimiser, part_of, require_seed,
                       times)
from .globalise import levenberg_marquardt
from .refusals import (require_flag, require_fraction, require_one_of, require_positive,
                       require_whole)

STRUCTURES = ("diagonal", "tridiagonal")


@dataclass(frozen=True, eq=False)
class KFACState:
    """k steps were taken; lam, gamma, the averaged factors, the inverse in use, and the last d."""

    k: int
    lam: float
    gamma: float
    factors: Any
    inverse: Any
    d: Any


@dataclass(frozen=True)
class KFAC:
    """theta <- theta + alpha Delta + mu d_last, Delta = -F~^-1 g [MG15, alg. 2].

    Parameters
    ----------
    damping : float
        lam > 0 of the first step: 150 for the autoencoders of [MG15].
    momentum : bool
        Whether d_last takes part [MG15, sec. 7]; else d = alpha Delta.
    kind : "mc", "type-2", "empirical" or "ggn"
        Of the factors, as in `kfac`: labels drawn from the model once per step, or exact.
    seed : int
        For "mc": step k draws from numpy.random.default_rng([seed, k]).
    statistics_batch, curvature_batch : float
        The first ceil(fraction N) examples of the batch tell A and G, and F: 0 < fraction <= 1.
    structure : "diagonal" or "tridiagonal"
        Of F~^-1, as `kfac` or as `kfac_tridiagonal`.
    setting : "expand" or "reduce"
        As in `kfac`, for matrices used at several places.
    decay : float
        The largest weight of the past in the averages, 0 <= decay < 1.
    damping_every, gamma_every, inverse_every : int
        T1, T2, T3; T3 divides T2.
    rate : float
        19/20 of w1 and w2, 0 < rate < 1.

    Notes
    -----
    Differs from [MG15]: 1. block-diagonal is the default; 2. no averaging of iterates; 3. the
    parts of a batch are its first examples, S1 within S2 or S2 within S1; 4. batches do not
    grow; 5. eta is the objective's l2, 0 unless given, 1e-5 in [MG15]; 6. where Delta and d_last
    are parallel to rounding, mu = 0; 7. rho that is no number counts as below 1/4; 8. labels at
    places are independent, F sums over them (docs/0-notation.md); 9. for kind "ggn" F is the
    Gauss-Newton matrix, the same for all losses but Gaussian.

    Nothing bounds a step: as published every d is taken, however rho turns out.  Parts of few
    examples tell few directions, and may lead astray late: on 200 pictures of MNIST in batches of
    50, factors of 7 and F of 13, lam falls to 1e-8 and an autoencoder diverges after 500 steps;
    with statistics_batch = curvature_batch = 1 it does not within 1000.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; at a step, as `kfac`, and for reduction="sum" with
        parts of batches.
    numpy.linalg.LinAlgError
        If gamma has become so small that a damped factor is singular to working precision.
    """

    damping: float = 150.0
    momentum: bool = True
    kind: str = "mc"
    seed: int = 0
    statistics_batch: float = 1 / 8
    curvature_batch: float = 1 / 4
    structure: str = "diagonal"
    setting: str = "expand"
    decay: float = 0.95
    damping_every: int = 5
    gamma_every: int = 20
    inverse_every: int = 20
    rate: float = 19 / 20

    State = KFACState

    def __post_init__(self):
        require_positive(self, "damping", "statistics_batch", "curvature_batch", "rate")
        require_fraction(self, "decay", "rate")
        require_whole(self, "damping_every", "gamma_every", "inverse_every")
        require_flag(self, "momentum")
        require_one_of(self, "kind", (*KINDS, "ggn"))
        require_one_of(self, "structure", STRUCTURES)
        require_one_of(self, "setting", SETTINGS)
        require_seed(self)
        for name in ("statistics_batch", "curvature_batch"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} of KFAC is {getattr(self, name)}; pass a fraction of the "
                                 "batch, at most 1.")
        if self.gamma_every % self.inverse_every:
            raise ValueError(f"gamma_every of KFAC is {self.gamma_every}, no multiple of "
                             f"inverse_every = {self.inverse_every}: another gamma needs another "
                             "inverse.")

    def init(self, objective, theta):
        """lam and gamma = sqrt(lam + eta); the first step takes factors of its own batch."""
        gamma = (self.damping + objective.l2) ** 0.5
        return KFACState(0, self.damping, gamma, None, None, F.zeros_like(theta))

    def like(self, objective, theta):
        """A state with all that a step fills in, of the first factors."""
        factors = self._statistics(objective, theta, 1)
        return replace(self.init(objective, theta), factors=factors,
                       inverse=damped_inverse(factors, self.damping))

    def step(self, objective, theta, state):
        """One gradient, one pass for the factors and one for F; theta, state, info."""
        k, loss, g = state.k + 1, objective.value(theta), objective.grad(theta)
        factors = self._averaged(state.factors, self._statistics(objective, theta, k), k)
        part = part_of(objective, self.curvature_batch)
        trials = [self._trial(part, theta, g, state, gamma, inverse)
                  for gamma, inverse in self._inverses(factors, state, k)]
        best = min(trials, key=lambda trial: trial["model"])
        d, lam = best["direction"], state.lam
        info = {"loss": loss, "gradient": g, "length": 1.0, "accepted": True, "damping": lam,
                "slope": g @ d, "factors": factors, **best}
        if k % self.damping_every == 0:
            info["loss_after"] = objective.value(theta + d)
            change, w1 = info["loss_after"] - loss, self.rate ** self.damping_every
            info["rho"] = change / best["model"] if best["model"] else nan
            lam = levenberg_marquardt(lam, info["rho"], 1 / w1)
        state = KFACState(k, lam, best["gamma"], factors, info.pop("inverse"), d)
        return theta + d, state, info

    def _statistics(self, objective, theta, k):
        rng = np.random.default_rng([self.seed, k])
        make = kfac if self.structure == "diagonal" else kfac_tridiagonal
        part = part_of(objective, self.statistics_batch)
        return make(part, theta, self.kind, rng, setting=self.setting)

    def _averaged(self, past, now, k):
        return now if past is None else blended(past, now, min(1 - 1 / k, self.decay))

    def _inverses(self, factors, state, k):
        """(gamma, F~^-1) of every gamma to try."""
        if k > 3 and k % self.inverse_every:
            return [(state.gamma, state.inverse)]
        other = self.rate ** (self.gamma_every / 2)
        scales = (1, other, 1 / other) if k % self.gamma_every == 0 else (1,)
        return [(c * state.gamma, damped_inverse(factors, (c * state.gamma) ** 2)) for c in scales]

    def _trial(self, part, theta, g, state, gamma, inverse):
        """The d of one gamma, and M(d)."""
        proposal = -times(inverse, g, part.net.layout)
        with_last = self.momentum and state.k > 0
        V = np.stack([proposal, state.d] if with_last else [proposal])
        curved = curvatures(part, theta, V, self.kind)
        Q, slopes = curved + (state.lam + part.l2) * (V @ V.T), V @ g
        c = minimiser(Q, slopes)
        return {"direction": c @ V, "proposal": proposal, "coefficients": c, "gamma": gamma,
                "curvature": c @ curved @ c, "model": slopes @ c + c @ Q @ c / 2,
                "inverse": inverse}
