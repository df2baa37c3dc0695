"""The contract of an optimiser, the names of what a step tells, and the loop that takes steps.

An optimiser is a frozen dataclass of hyper-parameters with `init(objective, theta) -> state` and
`step(objective, theta, state) -> theta, state, info`.  Both are pure: no argument is changed, no
random number is drawn that is not in the state, so a step taken twice is the same to the last bit.
Its class `State`, where it has one, is the type of its states: `run` then refuses others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_whole, require_callables, require_float, require_theta, shown
from ..arrays.namespace import library
from ..arrays.transfer import alongside, to_host
from ..network.objective import Objective
from .states import require_state

NAMES = {
    "loss": "L(theta) on the batch, before the step",
    "loss_after": "L on the same batch after it, where it is evaluated",
    "gradient": "g (P,), of L on the batch",
    "direction": "d (P,), before any step length",
    "length": "t: theta moves by t d",
    "accepted": "False where theta stays",
    "damping": "lam, of this step",
    "slope": "g.d",
    "curvature": "d.Bd, damping left out",
    "model": "g.d + d.Bd/2: what the model says that L changes by for t = 1",
    "gamma": "of K-FAC: the damping of its factors, sqrt(lam) on both together",
    "proposal": "(P,): the direction before an exact model re-scales it",
    "coefficients": "what that model multiplies the proposal by, and the last direction",
    "rho": "change of L over change of the model",
    "iterations": "products that an inner solver took",
    "reason": "why the inner solver stopped",
    "look": "what the inner solver saw before its last step",
    "search": "the record of the search for t",
    "iterates": "rows: the inner solver's iterates that were kept",
    "path": "the inner solver's record, as truncated_cg.Path",
    "chosen": "the row of the iterates that backtracking took as d",
    "pairs": "per matrix: dict of s, y and what was made of them",
    "eigenvalues": "of the matrix before it is made positive definite, ascending",
    "factors": "per matrix: the Kronecker factors of the step",
    "factors_after": "per matrix: the factors that it left, for the next step",
    "blocks": "per block: info of its own",
}


@dataclass(frozen=True, eq=False)
class History:
    """What `run` saw: one array (steps,) per number that every info holds, and the last state."""

    values: dict
    state: Any

    def __getitem__(self, name):
        return self.values[name]


def run(optimizer, batches, theta, steps, state=None, watch=None):
    """theta after `steps` steps, and their History.

    Parameters
    ----------
    optimizer : an optimiser, as KBFGS(...)
    batches : Objective, or iterable of Objectives
        The same batch every time, or one batch per step; of an iterable with a `whole` (as
        problems.batches makes) `init` sees the whole, else the first batch.
    theta : array (P,)
        Left as it is.
    steps : int
    state : optional
        To go on from, as History.state has it; `optimizer.init` of the objective otherwise.
    watch : callable, optional
        Called as watch(k, theta, info) after step k, counted from 0: for records and invariants.

    Returns
    -------
    theta : array (P,)
    history : History

    Raises
    ------
    ArithmeticError
        At the first step after which theta is not finite, naming its number, counted from 1.
    TypeError, ValueError
        If optimizer is none, theta holds no real floats or does not fit, steps is no whole number,
        state is not of this optimiser, this network and this precision, watch cannot be called,
        or batches are neither an Objective nor iterable, or end too early.
    """
    if not is_whole(steps, 0):
        raise ValueError(f"steps is {shown(steps)}; give a whole number, 0 or more.")
    require_optimizer(optimizer)
    if watch is not None:
        require_callables(watch=watch)
    require_float("theta", theta, "f")
    stream = _stream(batches)
    infos = []
    for k in range(steps):
        objective = next(stream, None)
        if objective is None:
            raise ValueError(f"the batches end after {k} of {steps} steps; problems.batches goes "
                             "on for ever.")
        if k == 0:
            theta = alongside(theta, objective.x)
            require_theta(objective, theta)
            state = _begun(optimizer, getattr(batches, "whole", objective), theta, state)
        theta, state, info = optimizer.step(objective, theta, state)
        if watch is not None:
            watch(k, theta, info)
        if not np.isfinite(theta).all():
            raise ArithmeticError(f"theta is not finite after step {k + 1} (watch's {k}) of "
                                  f"{optimizer}: the loss before it was {info.get('loss')}; take a "
                                  "shorter step or more damping.")
        infos.append(_numbers(info))
    return theta, History(_columns(infos), state)


def _begun(optimizer, objective, theta, state):
    if state is None:
        return optimizer.init(objective, theta)
    require_state(optimizer, objective, theta, state)
    return state


def require_optimizer(optimizer):
    """TypeError unless it has the two methods, and is no class."""
    if isinstance(optimizer, type) or not (hasattr(optimizer, "init")
                                           and hasattr(optimizer, "step")):
        raise TypeError(f"optimizer is {optimizer!r}; pass one with its hyper-parameters, as "
                        "KBFGS().")


def _stream(batches):
    if isinstance(batches, Objective):
        return iter(lambda: batches, None)
    if not isinstance(batches, Iterable):
        raise TypeError(f"batches is a {type(batches).__name__}; pass an Objective, or "
                        "problems.batches(objective, size, rng).")
    return iter(batches)


def _numbers(info):
    return {name: value for name, value in info.items() if _is_number(value)}


def _is_number(value):
    on_device = library(value) is not np and getattr(value, "shape", None) == ()
    return on_device or isinstance(value, (bool, int, float, np.number, np.bool_))


def _columns(infos):
    common = set.intersection(*map(set, infos)) if infos else set()
    return {name: _column([info[name] for info in infos]) for name in NAMES if name in common}


def _column(numbers):
    """As an array on the host; numbers of a device go there together, not one by one."""
    if all(library(number) is not np for number in numbers):
        return to_host(library(numbers[0]).stack(numbers))
    return np.array([to_host(number) for number in numbers])
