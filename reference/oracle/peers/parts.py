"""Forms that can be asked for a part of their answer, or that hold too much at once."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Rows:
    """A matrix, or diagonal blocks, made of `size` unit vectors, `step` and a multiple at a time.

    `rows(k)` is what the first k of them give: the first rows of the matrix, or of some blocks.
    """

    rows: Callable
    size: int
    step: int = 1

    def __call__(self):
        return self.rows(self.size)


@dataclass(frozen=True)
class AtOnce:
    """A form that holds about `bytes` at one time: whoever lacks them leaves it out."""

    function: Callable
    bytes: float

    def __call__(self, *given):
        return self.function(*given)


def share(sizes, k):
    """How many of the first k unit vectors each block of these sizes has."""
    counts = []
    for size in sizes:
        counts.append(min(max(k, 0), size))
        k -= size
    return counts
