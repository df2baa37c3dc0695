"""Exercises on plain arrays: the truth by another route, typical slips, judged array by array.

The judge's search explains what differs: by a slip, an arrangement of entries, a factor.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace

import numpy as np

from ...oracle.judge.answers import Answer
from ...oracle.judge.case import Case
from ...oracle.judge.causes.arrangements import arranged
from ...oracle.judge.hypotheses import ARRANGEMENTS, CONTENTS, ERROR, Content
from ...oracle.judge.search import exact
from ...oracle.judge.subjects import Piece, Subject
from ...oracle.judge.tolerance import SAMPLES, Tolerance, bound
from ...oracle.judge.verdict import compared, within
from .causes import UNKNOWN, cause, unknown
from .functions import Function
from .words import both, entry, followed, sentence

FEW, CHEAP = 9, 0.9                    # entries; cost of a slip, rather told than a factor
NOTHING = SimpleNamespace(loss=SimpleNamespace(name="none"))


@dataclass(frozen=True)
class Slip:
    """`answer(*arguments)` -> the arrays of a wrong answer; None where it is about another one."""

    says: str
    advice: str
    answer: Callable


@dataclass(frozen=True, eq=False)
class Attempt(Case):
    """A Case about one array of a student's: constants and slips are the exercise's own."""

    sizes: dict = field(default_factory=dict)
    slips: tuple = ()

    @cached_property
    def constants(self):
        """{symbol: number}, and 2; each number once."""
        found = {value: name for name, value in (*self.sizes.items(), ("2", 2))}
        return {name: float(value) for value, name in found.items() if value not in (0, 1)}

    @cached_property
    def arrangements(self):
        """Axes moved and flattened."""
        return [ARRANGEMENTS["as it is"], *arranged(self)]

    @cached_property
    def contents(self):
        """The right answer and the slips."""
        return [CONTENTS["ours"], *self.slips]

    def of_layer(self, l):
        """No layer has constants of its own."""
        return {}


@dataclass(frozen=True)
class Formula:
    """`truth(*arguments)` -> arrays, named by `outputs`: {name: names of the axes}.

    sizes : of the arguments, {symbol: number} of what an answer may be off by
    certificate : (arguments, arrays of right shapes) -> lines on what an answer must satisfy
    """

    names: tuple
    outputs: dict
    truth: Callable
    sizes: Callable
    slips: tuple = ()
    certificate: Callable = lambda point, arrays: []

    def arguments(self, point):
        """{name: value} for the student: a function without its gradient."""
        return {name: replace(a, gradient=None) if isinstance(a, Function) else a
                for name, a in zip(self.names, point)}

    def expected(self, point):
        """{name: array}."""
        return dict(zip(self.outputs, self.arrays(self.truth, point)))

    def arrays(self, function, point):
        """What a function of the arguments returns, as a list."""
        found = function(*point)
        return list(found) if isinstance(found, (tuple, list)) else [found]

    def differences(self, point, arrays):
        """Lines on every array that is not right; none if all are."""
        eps = max(np.finfo(a.dtype).eps for a in point
                  if isinstance(a, np.ndarray) and a.dtype.kind in "fc")
        bounds = self.bounds(point, float(eps))
        found = [self.different(k, point, a, b) for k, (a, b) in enumerate(zip(arrays, bounds))]
        lines = [line for each in found for line in each]
        right = [name for name, each in zip(self.outputs, found) if not each]
        shapes = [a.shape for a in bounds]
        if any(UNKNOWN in line for line in lines) and [real(a).shape for a in arrays] == shapes:
            lines += self.certificate(point, arrays)
        return lines and [*lines, *(f"{name} is right." for name in right),
                          *followed(self.arguments(point))]

    def bounds(self, point, eps):
        """Per array the tolerance: what rounding the arguments moves."""
        rng = np.random.default_rng(0)             # of roundings alone: a mark is a function
        ours = [real(a) for a in self.arrays(self.truth, point)]
        moved = [list(map(real, self.arrays(self.truth, rounded(point, eps, rng))))
                 for _ in range(SAMPLES)]
        return [bound(a, [each[k] for each in moved], eps) + 64 * eps * np.abs(a).max(initial=0)
                for k, a in enumerate(ours)]

    def different(self, k, point, theirs, bounds):
        """Lines on array k; none if it is right."""
        name, right = list(self.outputs)[k], self.arrays(self.truth, point)[k]
        return different(name, theirs, right, bounds, self.outputs[name], self.sizes(*point),
                         self.contents(k, point, right, theirs.shape))

    def contents(self, k, point, right, shape):
        """The slips for array k, as the judge's search wants them."""
        def arrays(slip):
            found = self.arrays(slip.answer, point)[k]
            return None if found is None else [real(found, right)]
        few = right.size < FEW and shape == right.shape      # anything would be some multiple
        own = [Content(slip.says, ERROR, slip.says, slip.advice, lambda case, s=slip: arrays(s),
                       cost=CHEAP, exact=few) for slip in self.slips]
        return (*own, *(_complex(right) if np.iscomplexobj(right) else ()))


def different(name, theirs, right, bounds, axes, sizes, slips):
    """Lines on one array; none if it is right."""
    axes = tuple((axis, None) for axis in axes)
    if np.iscomplexobj(right):
        axes = (("part", None), *axes)
    subject = Subject(f"exercise {name}", name, None, first_wrong=lambda case: None)
    case = Attempt(subject, (NOTHING, None), {}, [Piece(real(right), axes)],
                   Answer([real(theirs, right)]),
                   Tolerance([bounds], np.finfo(float).eps, ""), sizes, tuple(slips))
    return [] if within(case) else explained(name, case, theirs.shape, right.shape)


def explained(name, case, got, expected):
    """What array `name` is, in a student's words."""
    diagnosis, same = exact(case), got == expected
    lines = [] if same else [f"{name} has the wrong shape: expected {expected}, got {got}."]
    best = diagnosis.best
    if best is not None and not best.plain:
        lines.append(f"{name}: {cause(case, best)}")
    elif same:
        lines.append(f"{name}: {sentence(unknown(case.theirs, compared(case)['distance']))}")
    if same:
        worst = compared(case)["worst"]
        lines.append(f"worst entry: {entry(name, worst.name)}: {both(worst.theirs, worst.ours)}")
    return lines


def real(a, like=None):
    """a, and of complex numbers (or to be compared with such) both parts, stacked."""
    a, like = np.asarray(a), a if like is None else like
    return np.stack([a.real, a.imag]) if np.iscomplexobj(like) else np.asarray(a, float)


def rounded(point, eps, rng):
    """The arguments with every float times 1 + eps xi, xi uniform in +-1."""
    return [a * (1 + eps * rng.uniform(-1, 1, a.shape))
            if isinstance(a, np.ndarray) and a.dtype.kind in "fc" else a for a in point]


def _complex(right):
    """Slips that complex numbers alone show."""
    yield Content("real", ERROR, "the imaginary part is lost",
                  "Nothing on the way may be .real, abs or float.",
                  lambda case: [real(right.real, right)])
    yield Content("conjugate", ERROR, "it is the complex conjugate",
                  "Use .T, not .conj().T or vdot: the formula must be analytic.",
                  lambda case: [real(right.conj(), right)])
