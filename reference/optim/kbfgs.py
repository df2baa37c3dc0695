"""K-BFGS and K-BFGS(L): quasi-Newton steps with Kronecker-factored inverses [GRB20].

Step k = 0, 1, ... on one batch, per weight matrix with M its part of the averaged gradient m:

    1  forward and backward at theta;             m <- beta m + (1 - beta) g,   m = 0 before k = 0
    2  A <- 0.9 A + 0.1 mean(p p^T), not at k = 0;          A_LM = A + sqrt(lam) I
    3  D = -Hg M Ha, with Hg and Ha as the step before left them
    4  forward and backward on the same batch at theta + t d
    5  s <- 0.9 s + 0.1 (sbar - sbar+),  y <- 0.9 y + 0.1 (gbar - gbar+);  then damped twice
    6  Hg <- BFGS(Hg; s, y damped), or the pair is appended to the last `memory`
    7  Ha <- BFGS(Ha; Ha pbar, A_LM Ha pbar)
    8  theta <- theta + t d

At k = 0 A is the average over all data, Ha = A_LM^-1 and Hg = I (reference/curvature/kbfgs.py).
"""

from dataclasses import dataclass, replace
from typing import Any

from ..arrays import functions as F
from ..curvature.kbfgs import advanced, directions, initial_factors, inverse_damped
from ..curvature.kbfgs_pass import passed
from ..curvature.limited_memory import require_memory
from .refusals import (require_flag, require_fraction, require_not_negative,
                       require_positive)

HALVINGS = 10                          # ours


@dataclass(frozen=True, eq=False)
class KBFGSState:
    """k steps were taken; A, Ha, Hg, s, y per weight matrix, and the averaged gradient m (P,)."""

    k: int
    factors: list
    m: Any


@dataclass(frozen=True)
class KBFGS:
    """theta <- theta - t Hg M Ha per weight matrix, M of the averaged gradient [GRB20].

    Parameters
    ----------
    length : float
        t > 0, the same for all steps: 0.3 in [GRB20]'s code.
    damping : float
        lam, 0 < lam < 1: 0.3 there.
    memory : int, optional
        K-BFGS(L): Hg is kept as the last `memory` pairs, 100 in [GRB20].  K-BFGS if omitted.
    momentum : float
        beta, 0 <= beta < 1, of m, which is not divided by 1 - beta^k.
    decay : float
        Weight of the past in the averages of A, s and y, 0 <= decay < 1.
    full_batch : bool
        Every step sees all data: A is averaged from zero, k = 0 included, s and y not at all.
    safeguard : float, optional
        c >= 0, ours: t is halved until L(theta + t d) <= L(theta) - c t m.d on the batch, and the
        step is rejected after ten halvings: theta, A, Ha, Hg, s and y stay, m does not.
        -m.d > 0 is the fall that the averaged gradient predicts: the batch's loss may rise by c
        times that, and a step that does not raise it is taken for every c.  0 allows no rise.
        Omitted: no test, as published.

    Notes
    -----
    Weight decay is the objective's l2, in g and in the loss but not in y: 1e-5 in [GRB20]'s code.
    As published nothing bounds a step, and that code itself diverges from many starts on deep
    autoencoders.

    Differs from the authors' code: 1. `safeguard`, where given; 2. sqrt(lam) >= 1 is refused;
    3. s = y = 0 is left alone, where theirs divides 0 by 0.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; from `init`, for networks that couple examples, for
        groups of rows and for weights of labels at places.
    """

    length: float = 0.3
    damping: float = 0.3
    memory: int | None = None
    momentum: float = 0.9
    decay: float = 0.9
    full_batch: bool = False
    safeguard: float | None = None

    State = KBFGSState

    def __post_init__(self):
        require_positive(self, "length", "damping")
        if not self.damping < 1:
            raise ValueError(f"damping of KBFGS is {self.damping}; its second damping has a pole "
                             "at sqrt(lam) = 1: pass 0 < damping < 1, or rescale the loss.")
        require_fraction(self, "momentum", "decay")
        require_flag(self, "full_batch")
        if self.memory is not None:
            require_memory(self.memory)
        if self.safeguard is not None:
            require_not_negative(self, "safeguard")

    def init(self, objective, theta):
        """A over all of the objective's data, Ha = A_LM^-1, Hg = I, and m = 0."""
        factors = initial_factors(objective, theta, self.damping, self.memory)
        if self.full_batch:
            shares = [(1 - self.decay) * f.A for f in factors]
            factors = [replace(f, A=A, Ha=inverse_damped(A, self.damping))
                       for f, A in zip(factors, shares)]
        return KBFGSState(0, factors, F.zeros_like(theta))

    def step(self, objective, theta, state):
        """Two passes over the batch; theta, state, info."""
        here, layout = passed(objective, theta), objective.net.layout
        m = self.momentum * state.m + (1 - self.momentum) * here.gradient
        d = layout.pack(directions(layout.unpack(m), state.factors))
        t, there = self._moved(here, d, m)
        factors, pairs = state.factors, []
        if there is not None:
            factors, pairs = advanced(here, there, factors, self.damping,
                                      (self.decay, 0 if self.full_batch else self.decay),
                                      keep_A=state.k == 0)
            theta = there.theta
        return theta, KBFGSState(state.k + 1, factors, m), {
            "loss": here.value, "loss_after": there.value if there else here.value,
            "gradient": here.gradient, "direction": d, "length": t, "accepted": there is not None,
            "damping": self.damping, "slope": here.gradient @ d, "factors": state.factors,
            "factors_after": factors, "pairs": pairs}

    def _moved(self, here, d, m):
        """t and the Pass at theta + t d; 0 and None if all were refused."""
        t = self.length
        for _ in range(1 + HALVINGS):
            there = passed(here.objective, here.theta + t * d)
            bound = None if self.safeguard is None else here.value - self.safeguard * t * (m @ d)
            if bound is None or there.value <= bound:
                return t, there
            t /= 2
        return 0.0, None
