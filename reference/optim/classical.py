"""Newton's method on the dense Hessian, and L-BFGS: what curvature approximations are held against.

    Newton    B d = -g,  B = Q diag(phi(lam)) Q^T > 0 of H = Q diag(lam) Q^T,  t by Armijo's search
    L-BFGS    d = -H_k g,  H_k from the last pairs and gamma I, gamma = s.y/y.y,  t by Wolfe's
"""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from ..arrays.krylov import length
from ..arrays.linalg import eigh
from ..arrays.precision import eps
from ..curvature.hessian import hessian
from ..curvature.limited_memory import LimitedMemory, limited
from ..curvature.operator import dense
from .globalise import armijo, loss_at
from .refusals import require_fraction, require_one_of, require_positive, require_whole

# ---- Newton ----

MODIFICATIONS = {       # eigenvalues (P,) and their least allowed size -> those of B
    "absolute": lambda values, least: np.maximum(np.abs(values), least),
    "clip": np.maximum,
    "shift": lambda values, least: values + np.maximum(least - values[0], 0),
}


@dataclass(frozen=True)
class Newton:
    """theta <- theta + t d, B d = -g, B the dense Hessian made positive definite [NW06, sec. 3.4].

    Parameters
    ----------
    modification : "absolute", "clip" or "shift"
        Of the eigenvalues: |lam| or lam, at least `floor` max|lam|; or all lam plus what makes the
        smallest that.  Where all are above it, each leaves H as it is.
    floor : float
        0 < floor < 1.  Ours.
    shrink, share : float
        Armijo's: t = 1, shrink, ... until L <= L(0) + share t g.d [Arm66].
    trials : int

    Notes
    -----
    float32 and float64: the eigenvectors of longdouble are refused.  info has the eigenvalues of H.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range.
    TypeError, MemoryError
        From `step`, in longdouble, and where H would take more memory than `dense` allows.
    """

    modification: str = "absolute"
    floor: float = 1e-8
    shrink: float = 0.5
    share: float = 1e-4
    trials: int = 60

    State = int

    def __post_init__(self):
        require_one_of(self, "modification", MODIFICATIONS)
        require_positive(self, "floor", "shrink", "share")
        require_fraction(self, "floor", "shrink", "share")
        require_whole(self, "trials")

    def init(self, objective, theta):
        """The number of steps taken."""
        return 0

    def step(self, objective, theta, state):
        """theta, state, info; theta stays if no t is accepted."""
        loss, g = objective.value(theta), objective.grad(theta)
        values, Q = eigh(dense(hessian(objective, theta)))
        size = np.abs(values).max() or 1                   # H = 0: any B will do, but not 0
        modified = MODIFICATIONS[self.modification](values, self.floor * size)
        d = -Q @ ((Q.T @ g) / modified)
        slope, curvature = g @ d, ((Q.T @ d) ** 2) @ modified
        found = armijo(lambda t: loss_at(objective, theta + t * d), loss, slope, None, self.shrink,
                       self.share, self.trials)
        info = {"loss": loss, "loss_after": found.loss, "gradient": g, "direction": d,
                "length": found.length, "accepted": found.accepted, "slope": slope,
                "curvature": curvature, "model": slope + curvature / 2, "eigenvalues": values}
        return theta + found.length * d, state + 1, info


# ---- L-BFGS ----

@dataclass(frozen=True, eq=False)
class Found:
    """t, L and the gradient (P,) there; how many points were looked at; whether t is accepted."""

    length: float
    loss: Any
    gradient: Any
    evaluations: int
    accepted: bool


def wolfe(look, d, loss, g, t, share=1e-4, flat=0.9, trials=20):
    """t with L(t) <= L + share t g.d and g(t).d >= flat g.d, by bisection [NW06, eq. 3.6].

    look(t) = L(theta + t d), g(theta + t d).  t doubles until it is too long, and then is the
    middle of too short and too long: with 0 < share < flat < 1 and L bounded below it ends.
    """
    slope, short, long = g @ d, 0.0, inf
    for k in range(trials if slope < 0 else 0):
        after, there = look(t)
        if not after <= loss + share * t * slope:
            long = t
        elif there @ d < flat * slope:
            short = t
        else:
            return Found(t, after, there, k + 1, True)
        t = (short + long) / 2 if long < inf else 2 * short
    return Found(0.0, loss, g, trials if slope < 0 else 0, False)


@dataclass(frozen=True)
class LBFGS:
    """theta <- theta - t H g, H the inverse BFGS matrix of the last pairs from gamma I [LN89].

    One step is one outer iteration of scipy.optimize's "L-BFGS-B" without bounds, which keeps its
    pairs to itself between calls and cannot be resumed; this one does no more than it, and takes
    the same steps as long as both line searches accept their first trial.

    Parameters
    ----------
    memory : int
        Pairs kept at most.
    share, flat : float
        Of Wolfe's conditions, 0 < share < flat < 1: at these the pair has s.y > 0.
    trials : int

    Notes
    -----
    t begins with 1, and with 1/|g| as long as there is no pair.  Both ends of a pair are of the
    same batch.  A pair with s.y <= eps |s| |y|, or so small that it has not all its digits, is left
    out.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range, or share >= flat.
    """

    memory: int = 10
    share: float = 1e-4
    flat: float = 0.9
    trials: int = 20

    State = LimitedMemory

    def __post_init__(self):
        require_whole(self, "memory", "trials")
        require_positive(self, "share", "flat")
        require_fraction(self, "share", "flat")
        if not self.share < self.flat:
            raise ValueError(f"share = {self.share} and flat = {self.flat}; pass share < flat.")

    def init(self, objective, theta):
        """A LimitedMemory without pairs."""
        return limited(theta, self.memory)

    def step(self, objective, theta, state):
        """theta, state, info; theta stays if no t is accepted."""
        loss, g = objective.value(theta), objective.grad(theta)
        d = -product(state, g)

        def look(t):
            there = theta + t * d
            return loss_at(objective, there), objective.grad(there)
        first = 1.0 if len(state.S) else 1 / max(float(length(g)), eps(g.dtype))
        found = wolfe(look, d, loss, g, first, self.share, self.flat, self.trials)
        s, y = found.length * d, found.gradient - g
        taken = s @ y > max(eps(g.dtype) * length(s) * length(y), least(g.dtype))
        info = {"loss": loss, "loss_after": found.loss, "gradient": g, "direction": d,
                "length": found.length, "accepted": found.accepted, "slope": g @ d,
                "search": found, "pairs": [{"s": s, "y": y, "taken": bool(taken)}]}
        return theta + s, state.append(s, y) if taken else state, info


def least(dtype):
    """The least s.y whose products and quotients with eps keep their digits."""
    return np.finfo(dtype).tiny / np.finfo(dtype).eps


def product(memory, v):
    """H v, of the pairs and H_0 = gamma I with gamma = s.y/y.y of the last one [NW06, eq. 7.20].

    BFGS from gamma I with pairs (s, y) is gamma times BFGS from I with (s/sqrt(gamma),
    sqrt(gamma) y).
    """
    if not len(memory.S):
        return v
    s, y = memory.S[-1], memory.Y[-1]
    gamma = (s @ y) / length(y) / length(y)        # y @ y may vanish where s @ y does not
    root = gamma ** 0.5
    return gamma * (LimitedMemory(memory.S / root, root * memory.Y, memory.memory) @ v)
