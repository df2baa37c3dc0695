"""A matrix block by block, for those who cannot hold it."""

import numpy as np

from ..network.layout import Layout
from .operator import Symmetric, entries_at, groups_of, require_operator


def stream(operator, layout):
    """Yields ((l, m), operator[s_l, s_m]) for all pairs l <= m of weight matrices, one at a time.

    Parameters
    ----------
    operator : LinearOperator
        Symmetric.
    layout : Layout
        net.layout.

    Yields
    ------
    (l, m), array (O_l I_l, O_m I_m)
        Each pair once, in the order in which they are made: column by column in a chain of Dense
        layers, row by row before it and for operators that know products alone.  What is held
        meanwhile is one such column or row; blocks of a shared matrix until all its uses have come.

    Raises
    ------
    TypeError, ValueError
        If the layout is none, or of another size than the operator.
    """
    require_operator(operator)
    if not isinstance(layout, Layout):
        raise TypeError(f"layout is a {type(layout).__name__}; pass net.layout.")
    groups = groups_of(operator, layout)
    if isinstance(operator, Symmetric) and operator.parts and operator.layout == layout:
        return operator.parts()
    return _by_products(operator, groups)


def _by_products(operator, groups):
    for l, rows in enumerate(groups):
        behind = np.concatenate(groups[l:])
        found = entries_at(operator, behind, rows).T
        for m, group in enumerate(groups[l:], l):
            yield (l, m), found[:, group[0] - rows[0]:group[-1] + 1 - rows[0]]
