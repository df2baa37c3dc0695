"""An exhibit: one documented fault, planted in a problem in which it shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..judge.subjects import subject_of

CONVENTION, ERROR = "convention", "error"
EXHIBITS: dict = {}


@dataclass(frozen=True)
class Exhibit:
    """What a wrong program answers, and what it should be told.

    Attributes
    ----------
    id : str
        Of the list of documented faults; a letter more where one report is planted in two ways.
    source : str
        owner/repository#number; "seen" says whether the thread was read or is told by the list.
    wrong : str
        What was wrong, in our words.
    subject : Subject
    kind : str
        "convention" or "error".
    named : tuple of str
        Contents, arrangements, factors or parts of faults, any of which names it rightly.
    point : callable
        () -> (objective, theta).
    theirs : callable
        () -> the wrong program: a callable of (objective, theta, *arguments).
    arguments : callable
        (objective, theta) -> what follows theta.
    options : dict
    """

    id: str
    source: str
    wrong: str
    subject: Any
    kind: str
    named: tuple
    point: Callable
    theirs: Callable
    arguments: Callable
    options: dict
    seen: bool = False

    def given(self):
        """(objective, theta, *arguments)."""
        objective, theta = self.point()
        return (objective, theta, *self.arguments(objective, theta))


def exhibit(id, source, wrong, subject, point, named=(), kind=ERROR, arguments=None, options=None,
            seen=False, stateful=False):
    """Registers the wrong program; one that keeps state is made anew by a call without arguments.

    Raises
    ------
    ValueError
        For an id that is taken.
    """
    def register(function):
        if id in EXHIBITS:
            raise ValueError(f"there is an exhibit {id} already; add a letter.")
        EXHIBITS[id] = Exhibit(
            id, source, wrong, subject_of(subject), kind, tuple(named), point,
            function if stateful else lambda: function, arguments or (lambda o, t: ()),
            options or {}, seen)
        return function
    return register
