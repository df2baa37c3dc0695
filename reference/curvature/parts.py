"""The parts H_ab of a network's matrix, for pairs of weight matrices, without making the whole.

Rows of the layers before the chain come layer by layer, the chain column by column.  Where
matrices are shared, parts are those of the network that shares none, added up (`fold`).
"""

import numpy as np

from ..arrays.namespace import library
from ..derivatives.jacobian import of_all_places
from .chain import chain_column
from .contractions import mirrored
from .fold import apart, folded
from .layerwise import upper_rows
from .sandwich import gauss_newton_rows


def parts(at, S, second_order, wanted=None):
    """Yields ((a, b), H_ab) for the wanted pairs a <= b of matrices in theta, all if None.

    In the order in which they are made.  S: z -> S (N, ..., C, C).
    """
    owners = at.objective.net.owners
    every = [(i, j) for j in range(len(owners)) for i in range(j + 1)]
    pairs = every if wanted is None else sorted(apart(set(wanted), owners))
    for (a, b), block in folded(_parts_apart(at, S(at.z), second_order, pairs), owners):
        yield (a, b), decayed(at.objective, block) if second_order and a == b else block


def whole(at, S, second_order):
    """The dense matrix, its parts written one after the other."""
    layout = at.objective.net.layout
    H = library(at.z).empty((layout.size,) * 2, at.z.dtype)
    for (a, b), block in parts(at, S, second_order):
        rows, columns = layout.slices[a], layout.slices[b]
        H[rows, columns] = block
        if a < b:
            H[columns, rows] = block.T
    return H


def own_parts(at, S, second_order):
    """[H_aa, ...]: the diagonal blocks of all matrices in theta."""
    own = [(a, a) for a in range(len(at.objective.net.layout.shapes))]
    found = dict(parts(at, S, second_order, own))
    return [found[pair] for pair in own]


def decayed(objective, H):
    """H with the weight decay written on its diagonal."""
    if objective.l2:
        H[np.diag_indices_from(H)] += objective.l2
    return H


def _parts_apart(at, S, second_order, pairs):
    """((i, j), H_ij) for pairs i <= j, every use of a matrix being a matrix of its own."""
    first = sum(i < at.cut for i in at.layer_of)                      # matrix of the chain
    for layer, rows in _rows(at, S, second_order, pairs):
        for i, j in pairs:
            if at.layer_of[i] == layer:
                block = rows[tuple(_behind(at.slices[k], at.starts[layer]) for k in (i, j))]
                yield (i, j), mirrored(block) if i == j else block
    for j in range(first, len(at.matrices)):
        column = [i for i, k in pairs if k == j and i >= first]
        if column:
            blocks = chain_column(at, S, second_order, j - first, [i - first for i in column])
            yield from zip([(i, j) for i in column], blocks)


def _behind(s, start):
    return slice(s.start - start, s.stop - start)


def _rows(at, S, second_order, pairs):
    """(i, rows of layer i from its own columns on), for the layers before the chain in `pairs`."""
    layers = {at.layer_of[i] for i, _ in pairs}
    if all(at.layer_of[i] == at.layer_of[j] for i, j in pairs if at.layer_of[i] < at.cut):
        at = at.alone()
    if second_order:
        yield from upper_rows(at, layers)
        return
    for i in sorted(i for i in layers if i < at.cut):
        yield i, gauss_newton_rows(at, of_all_places(S, at.z), i, i + 1)
