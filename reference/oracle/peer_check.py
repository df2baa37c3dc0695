"""Every quantity that a peer offers, judged on every problem of the zoo.

A peer is a framework with an adapter (oracle/peers), or an object whose functions are named as the
subjects of the judge and take (objective, theta, *arguments).  What it lacks, or refuses by
NotImplementedError, is not offered.  It may state its conventions: an attribute `conventions`,
{subject: options of reference.check}, as {"hvp": {"allow": ["1/N"]}}.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problems.layers import LAYERS
from ..problems.zoo import ZOO
from . import peers
from .judge.report import ABSENT
from .judge.subjects import SUBJECTS
from .judge.verdict import check as judge

SEEDED = {
    "v": lambda rng, objective, theta: rng.standard_normal(theta.size),
    "u": lambda rng, objective, theta: rng.standard_normal(objective.output_shape),
    "seed": lambda rng, objective, theta: int(rng.integers(2 ** 31)),
    "damping": lambda rng, objective, theta: 0.1,
}


@dataclass(frozen=True)
class Judgement:
    """A Report on a problem, and by which of a peer's ways ("" if it has one)."""

    problem: str
    way: str
    report: Any

    @property
    def passed(self):
        """Whether it agrees in stated conventions, or is not offered."""
        return self.report.passed or not self.offered

    @property
    def offered(self):
        """Whether there was anything to check."""
        return self.report.verdict != ABSENT

    @property
    def title(self):
        """Of the quantity."""
        return self.report.title

    def record(self):
        """For JSON."""
        return {"problem": self.problem, "way": self.way, **self.report.record()}


def asked():
    """The subjects whose arguments follow from a problem: all but those that need options."""
    return [subject for subject in SUBJECTS.values()
            if set(subject.arguments) <= SEEDED.keys() and not subject.required]


def point(problem, seed=0):
    """(objective, theta, {argument: value}) of a name in ZOO or LAYERS.

    In ZOO theta is moved away from its start, where biases are 0 and hide what leaves them out.
    """
    rng = np.random.default_rng(seed)
    objective, theta = (ZOO | LAYERS)[problem](rng)
    theta = theta + 0.1 * rng.standard_normal(theta.size) * (problem in ZOO)
    return objective, theta, {name: draw(rng, objective, theta) for name, draw in SEEDED.items()}


def tasks(peer, seed=0, layers=False):
    """[(peer's name, problem, seed), ...]."""
    return [(peer, problem, seed) for problem in (ZOO | LAYERS if layers else ZOO)]


def judgements(task):
    """The Judgements of one problem, subject by subject; none where we have no such quantity."""
    name, problem, seed = task
    objective, theta, arguments = point(problem, seed)
    ways, found = peers.ways(name), []
    for subject in asked():
        given = (objective, theta, *(arguments[key] for key in subject.arguments))
        for way, peer in ways.items():
            function = getattr(peer, subject.name, None)
            if callable(function):
                found += _judged(problem, way, function, subject, given,
                                 getattr(peer, "conventions", {}).get(subject.name, {}))
    return found


def _judged(problem, way, function, subject, given, stated):
    try:
        return [Judgement(problem, way, judge(function, subject, *given, **stated))]
    except (ValueError, TypeError):                # ours: not defined for this network or loss
        return []


def check(peer, seed=0, layers=False, executor=None):
    """Yield the Judgements of a peer, as they come.

    Parameters
    ----------
    peer : str
        As `peers.ways` takes it.
    seed : int
        Of parameters and directions.
    layers : bool
        Whether the problems of LAYERS follow those of ZOO.
    executor : concurrent.futures.Executor, optional

    Raises
    ------
    reference.oracle.peers.Absent
    """
    peers.ways(peer)
    run = map if executor is None else executor.map
    for found in run(judgements, tasks(peer, seed, layers)):
        yield from found
