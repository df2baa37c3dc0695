"""Other steps of Levenberg and Marquardt, and of L-BFGS."""

import numpy as np

from ....curvature.limited_memory import LimitedMemory
from ....optim.classical import LBFGS
from ....optim.globalise import loss_at
from ....optim.levenberg_marquardt import LevenbergMarquardt, linearise
from ..hypotheses import CONVENTION, ERROR
from ..varied import of

# ---- Levenberg and Marquardt ----

def _damped(name, kind, says, advice, added):
    """added(J^T J, mu, objective) is what J^T J + l2 I gains."""
    @of(LevenbergMarquardt, name, kind, says, advice)
    def step(o, objective, theta, state):
        _, left, info = o.step(objective, theta, state)
        (e, J), mu = linearise(objective, theta), info["damping"]
        B, g = J.T @ J, e @ J + objective.l2 * theta
        B = B + objective.l2 * np.eye(len(B)) + added(B, mu, objective)
        d = -np.linalg.lstsq(B, g, rcond=None)[0]
        after = loss_at(objective, theta + d)
        accepted = bool(after < info["loss"])
        return theta + d if accepted else theta, left, {
            **info, "direction": d, "slope": g @ d, "accepted": accepted,
            "length": float(accepted)}


_damped("steps without damping", ERROR, "nothing is added to J^T J", "Add mu I.",
        lambda B, mu, o: 0 * B)
_damped("damping beside a sum", CONVENTION, "mu is beside the sum of squares, not their mean",
        "Divide mu by N, or ask for reduction='sum'.", lambda B, mu, o: mu / o.R * np.eye(len(B)))


# ---- L-BFGS ----

def _scaled(name, kind, says, advice, scaled):
    """scaled(memory, v, gamma) -> H v."""
    @of(LBFGS, name, kind, says, advice)
    def step(o, objective, theta, state):
        after, left, info = o.step(objective, theta, state)
        if not len(state.S):
            return after, left, info
        s, y = state.S[-1], state.Y[-1]
        g, t = info["gradient"], info["length"]
        d = -scaled(state, g, (s @ y) / (y @ y))
        there = theta + t * d
        left = state.append(t * d, objective.grad(there) - g)
        return there, left, {**info, "direction": d, "slope": g @ d}


def _from(memory, gamma, v):
    """H v of BFGS from gamma I."""
    root = gamma ** 0.5
    return gamma * (LimitedMemory(memory.S / root, root * memory.Y, memory.memory) @ v)


_scaled("H0 of the identity", CONVENTION, "H0 is I, not gamma I", "Scale by gamma = s.y/y.y.",
        lambda memory, v, gamma: memory @ v)
_scaled("H0 multiplied twice", ERROR, "gamma scales H0 twice", "Multiply by H0 once.",
        lambda memory, v, gamma: _from(memory, gamma * gamma, v))
_scaled("gamma upside down", ERROR, "gamma is y.y/s.y", "gamma = s.y/y.y.",
        lambda memory, v, gamma: _from(memory, 1 / gamma, v))
