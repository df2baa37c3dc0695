"""Self-check: every quantity by every route on real data, against each other and against balls."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ..arrays import ball
from ..arrays.precision import eps
from ..problems.zoo import ZOO
from .certify import digits_of, enclosure, largest, leaves, measured
from .quantities import QUANTITIES

BITS = 128
EXTENDED = 3.5                         # digits that longdouble adds to float64, where it is wider


@dataclass(frozen=True)
class Point:
    """A problem, the theta to stand at, and the directions to look along."""

    name: str
    objective: Any
    theta: Any
    arguments: dict = field(repr=False)

    def given(self, names):
        """(objective, theta, the named arguments)."""
        return (self.objective, self.theta, *(self.arguments[name] for name in names))

    def extended(self):
        """The same point in longdouble."""
        wide = {k: a.astype(np.longdouble) if isinstance(a, np.ndarray) else a
                for k, a in self.arguments.items()}
        return Point(self.name, self.objective.to(np.longdouble),
                     self.theta.astype(np.longdouble), wide)


class Told:
    """How a row of a check is told: `first` digits, and whether it `passed`."""

    @property
    def verdict(self):
        """ok or FAILED."""
        return "ok" if self.passed else "FAILED"

    def record(self):
        """For JSON: plain numbers, None for what is not finite."""
        finite = {k: (None if isinstance(v, float) and not np.isfinite(v) else v)
                  for k, v in asdict(self).items()}
        return {**finite, "identical": self.first == np.inf, "verdict": self.verdict}


@dataclass(frozen=True)
class Row(Told):
    """One line of the report: a quantity on a problem by a route.

    `agreed` are the digits shared with the quantity's first route (the first itself: with the
    second), `proven` those proven by balls, either None where it was not asked for; `wanted` is
    what both must reach.
    """

    problem: str
    quantity: str
    title: str
    route: str
    agreed: Any
    proven: Any
    wanted: float
    note: str = ""

    @property
    def passed(self):
        """Written so that nan fails."""
        digits = [d for d in (self.agreed, self.proven) if d is not None]
        return (not self.note and len(digits) > 0
                and all(d >= self.wanted for d in digits))

    @property
    def first(self):
        """Of the two numbers of digits, the first."""
        return self.agreed


def point(name, rng):
    """The named problem of the zoo, with directions drawn from rng."""
    objective, theta = ZOO[name](rng)
    return Point(name, objective, theta, {
        "v": rng.standard_normal(theta.size), "w": rng.standard_normal(theta.size),
        "u": rng.standard_normal(objective.output_shape), "seed": int(rng.integers(2 ** 31))})


def tasks(seed=0):
    """(problem, quantity, seed) for every pair: a map of pure functions."""
    return [(problem, quantity, seed) for problem in ZOO for quantity in QUANTITIES]


def rows_of(task):
    """The Rows of one task: each route of the quantity, in longdouble too.

    None where the quantity is not defined for the network.
    """
    problem, name, seed = task
    where, quantity = point(problem, np.random.default_rng(seed)), QUANTITIES[name]
    if not quantity.fits(where.objective.net):
        return []
    given = where.given(quantity.arguments)
    answers = {route: _attempt(f, given) for route, f in quantity.routes.items()}
    exact = _enclosed(quantity, given, where.theta.size)
    rows = [_row(where, name, route, answer, _rival(answers, route), exact)
            for route, answer in answers.items()]
    if exact is not None and quantity.extended and eps(np.longdouble) < 1e-18:
        rows.append(_extended_row(where, name, answers, exact))
    return rows


def check(seed=0, executor=None):
    """Yield the Rows of the whole self-check, as they come.

    Parameters
    ----------
    seed : int
        Of the initial parameters and the directions.
    executor : concurrent.futures.Executor, optional
        Runs the tasks side by side; the rows and their order do not depend on it.
    """
    run = map if executor is None else executor.map
    for rows in run(rows_of, tasks(seed)):
        yield from rows


# ---- one row ----

def _attempt(f, given):
    """The answer, or the exception: a route that fails is a row that fails."""
    try:
        return f(*given)
    except Exception as failure:                  # noqa: BLE001 - a report must go on
        return failure


def _enclosed(quantity, given, size):
    if size > quantity.provable:
        return None
    first = next(iter(quantity.routes.values()))
    try:
        return enclosure(first, *given, bits=BITS)
    except (ball.Undecided, np.linalg.LinAlgError):
        return None


def _rival(answers, route):
    first, *others = answers
    return answers[others[0] if route == first and others else first]


def _row(where, name, route, answer, rival, exact, wanted=None):
    quantity = QUANTITIES[name]
    wanted = quantity.expected(route) if wanted is None else wanted
    row = Row(where.name, name, quantity.title, route, None, None, wanted)
    failure = next((a for a in (answer, rival) if isinstance(a, Exception)), None)
    if failure is not None:
        return replace(row, note=f"{type(failure).__name__}: {failure}")
    try:
        return replace(row, agreed=agreement(answer, rival),
                       proven=None if exact is None else measured(answer, exact).digits)
    except (ValueError, TypeError) as failure:
        return replace(row, note=str(failure))


def agreement(answer, rival):
    """Digits to which two results agree: -log10 of the largest difference over the largest entry.

    Raises
    ------
    ValueError
        If their shapes differ.
    """
    mine, theirs = leaves(answer), leaves(rival)
    shapes = [a.shape for a in mine], [b.shape for b in theirs]
    if shapes[0] != shapes[1]:
        raise ValueError(f"shapes {shapes[0]} against {shapes[1]}.")
    error = largest(np.abs(a - b) for a, b in zip(mine, theirs))
    return digits_of(error, largest(map(np.abs, theirs)))


def _extended_row(where, name, answers, exact):
    """The first route in longdouble: its proven digits."""
    quantity, route = QUANTITIES[name], next(iter(answers))
    answer = _attempt(quantity.routes[route], where.extended().given(quantity.arguments))
    row = _row(where, name, route + ", longdouble", answer, answer, exact,
               quantity.expected(route) + EXTENDED)
    return replace(row, agreed=None)
