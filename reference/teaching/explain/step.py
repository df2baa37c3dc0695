"""What `explain` returns: steps, each a formula, words, a value, and where the formula is coded."""

import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .formula import plain
from .numbers import WIDTH, entries, shape_text

ROOT = Path(__file__).parents[3]       # of the paths that are shown


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    formula : str
        In LaTeX; `text` is the same in plain text.
    words : str
        What happens, with one entry followed by hand where there is one.
    shape : tuple
        Of the value.
    value : array or float
        What the formula gives on this net.
    code : str
        The functions that have the formula, one a line, as "reference/network/affine.py:106
        Dense.forward".
    """

    formula: str
    words: str
    shape: tuple
    value: Any
    code: str

    @property
    def text(self):
        """The formula in plain text."""
        return plain(self.formula)

    def __str__(self):
        return "\n".join([*_wrapped(self.text), *_wrapped(self.words),
                          *_wrapped(f"value {shape_text(self.shape)}:"),
                          entries(self.value, "      "),
                          *(f"    code: {line}" for line in self.code.splitlines())])

    def _repr_markdown_(self):
        """The same, with the formula as LaTeX maths."""
        value = entries(self.value)
        return (f"$${self.formula}$$\n\n{self.words}\n\n```text\n"
                f"value {shape_text(self.shape)}:\n{value}\n\n{self.code}\n```")


def step(formula, words, value, *functions):
    """A Step of a value, coded by these functions."""
    return Step(formula, words, np.shape(value), value, "\n".join(map(coded, functions)))


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The derivation of a quantity on one net.

    Attributes
    ----------
    quantity, title, where : str
        Its name, its name in words, and the net, sizes and loss.
    steps : tuple of Step
    difference : float
        Between the last value of the steps and the package's, relative to the largest entry.
    """

    quantity: str
    title: str
    where: str
    steps: tuple
    difference: float

    def __repr__(self):
        return (f"<Explanation of {self.quantity}: {len(self.steps)} steps, which lead to the "
                f"package's numbers within {self.difference:.0e}>")

    def __str__(self):
        heads = [*textwrap.wrap(self.title, WIDTH), *textwrap.wrap(self.where, WIDTH)]
        return "\n".join(heads) + "\n" + "\n".join(
            f"\n{k:>2}  {str(each).lstrip()}" for k, each in enumerate(self.steps, 1))

    def _repr_markdown_(self):
        """As `str`, with the formulas as LaTeX maths, which notebooks show."""
        return "\n\n".join([f"### {self.title}", self.where] + [
            f"**{k}.**\n\n{each._repr_markdown_()}" for k, each in enumerate(self.steps, 1)])


def _wrapped(text):
    return textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ",
                         break_long_words=False, break_on_hyphens=False)


# ---- where a formula is coded ----

def coded(function):
    """The file, line and name of a function, as an editor opens it with one click."""
    function = inspect.unwrap(getattr(function, "fget", function))         # of a property, too
    path, line = Path(inspect.getsourcefile(function)), inspect.getsourcelines(function)[1]
    path = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return f"{path}:{line} {function.__qualname__}"
