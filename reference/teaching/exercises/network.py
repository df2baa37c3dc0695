"""Exercises on a network of two dense layers with tanh between: judged by `ref.check` itself.

    z = W2 (tanh(W1 (x, 1)), 1),      L = (1/N) sum_n loss_n(z_n, y_n), softmax cross-entropy
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from ...oracle.judge.case import Case
from ...oracle.judge.hypotheses import ERROR, Content
from ...oracle.judge.subjects import subject_of
from ...oracle.judge.verdict import check
from .formula import Slip, different
from .points import matrices
from .report import flat, reported, worst
from .words import followed


@dataclass(frozen=True)
class OnNetwork:
    """`quantity` of `check`; a point is (objective, theta, *vectors of theta's size).

    names : of the student's arguments beyond W1, W2, x, y, two for each vector
    outputs : names of the arrays that are asked for
    split : (net, the judge's arrays) -> these
    """

    quantity: str
    names: tuple
    outputs: tuple
    split: Callable
    slips: tuple = ()

    def arguments(self, point):
        """{name: array}: W1, W2, x, y and the vectors as matrices."""
        objective, theta, *vectors = point
        arrays = [*matrices(objective.net, theta), objective.x, objective.y]
        arrays += [M for v in vectors for M in matrices(objective.net, v)]
        return dict(zip(("W1", "W2", "x", "y", *self.names), arrays))

    def expected(self, point):
        """{name: array}."""
        pieces = subject_of(self.quantity).pieces(*point)
        return dict(zip(self.outputs, self.split(point[0].net, [p.array for p in pieces])))

    def differences(self, point, arrays):
        """Lines of the judge's report in a student's words; none if it agrees."""
        expected = self.expected(point)
        lines = [line for (name, right), a in zip(expected.items(), arrays)
                 if a.shape != np.shape(right) for line in misshapen(name, a, right)]
        if not lines:
            handed = arrays if len(self.pieces(point)) > 1 else [flat(arrays)]
            report = check(handed, self.subject(point), *point, dtype=point[1].dtype)
            lines = [] if report.passed else [*reported(report, arrays), *worst(arrays, expected)]
        return lines and [*lines, *followed(self.arguments(point))]

    def pieces(self, point):
        """The judge's pieces."""
        return subject_of(self.quantity).pieces(*point)

    def subject(self, point):
        """The judge's subject, with the exercise's slips among the causes."""
        arguments = self.arguments(point).values()
        lists = len(self.pieces(point)) > 1

        def arrays(slip):
            found = slip.answer(*arguments)
            return list(found) if lists else [flat(found)]
        slips = [Content(slip.says, ERROR, slip.says, slip.advice,
                         lambda case, s=slip: arrays(s)) for slip in self.all_slips(point)]
        return replace(subject_of(self.quantity), diagnosed=lambda case: Slipped(
            *(getattr(case, each.name) for each in fields(case)), tuple(slips)))

    def all_slips(self, point):
        """The exercise's, and each array transposed that has the same shape then."""
        expected = self.expected(point)
        return (*self.slips, *(
            Slip(f"{name} is transposed", f"{name} = {name}.T", lambda *_, k=name: [
                a.T if other == k else a for other, a in expected.items()])
            for name, right in expected.items() if right.shape == right.T.shape))


@dataclass(frozen=True, eq=False)
class Slipped(Case):
    """A Case whose causes are the judge's and an exercise's slips."""

    slips: tuple = ()

    @cached_property
    def contents(self):
        """Those of the judge first."""
        return [*super().contents, *self.slips]


def misshapen(name, theirs, right):
    """Lines on an array of another shape."""
    cut = (("column", right[:, :-1]), ("row and column", right[:-1, :-1]), ("row", right[:-1]))
    slips = [Content(what, ERROR, f"the last {what} of it, of the constant 1, is missing",
                     "The input of a layer with a bias ends in 1: p = (x, 1).",
                     lambda case, a=a: [a]) for what, a in cut if a.size]
    return different(name, theirs, right, np.full(right.shape, 1e-12), ("row", "column"), {}, slips)


def split_vector(net, arrays):
    """The matrices in a vector like theta."""
    return matrices(net, arrays[0])


def split_factors(net, arrays):
    """G1, A1, G2, A2 as they are."""
    return arrays
