"""Functions of theta, each with its gradient in closed form, for the complex step."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .exercise import Stage


@dataclass(frozen=True, repr=False)
class Function:
    """f(theta), one number; `gradient(theta)` (P,) by hand, None where a student gets it."""

    text: str
    value: Callable = field(repr=False)
    gradient: Callable | None = field(repr=False)

    def __call__(self, theta):
        return self.value(theta)

    def __repr__(self):
        return self.text


def by_hand(rng):
    """theta_0^2 theta_1 at (3, 2): the gradient is (12, 9)."""
    return [Function("t[0]**2 * t[1]", lambda t: t[0]**2 * t[1],
                     lambda t: np.array([2 * t[0] * t[1], t[0]**2])), np.array([3.0, 2.0])]


def waves(P, above=0.0):
    """sum sin(M theta) of M (3, P), lifted by `above`."""
    def draw(rng):
        M = rng.standard_normal((3, P))
        return [Function(f"sum(sin(M @ t)) + {above:g}", lambda t: np.sin(M @ t).sum() + above,
                         lambda t: np.cos(M @ t) @ M), rng.standard_normal(P)]
    return draw


FUNCTION_STAGES = (
    Stage("the worked example", by_hand, 0),
    Stage("five entries, a sum of sines", waves(5), 1),
    Stage("one entry", waves(1), 3),
    Stage("a sum of sines beside 1e8, where differences lose half of the digits", waves(5, 1e8), 2))
