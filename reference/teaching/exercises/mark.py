"""A mark: which cases agree, what is wrong in the first that does not, and the next hint."""

from dataclasses import dataclass
from textwrap import fill

WIDTH, INDENT = 98, 9 * " "


@dataclass(frozen=True)
class Case:
    """One case that was tried; `wrong` are lines of text, none if it agrees."""

    name: str
    wrong: tuple = ()

    @property
    def passed(self):
        """Whether it agrees."""
        return not self.wrong


@dataclass(frozen=True, repr=False)
class Mark:
    """What came of marking; printed, it is text for the student.

    Attributes
    ----------
    name : str
        Of the exercise.
    cases : tuple of Case
        Those that were tried: marking stops at the first that is wrong.
    total : int
        How many there are.
    hint, place : str
        The hint, and which of them it is.
    """

    name: str
    cases: tuple
    total: int
    hint: str = ""
    place: str = ""

    @property
    def passed(self):
        """Whether all cases agree."""
        return len(self.cases) == self.total and all(case.passed for case in self.cases)

    @property
    def text(self):
        """Line by line: cases, what is wrong, a hint, what follows."""
        right = sum(case.passed for case in self.cases)
        if self.passed:
            lines = [f"{self.name}: passed, {right} of {right} cases agree"]
        else:
            lines = [f"{self.name}: not yet, {right} of {self.total} cases agree"]
        for case in self.cases:
            lines.append(f"  {'agrees' if case.passed else 'wrong ':<6} {case.name}")
            lines += [_wrapped(line) for line in case.wrong]
        if self.hint:
            lines.append(_wrapped(f"({self.place}) {self.hint}", "  hint   "))
        left = self.total - len(self.cases)
        if left:
            lines.append(f"  {left} more {'case follows' if left == 1 else 'cases follow'}.")
        return "\n".join(lines)

    def __str__(self):
        return self.text

    __repr__ = __str__


def _wrapped(line, head=INDENT):
    """A line of at most WIDTH columns; numbers to be copied, which are indented, stay on one."""
    return INDENT + line if line.startswith(" ") else fill(
        line, WIDTH, initial_indent=head, subsequent_indent=INDENT, break_on_hyphens=False)
