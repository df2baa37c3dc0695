"""Steps and trajectories of optimisers as subjects, and where a trajectory first goes wrong.

    step          numbers of one step: theta after it, and of info what `quantities` names
    trajectory    theta after each of k steps (k, P)

What explains a step is sought among displacements theta+ - theta, which are proportional to the
step length, and not among thetas, which nearly agree whatever the step was.
"""

from dataclasses import fields, is_dataclass, replace

import numpy as np

from ...curvature.limited_memory import LimitedMemory
from ...network.objective import Objective
from ...optim.step import NAMES, require_optimizer
from ...optim.states import require_state
from .subjects import SUBJECTS, THETA, Piece, Subject

STEPS, MOVES = ("step", None), "theta"
ALONG = 1e-6                           # 1 - cosine of steps that differ in their length alone


# ---- subjects ----

def step_pieces(objective, theta, optimizer, state=None, quantities=(MOVES,)):
    """theta after the step, and other quantities by their names in `optim.step.NAMES`."""
    require_optimizer(optimizer)
    after, _, info = optimizer.step(objective, theta, _begun(optimizer, objective, theta, state))
    known = {**info, MOVES: after}
    for name in quantities:
        if name not in known:
            told = ", ".join(each for each in known if each in (*NAMES, MOVES))
            raise ValueError(f"{name!r} is no quantity of this step; pass some of {told}.")
    return [piece for name in quantities for piece in _numbers(name, known[name], theta.size)]


def _numbers(name, value, P, layer=None):
    """Pieces of whatever an info holds under a name."""
    if isinstance(value, LimitedMemory):
        value = value.dense()
    if isinstance(value, (list, tuple)):
        return [piece for l, each in enumerate(value)
                for piece in _numbers(name, each, P, l if layer is None else layer)]
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, dict):
        return [piece for key, each in value.items()
                for piece in _numbers(f"{name} {key}", each, P, layer)]
    array = np.asarray(value, float) if not isinstance(value, np.ndarray) else value
    axes = (THETA,) if array.shape == (P,) else tuple(("entry", None) for _ in array.shape)
    return [Piece(array, axes, name, layer)]


def trajectory_pieces(objective, theta, optimizer, state=None, batches=None, steps=None):
    """theta after each step on each batch, Objectives or indices of examples."""
    return [Piece(np.stack([theta for theta, _, _ in
                            path(objective, theta, optimizer, state, batches, steps)]),
                  (STEPS, THETA), MOVES)]


def path(objective, theta, optimizer, state=None, batches=None, steps=None):
    """[(theta, state, info), ...] after each step."""
    state, found = _begun(optimizer, objective, theta, state), []
    for batch in batches_of(objective, batches, steps):
        theta, state, info = optimizer.step(batch, theta, state)
        found.append((theta, state, info))
    return found


def batches_of(objective, batches, steps):
    """Objectives: the batches that were given, or the whole as many times as there are steps."""
    if batches is None:
        if steps is not None and (not isinstance(steps, int) or steps < 1):
            raise ValueError(f"steps must be a whole number of at least 1, got {steps!r}.")
        return [objective] * (steps or 1)
    return [each if isinstance(each, Objective) else objective.batch(each) for each in batches]


def _begun(optimizer, objective, theta, state):
    require_optimizer(optimizer)
    if state is None:
        return optimizer.init(objective, theta)
    if not hasattr(optimizer, "change"):           # a variant takes the state of what it varies
        require_state(optimizer, objective, theta, state)
    return state


# ---- displacements ----

def displaced(case):
    """The Case of theta+ - theta in place of theta+, ours and theirs."""
    moved = [replace(piece, array=a) for piece, a in
             zip(case.pieces, displacements(case, case.ours))]
    fitting = [a.shape for a in case.theirs] == [a.shape for a in case.ours]
    theirs = displacements(case, case.theirs) if fitting else case.theirs
    return replace(case, pieces=moved, answer=replace(case.answer, arrays=theirs))


def displacements(case, arrays):
    """Differences to the theta before, of pieces that are thetas."""
    return [np.diff(a, axis=0, prepend=case.theta[None]) if piece.axes[:1] == (STEPS,)
            else a - case.theta if piece.slot == MOVES else a
            for a, piece in zip(arrays, case.pieces)]


# ---- the first that is wrong ----

def first_quantity(case):
    """Of a step: the first of the quantities that is off."""
    for theirs, piece, bound in zip(case.theirs, case.pieces, case.tolerance.bounds):
        if not (np.abs(theirs - piece.array) <= bound).all():
            where = "" if piece.layer is None else f" of matrix {piece.layer}"
            if piece.slot == MOVES:
                return f"step: {_way(theirs - case.theta, piece.array - case.theta)}"
            return f"step: {piece.slot}{where}"
    return None


def first_step(case):
    """Of a trajectory: the first step that is off, and what in it."""
    theirs, piece, bound = case.theirs[0], case.pieces[0], case.tolerance.bounds[0]
    wrong = ~(np.abs(theirs - piece.array) <= bound).all(-1)
    if not wrong.any():
        return None
    k = int(np.argmax(wrong))
    before = case.theta if k == 0 else piece.array[k - 1]
    what = _way(theirs[k] - before, piece.array[k] - before)
    suspect = ("" if k == 0 else f"; the {k} before are right, so look at what they left for it: "
               "averages, factors, damping")
    return f"step {k}, counted from 0: {what}{suspect}"


def _way(theirs, ours):
    """How one displacement differs from another."""
    sizes = np.linalg.norm(theirs), np.linalg.norm(ours)
    if not all(sizes):
        return "theta stays" if not sizes[0] else "theta moves, and should stay"
    cosine = theirs @ ours / (sizes[0] * sizes[1])
    if cosine > 1 - ALONG:
        return f"its length, {sizes[0] / sizes[1]:.6g} of ours; the direction is right"
    if cosine < ALONG - 1:
        return f"its sign: it goes the other way, {sizes[0] / sizes[1]:.6g} as far"
    return f"its direction, cosine {cosine:.6g} with ours"


SUBJECTS["step"] = Subject("step", "one step", step_pieces, diagnosed=displaced,
                           first_wrong=first_quantity, required=("optimizer",))
SUBJECTS["trajectory"] = Subject("trajectory", "trajectory", trajectory_pieces,
                                 diagnosed=displaced, first_wrong=first_step,
                                 required=("optimizer",))
