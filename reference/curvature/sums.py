"""Sums over batches of examples, where the arrays of all at once would find no room."""

import numpy as np


def summed(lists):
    """Sums of the arrays in equal places, of lists made for it: the first one's are added to."""
    total = None
    for arrays in lists:
        total = arrays if total is None else [np.add(a, b, out=a) for a, b in zip(total, arrays)]
    return total
