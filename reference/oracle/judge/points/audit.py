"""Which faults a test point would hide: sizes that coincide, kinks, vacuous checks, zeros.

A *weakness* is a function of a Point -> text or None, registered in files named weak_*.  The text
says what is so and which fault cannot be seen or named there; nothing is refused for being weak.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ....arrays.checks import require_theta
from ....arrays.transfer import by_host
from ....network.compose import Composite
from ....network.layer import Wrapping

WEAKNESSES: dict = {}
CLOSE = 1e-6                           # of a layer's root mean square: nearer, and rounding decides


@dataclass(frozen=True)
class Weakness:
    """`name` of the rule, and `text`: what is so, and what it hides."""

    name: str
    text: str

    def __str__(self):
        return self.text


@dataclass(frozen=True)
class Rule:
    """`find(point)` -> text or None; `subjects` for which it matters, () for all."""

    find: Callable
    subjects: tuple = ()


def weakness(name, subjects=()):
    """Registers a function of a Point."""
    def register(function):
        WEAKNESSES[name] = Rule(function, tuple(subjects))
        return function
    return register


@dataclass(frozen=True)
class Place:
    """A layer that is not made of layers, its path in the network, its input and output."""

    path: str
    layer: object
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, eq=False)
class Point:
    """Where a check is made: `objective`, `theta`, and further arguments by name."""

    objective: object
    theta: np.ndarray
    arguments: dict

    @property
    def net(self):
        """The network."""
        return self.objective.net

    @cached_property
    def places(self):
        """[Place, ...] from the input to the output."""
        trace = self.net.forward(self.theta, self.objective.x)
        return list(_walk(self.net, trace, ""))

    @cached_property
    def z(self):
        """The outputs."""
        return self.objective.outputs(self.theta)

    @cached_property
    def dz(self):
        """dL/dz."""
        return self.objective.dz(self.z)

    @cached_property
    def matrices(self):
        """[W_1, ...]."""
        return self.net.layout.unpack(self.theta)

    def of(self, *classes):
        """The Places whose layer is one of these classes."""
        return [place for place in self.places if isinstance(place.layer, classes)]


def _walk(layer, trace, path):
    """Places in the order in which they are computed."""
    if isinstance(layer, Composite):
        for i, (each, own) in enumerate(zip(layer.layers, trace.kept)):
            yield from _walk(each, own, f"{path}.{i}" if path else str(i))
    elif isinstance(layer, Wrapping):
        yield from _walk(layer.inner, trace, path)
    else:
        yield Place(path, layer, np.asarray(trace[0]), np.asarray(trace[-1]))


@by_host
def audit(objective, theta, *arguments, quantity=None):
    """Which faults this point would hide, and what may be told there that is no fault.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    *arguments
        What follows theta, as v of `hvp`; their names are the quantity's, or told by shape: v
        (P,), u as the outputs, damping a float.
    quantity : str or function, optional
        As in `check`; without one, the weaknesses for all of them.

    Returns
    -------
    list of Weakness

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> net, rng = ref.Sequential(ref.Dense(3, 5)), np.random.default_rng(0)
    >>> objective = ref.Objective(net, ref.CrossEntropy(), rng.standard_normal((5, 3)),
    ...                           np.array([0, 1, 2, 3, 4]))
    >>> print(*ref.audit(objective, rng.standard_normal(20), quantity="gradient"))
    N = C = 5: a factor of N cannot be told from one of C
    """
    from ..subjects import subject_of
    require_theta(objective, theta)
    subject = None if quantity is None else subject_of(quantity)
    named = _named(objective, theta, arguments) if subject is None else dict(
        zip(subject.arguments, arguments))
    point = Point(objective, theta, named)
    found = [(name, rule.find(point)) for name, rule in WEAKNESSES.items()
             if subject is None or not rule.subjects or subject.name in rule.subjects]
    return [Weakness(name, text) for name, text in found if text]


def _named(objective, theta, arguments):
    """Arguments by what they look like."""
    found = {}
    for a in arguments:
        shape = np.shape(a)
        name = ("v" if shape == theta.shape else "u" if shape == tuple(objective.output_shape)
                else "damping" if isinstance(a, float) else None)
        if name:
            found[name] = a
    return found


def listed(texts):
    """A few of many, joined."""
    texts = list(texts)
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
