"""The diagonal blocks of a partition, from what an operator knows faster than by products.

A group within one weight matrix is cut out of the block of that matrix; a group across matrices is
put together of the parts H_lm of all pairs of its matrices.
"""

import numpy as np

from ..arrays.namespace import library
from ..arrays.transfer import alongside


def inside_matrices(layout, groups):
    """Whether no group has entries of two matrices."""
    return all(len(matrices) == 1 for matrices in _touched(layout, groups))


def _owner(layout):
    """The matrix of each place of theta (P,)."""
    return np.repeat(np.arange(len(layout.slices)), [s.stop - s.start for s in layout.slices])


def _touched(layout, groups):
    """The matrices that each group has entries of."""
    owner = _owner(layout)
    return [np.unique(owner[group]) for group in groups]


def gathered(operator, groups):
    """[operator[g, g], ...] from the operator's own blocks, its matrix, or its parts."""
    if inside_matrices(operator.layout, groups):
        return _cut(operator.diagonal(), operator.layout, groups)
    if len(groups) == 1 or operator.parts is None:
        matrix = operator.matrix()
        return [_taken(matrix, group) for group in groups]
    return _of_parts(operator, groups)


def _cut(own, layout, groups):
    found = []
    for group, [matrix] in zip(groups, _touched(layout, groups)):
        found.append(_taken(own[matrix], group - layout.slices[matrix].start))
    return found


def _taken(matrix, places):
    """matrix[places, places]; itself if that is all of it."""
    if np.array_equal(places, np.arange(len(matrix))):
        return matrix
    return _square(matrix, places, places)


def _square(matrix, rows, columns):
    rows, columns = (alongside(places, matrix) for places in (rows, columns))
    return matrix[rows[:, None], columns]


def _of_parts(operator, groups):
    """Each part H_lm is written into the blocks of the groups that have entries of l and of m."""
    layout, owner = operator.layout, _owner(operator.layout)
    wanted = {(int(l), int(m)) for matrices in _touched(layout, groups)
              for l in matrices for m in matrices if l <= m}
    found = None
    for (l, m), part in operator.parts(wanted):
        if found is None:
            found = [library(part).empty((group.size,) * 2, part.dtype) for group in groups]
        for group, block in zip(groups, found):
            rows, columns = (np.flatnonzero(owner[group] == k) for k in (l, m))
            own = _square(part, group[rows] - layout.slices[l].start,
                          group[columns] - layout.slices[m].start)
            rows, columns = (alongside(places, part) for places in (rows, columns))
            block[rows[:, None], columns] = own
            block[columns[:, None], rows] = own.T
    return found
