"""Mini-batches of an objective: shuffled anew each epoch by the caller's generator, for ever."""

from dataclasses import dataclass
from typing import Any

from ..arrays.checks import is_whole, require_generator, shown


@dataclass(frozen=True, eq=False)
class Batches:
    """`whole`, its batches of `size` examples for ever, `per_epoch` of them an epoch."""

    whole: Any
    size: int
    rng: Any

    @property
    def per_epoch(self):
        """Batches per epoch; what is left over waits for another epoch's shuffle."""
        return self.whole.N // self.size

    def __iter__(self):
        while True:
            order = self.rng.permutation(self.whole.N)
            for k in range(self.per_epoch):
                yield self.whole.batch(order[k * self.size:(k + 1) * self.size])


def batches(objective, size, rng):
    """Batches of `size` examples of the objective, shuffled anew each epoch, for ever.

    Parameters
    ----------
    objective : Objective
    size : int
        At most the number of examples; the remainder of an epoch is dropped.
    rng : numpy.random.Generator

    Returns
    -------
    Batches
        An iterable with `whole`, the objective, and `per_epoch`.
    """
    require_generator(rng)
    if not is_whole(size, 1) or size > objective.N:
        raise ValueError(f"size is {shown(size)} of {objective.N} examples; give a whole number "
                         f"from 1 to {objective.N}.")
    return Batches(objective, size, rng)
