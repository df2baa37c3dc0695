"""Optimisers that were changed in one place, by which a step or a whole trajectory is taken again.

A variant is a function of an optimiser, and gives another, or None; what its wrong step leaves for
the next is then wrong as it would be in theirs.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from .hypotheses import content
from .kronecker import unlike
from .steps import displacements

SUBJECTS = ("step", "trajectory")


@dataclass(frozen=True)
class Varied:
    """An optimiser whose step is `change(optimizer, objective, theta, state)`."""

    optimizer: Any
    change: Any

    def init(self, objective, theta):
        """As the optimiser's."""
        return self.optimizer.init(objective, theta)

    def step(self, objective, theta, state):
        """The changed step; theta, state, info."""
        return self.change(self.optimizer, objective, theta, state)


def taken(case, optimizer, **options):
    """Arrays of the case's subject by another optimiser, as displacements; None if ours."""
    pieces = case.subject.pieces(case.objective, case.theta,
                                 **{**case.options, "optimizer": optimizer, **options})
    return unlike(case, displacements(case, [piece.array for piece in pieces]))


def variant(name, kind, says, advice="", cost=1.0):
    """Registers a function optimiser -> changed optimiser, or None."""
    def register(function):
        def arrays(case):
            changed = function(case.options["optimizer"])
            return None if changed is None else taken(case, changed)
        content(name, kind, says, advice, SUBJECTS, cost)(arrays)
        return function
    return register


def changed(name, kind, says, advice="", cost=1.0):
    """Registers a step (optimizer, objective, theta, state) -> theta, state, info."""
    def register(step):
        variant(name, kind, says, advice, cost)(lambda optimizer: Varied(optimizer, step))
        return step
    return register


def has(optimizer, *names):
    """Whether it is a dataclass with these fields."""
    return is_dataclass(optimizer) and set(names) <= {each.name for each in fields(optimizer)}


def of(kind_of, name, kind, says, advice="", cost=1.0):
    """Registers a step (optimizer, objective, theta, state) of one class of optimisers."""
    def register(step):
        variant(name, kind, says, advice, cost)(
            lambda o: Varied(o, step) if isinstance(o, kind_of) else None)
        return step
    return register
