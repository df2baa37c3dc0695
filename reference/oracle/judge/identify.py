"""identify: which quantity is this array, and in whose convention?"""

from dataclasses import dataclass, replace

import numpy as np

from ...arrays.checks import require_theta
from ...arrays.transfer import by_host
from .answers import answer_of
from .case import Case
from .explanation import Explanation, shown
from .hypotheses import CONTENTS
from .nearness import coincide
from .search import explanations
from .subjects import SUBJECTS, Subject
from .tolerance import tolerance
from .views import View, views

SHOWN = 3                                          # readings that are told
NEAR = 0.3                                         # residual beyond which nothing is near


@dataclass(frozen=True)
class Identification:
    """One reading of an array.

    Attributes
    ----------
    quantity : str
        A name of SUBJECTS, or of a part of one: "gauss_newton, block 1".
    text : str
    explanation : Explanation
        Arrangement, factors and residual.
    also : tuple of str
        Other quantities that equal this one at this point, to rounding.
    """

    quantity: str
    text: str
    explanation: Explanation
    also: tuple = ()

    @property
    def residual(self):
        """Relative 2-norm of what is left."""
        return self.explanation.residual


@dataclass(frozen=True)
class Identified:
    """What `identify` found: `ranked` Identifications that fit, the best first; none if empty.

    nearest : Identification or None
        What came closest, where none fits.
    """

    ranked: tuple
    nearest: Identification | None = None

    @property
    def best(self):
        """The simplest that fits, or None."""
        return self.ranked[0] if self.ranked else None

    def __str__(self):
        return "\n".join(self.lines())

    def lines(self):
        """The text, line by line."""
        if not self.ranked:
            yield "none of the known quantities fits" + (
                f"; the nearest, {self.nearest.text}, leaves {self.nearest.residual:.1e}"
                if self.nearest else "")
            return
        for one, head in zip(self.ranked[:SHOWN], ("it is ", "or    ", "or    ")):
            yield f"{head}{one.text} (residual {one.residual:.1e})"
            if one.also:
                yield f"      the same at this point: {', '.join(one.also)}"


@by_host
def identify(theirs, objective, theta, *, arguments=None, dtype=None):
    """Which quantity is this matrix or vector, in which order and times which factor?

    Parameters
    ----------
    theirs : array, or a list of arrays
    objective : Objective
    theta : float array (P,)
    arguments : dict, optional
        {"v": ..., "u": ..., "damping": ...}, without which products and damped inverses cannot be
        looked for.
    dtype : str or dtype, optional
        The precision in which theirs was computed, if its arrays do not tell.

    Returns
    -------
    Identified
        Quantities that coincide at this point are told together, not chosen from.

    Raises
    ------
    ValueError
        If theirs holds no finite real numbers.

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> objective, theta = ref.problems.ZOO["uncertain regression"](np.random.default_rng(0))
    >>> G = ref.blocks(ref.gauss_newton(objective, theta), objective.net.layout)
    >>> ref.identify(objective.N * G[0], objective, theta).best.text
    'block 0 of the Gauss-Newton matrix G, times N'
    """
    require_theta(objective, theta)
    if not isinstance(arguments, dict | None):
        raise TypeError(f"arguments is a {type(arguments).__name__}; pass a dict, as {{'v': v}}.")
    answer = answer_of(theirs, (objective, theta))
    if not answer.usable:
        raise ValueError(f"{answer.faults[0]}; pass an array of finite real numbers.")
    if dtype is not None:
        answer = replace(answer, dtype=np.dtype(dtype))
    found = [reading for view in views(objective, theta, arguments or {}, answer.arrays)
             for reading in _readings(view, answer, objective, theta)]
    fitting = sorted((r for r in found if r.fits), key=lambda r: (r.one.cost, r.one.residual))
    nearest = min(found, key=lambda r: r.one.residual, default=None)
    near = nearest is not None and nearest.one.residual < NEAR
    return Identified(tuple(_together(fitting)), nearest.named() if near else None)


@dataclass(frozen=True)
class _Reading:
    """A view, the Explanation by which theirs is it, in whose order, and whether that fits."""

    view: View
    one: Explanation
    order: str
    fits: bool

    def named(self, also=()):
        """The Identification."""
        scale = [f"{f'{key} ' if key else ''}times {shown(f)}"
                 for key, f in self.one.factors.items() if f.text != ""]
        words = [self.view.title, *filter(None, [self.order]), *scale]
        return Identification(self.view.name, ", ".join(words), self.one, tuple(also))


def _readings(view, answer, objective, theta):
    """The readings of one view, by arrangements and factors alone."""
    case = _case(view, answer, objective, theta)
    orders = {each.name: each.says for each in case.arrangements} | {"as it is": ""}
    for one in explanations(case, CONTENTS["ours"]):
        fits = one.named and one.within and one.residual <= case.closeness
        yield _Reading(view, replace(one, cost=one.cost + view.cost), orders[one.arrangement],
                       fits)


def _case(view, answer, objective, theta):
    """The Case of a view: its arrays for ours."""
    given = (objective, theta, *view.arguments)
    subject = Subject(view.name, view.title, view.pieces, SUBJECTS[view.of].arguments)
    pieces = subject.pieces(*given)
    return Case(subject, given, {}, pieces, answer,
                tolerance(subject, given, {}, pieces, answer.dtype, samples=2))


def _together(fitting):
    """Identifications, the best of each view; views with the same numbers are told together."""
    best = {}
    for reading in fitting:
        best.setdefault(reading.view.name, reading)
    kept = []
    for reading in best.values():
        same = next((also for first, also in kept
                     if coincide(reading.view.arrays, first.view.arrays, 1e-10)), None)
        if same is None:
            kept.append((reading, []))
        else:
            same.append(reading.view.title)
    return [reading.named(also) for reading, also in kept]
