"""What theirs could be: a content, arranged, times a factor.

    theirs  =  factor x arrangement(content)

A *content* computes the arrays that a program would return that made one known choice or error; an
*arrangement* reorders their entries; the factor is fitted.  Each has a cost, about the number of
deviations from this package that it stands for, so that of all explanations that fit the simplest
is told.  Registered by decorators, in the folder `causes`.
"""

from collections.abc import Callable
from dataclasses import dataclass

CONVENTION, ERROR, PRECISION, NOISE = "convention", "error", "precision", "noise"
KINDS = (CONVENTION, ERROR, PRECISION, NOISE)


@dataclass(frozen=True)
class Content:
    """`arrays(case)` -> list of arrays, or None where it does not apply.

    name : str, a few words, unique
    kind : of KINDS
    says : str, what is so, as a clause: "the residual part of the Hessian is missing"
    advice : str, what to do
    subjects : tuple of str, those to which it belongs; () for all
    exact : bool, whether it is a scale itself, to which no factor is fitted
    """

    name: str
    kind: str
    says: str
    advice: str
    arrays: Callable
    subjects: tuple = ()
    cost: float = 1.0
    exact: bool = False


@dataclass(frozen=True)
class Arrangement:
    """`apply(case, arrays)` -> list of arrays, or None where it does not apply.

    One that `permutes` moves entries within each array and changes none: it is tried only where
    theirs has the entries of the content, up to a factor.
    """

    name: str
    kind: str
    says: str
    advice: str
    apply: Callable
    cost: float = 1.0
    permutes: bool = False


CONTENTS: dict = {}
ARRANGEMENTS: dict = {}
FAMILIES: list = []
CONTENT_FAMILIES: list = []


def content(name, kind, says, advice="", subjects=(), cost=1.0, exact=False):
    """Registers a function of a Case as a Content."""
    def register(function):
        return _add(CONTENTS, Content(name, kind, says, advice, function, tuple(subjects), cost,
                                      exact))
    return register


def arrangement(name, kind, says, advice="", cost=1.0):
    """Registers a function of (Case, arrays) as an Arrangement."""
    def register(function):
        return _add(ARRANGEMENTS, Arrangement(name, kind, says, advice, function, cost))
    return register


def family(function):
    """Registers a function of a Case that lists the Arrangements which apply to it."""
    FAMILIES.append(function)
    return function


def content_family(function):
    """Registers a function of a Case that lists the Contents which apply to it."""
    CONTENT_FAMILIES.append(function)
    return function


def _add(table, entry):
    if entry.name in table or entry.kind not in KINDS:
        raise ValueError(f"{entry.name!r} is registered already, or its kind {entry.kind!r} is "
                         f"none of {', '.join(KINDS)}.")
    table[entry.name] = entry
    return entry


content("ours", CONVENTION, "theirs is ours", cost=0.0)(lambda case: case.ours)
arrangement("as it is", CONVENTION, "in the same order", cost=0.0)(lambda case, arrays: arrays)
