"""How many bytes a matrix takes, stated before they are taken."""

import numpy as np

from ..arrays.checks import is_finite
from ..arrays.memory import amount

LIMIT = 2 ** 32                       # bytes that a matrix may take without being asked: 4 GiB
BALL = 128                            # bytes of a ball, the entry of its array included


def itemsize(dtype):
    """Bytes of one entry; those of a ball depend on its digits."""
    return BALL if dtype == object else np.dtype(dtype).itemsize


SMALLER = "take smaller blocks(...), stream(...), diagonal(...) or products"


def require_room(what, needed, limit, instead=SMALLER):
    """MemoryError unless `needed` bytes are within `limit`; ValueError for a limit that is none."""
    if not (is_finite(limit) or limit == np.inf) or limit <= 0:
        raise ValueError(f"limit is {limit!r}; pass a positive number of bytes, as 2 ** 33.")
    if needed > limit:
        raise MemoryError(f"{what} would take about {amount(needed)}, more than the limit of "
                          f"{amount(limit)}; pass limit={needed:.0f} (bytes) if there is room, or "
                          f"{instead}.")
