"""Levenberg-Marquardt for squared error, of all of theta or block by block [Lev44; Mar63; CS99].

    L = |e|^2/2 + (l2/2)|theta|^2,   e = sqrt(w/R) (z - y) (E,),   J = de/dtheta (E, P)
    (J^T J + (l2 + mu) I) d = -(J^T e + l2 theta) = -g

Blocks b of parameters, (J_b^T J_b + (l2 + mu_b) I) d_b = -g_b, in two schedules [CS99]:
*synchronous*, all on one linearisation (block Jacobi), and *asynchronous*, one after the other, e
and J_b taken again after each (block Gauss-Seidel).  With one block both are the whole method.

Marquardt's rule: a trial that lowers L is taken and mu <- mu/factor; else theta stays and
mu <- mu factor.  One step is one trial, or in the asynchronous schedule one of each block.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole, shown
from ..arrays.transfer import alongside
from ..curvature.partition import partition, require_partition
from ..curvature.solve import solve
from ..derivatives.jacobian import jacobian
from .globalise import loss_at
from .refusals import require_one_of, require_positive

# ---- one linearisation, one trial ----


def linearise(objective, theta):
    """e (E,) and J (E, P), with L = |e|^2/2 + (l2/2)|theta|^2 and J = de/dtheta, for any batch.

    Raises
    ------
    ValueError
        Unless the loss is squared error.
    """
    if objective.loss.name != "SquaredError":
        raise ValueError(f"the loss is {objective.loss}, which is no sum of squares; "
                         "Levenberg-Marquardt needs SquaredError(), other losses hessian-free.")
    z = objective.outputs(theta)
    share = objective.weighted(F.ones_like(z), 1) ** 0.5
    e = share * (z - objective.beside(objective.targets, z))
    J = share[..., None] * jacobian(objective, theta)
    return e.reshape(-1), J.reshape(-1, theta.size)


def damped_step(J, g, damping):
    """d = -(J^T J + damping I)^-1 g; 0 where that is singular to working precision."""
    try:
        return solve(J.T @ J, -g, damping)
    except np.linalg.LinAlgError:
        return 0 * g


def marquardt(damping, accepted, rule):
    """mu/factor if the trial was accepted, else mu factor; between `least` and `most` [Mar63]."""
    moved = damping / rule.factor if accepted else damping * rule.factor
    return min(max(moved, rule.least), rule.most)


def trial(objective, theta, places, dampings, at):
    """theta and info after d with all `places` (int arrays) moved, each with its own damping.

    at = linearise(objective, theta): the blocks share it, and one test of the loss.
    """
    (e, J), loss, d = at, objective.value(theta), F.zeros_like(theta)
    g = e @ J + objective.l2 * theta
    for b, damping in zip((alongside(b, theta) for b in places), dampings):
        d[b] = damped_step(J[:, b], g[b], damping + objective.l2)
    after = loss_at(objective, theta + d)
    accepted, slope, Jd = bool(after < loss), g @ d, J @ d
    curvature = Jd @ Jd + objective.l2 * (d @ d)
    info = {"loss": loss, "loss_after": after if accepted else loss, "gradient": g, "direction": d,
            "length": float(accepted), "accepted": accepted, "slope": slope,
            "curvature": curvature, "model": slope + curvature / 2}
    return theta + d if accepted else theta, info


# ---- the optimisers ----

@dataclass(frozen=True)
class State:
    """mu of each block, and the number of steps taken."""

    dampings: tuple
    k: int = 0


@dataclass(frozen=True)
class LevenbergMarquardt:
    """theta + d, (J^T J + (l2 + mu) I) d = -g, if L falls; mu by Marquardt's rule [Lev44; Mar63].

    Parameters
    ----------
    damping : float
        mu at the start, on the scale of J^T J: with reduction="mean" of the mean over examples.
        mu I is Levenberg's; Marquardt scales it by diag(J^T J).
    factor : float
        More than 1; 10 as [Mar63].
    least, most : float
        Between which mu stays.  Ours.

    Notes
    -----
    J is held as an array (E, P).  Where J^T J + mu I is singular to working precision the trial is
    rejected, so that mu rises.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range, or not least <= damping <= most; from `step`,
        unless the loss is squared error.
    """

    damping: float = 0.01
    factor: float = 10.0
    least: float = 1e-12
    most: float = 1e12

    State = State

    def __post_init__(self):
        _require_rule(self)

    def init(self, objective, theta):
        """mu at the start."""
        return State((self.damping,))

    def step(self, objective, theta, state):
        """One trial; theta, state, info."""
        damping, = state.dampings
        after, info = trial(objective, theta, [np.arange(theta.size)], [damping],
                            linearise(objective, theta))
        moved = State((marquardt(damping, info["accepted"], self),), state.k + 1)
        return after, moved, {**info, "damping": damping}


@dataclass(frozen=True, eq=False)
class BlockLevenbergMarquardt:
    """(J_b^T J_b + (l2 + mu_b) I) d_b = -g_b for each block b of parameters [CS99].

    Ours: which trials are judged, and that each block has its own mu.

    Parameters
    ----------
    groups : str, list of lists, or tuple of int arrays
        As `partition` takes them ("matrices", "layers", lists of names or of numbers of matrices),
        or the places in theta of each block, as `partition` and `rows` return them.
    schedule : "synchronous" or "asynchronous"
        One linearisation, and one test of the loss, for all blocks; or for each block its own, at
        the theta that the blocks before it left.
    damping, factor, least, most : float
        As in LevenbergMarquardt, for each block; in the synchronous schedule all mu move together.

    Notes
    -----
    info["blocks"] has the info of every trial, of the whole of theta if synchronous.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range; from `step` as LevenbergMarquardt.
    TypeError, ValueError
        From `init`, as `partition` refuses groups.
    """

    groups: Any = "matrices"
    schedule: str = "asynchronous"
    damping: float = 0.01
    factor: float = 10.0
    least: float = 1e-12
    most: float = 1e12

    State = State

    def __post_init__(self):
        _require_rule(self)
        require_one_of(self, "schedule", SCHEDULES)

    def init(self, objective, theta):
        """mu of each block at the start."""
        return State((self.damping,) * len(places_of(objective.net, self.groups)))

    def step(self, objective, theta, state):
        """One sweep; theta, state, info."""
        sweep = SCHEDULES[self.schedule](places_of(objective.net, self.groups))
        before, dampings, infos = theta, list(state.dampings), []
        for trial_of, places in sweep:
            own = [dampings[b] for b in trial_of]
            theta, info = trial(objective, theta, places, own, linearise(objective, theta))
            for b in trial_of:
                dampings[b] = marquardt(dampings[b], info["accepted"], self)
            infos.append({**info, "damping": max(own)})
        first, last = infos[0], infos[-1]
        info = {"loss": first["loss"], "loss_after": last["loss_after"],
                "gradient": first["gradient"], "direction": theta - before, "length": 1.0,
                "accepted": any(each["accepted"] for each in infos),
                "damping": max(state.dampings), "blocks": infos}
        return theta, State(tuple(dampings), state.k + 1), info


SCHEDULES = {       # blocks -> [(numbers of the blocks of a trial, their places), ...]
    "synchronous": lambda places: [(range(len(places)), places)],
    "asynchronous": lambda places: [((b,), (block,)) for b, block in enumerate(places)],
}


# ---- blocks ----

def places_of(net, groups):
    """The places in theta of each block (n_b,): of a partition by name or by lists, or as given."""
    if isinstance(groups, (tuple, list)) and all(isinstance(group, np.ndarray) for group in groups):
        return require_partition(groups, net.layout.size)
    return partition(net, groups)


def rows(layout, k):
    """Blocks of k units: the places of k rows of a weight matrix each, fewer in its last block.

    Parameters
    ----------
    layout : Layout
    k : int

    Returns
    -------
    tuple of int arrays
    """
    if not is_whole(k, 1):
        raise ValueError(f"k is {shown(k)}; pass a whole number of units, at least 1.")
    return tuple(np.arange(s.start + a * I, min(s.start + (a + k) * I, s.stop))
                 for s, (O, I) in zip(layout.slices, layout.shapes) for a in range(0, O, k))


def _require_rule(rule):
    require_positive(rule, "damping", "factor", "least", "most")
    if not (rule.factor > 1 and rule.least <= rule.damping <= rule.most):
        raise ValueError(f"factor = {rule.factor}, least = {rule.least}, damping = {rule.damping}, "
                         f"most = {rule.most}; pass a factor above 1 and least <= damping <= most.")
