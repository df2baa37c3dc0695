"""What an exercise is: a task, hints, stages from the easiest to awkward ones, and a solution."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .asking import arranged, ask
from .mark import Case, Mark
from .words import values


@dataclass(frozen=True)
class Stage:
    """`draw(rng)` makes the point of a case; `hint` is the number of the hint that helps, from 0.

    dtype : what the answer must have, where that is asked.
    """

    name: str
    draw: Callable
    hint: int = 0
    dtype: str | None = None


@dataclass(frozen=True, repr=False)
class Exercise:
    """One function to write, and the marking of it.

    Attributes
    ----------
    short : str
        The name of the function that is asked for.
    name : str
    lesson : int
        The lesson that it goes with.
    signature, text : str
    hints : tuple of str
        In the order of the cases that they help with.
    """

    short: str
    name: str
    lesson: int
    signature: str
    text: str
    hints: tuple
    problem: Any
    stages: tuple
    answers: tuple                     # functions: the solution, and what it calls

    def __repr__(self):
        return f"exercise {self.short}: {self.name} (lesson {self.lesson})"

    @property
    def task(self):
        """What to write: signature, shapes, what to derive, and one worked number."""
        point = self.stages[0].draw(np.random.default_rng(0))
        return "\n".join([
            f"{self.name[0].upper()}{self.name[1:]} (lesson {self.lesson})", "",
            f"    {self.signature}", "", self.text.strip(), "", "One worked example:", "",
            *values(self.problem.arguments(point)), "  give",
            *values(self.problem.expected(point))])

    @property
    def solution(self):
        """The source of a function that passes."""
        return "\n\n".join(["import numpy as np\n", *map(inspect.getsource, self.answers)])

    def mark(self, function, seed=0):
        """Ask the function case by case, and stop at the first that it fails.

        Parameters
        ----------
        function : callable
            As the task says; called twice in each case.
        seed : int
            Of the numbers that are drawn; the worked example has its own.

        Returns
        -------
        Mark
            `.passed`, and as a string what agrees, what is wrong first, and a hint.

        Raises
        ------
        TypeError
            If `function` is none; whatever it raises is told, but for KeyboardInterrupt.

        Notes
        -----
        Judged are numbers: a function that calls the package passes, and so does one that knows
        the numbers of a seed by heart.  Who marks others takes a seed of their own.

        Examples
        --------
        >>> import reference as ref
        >>> print(ref.exercises.forward.mark(lambda W, x: x @ W[:, :-1].T))  # doctest: +ELLIPSIS
        forward of a dense layer: not yet, 0 of 6 cases agree
          wrong  the worked example
                 s: the bias is left out. ...
        """
        if not callable(function):
            raise TypeError(f"mark takes the function itself, got {type(function).__name__}; "
                            f"write exercises.{self.short}.mark({self.short}), without calling it.")
        cases = []
        for number, stage in enumerate(self.stages):
            with np.errstate(all="ignore"):
                lines = self._wrong(function, stage, np.random.default_rng([seed, number]))
            cases.append(Case(stage.name, tuple(lines)))
            if lines:
                return Mark(self.name, tuple(cases), len(self.stages), self.hints[stage.hint],
                            f"{stage.hint + 1} of {len(self.hints)}")
        return Mark(self.name, tuple(cases), len(self.stages))

    def _wrong(self, function, stage, rng):
        """What is wrong at a stage, in lines; none if nothing is."""
        point = stage.draw(rng)
        arguments, expected = self.problem.arguments(point), self.problem.expected(point)
        asked = ask(function, arguments)
        if not asked.usable:
            return asked.faults
        arrays, wrong = arranged(asked.given, expected, stage.dtype)
        if arrays is not None:
            wrong = self.problem.differences(point, arrays)
        wrong = wrong + asked.faults
        return wrong and wrong + asked.warned
