"""How the matrices of a network are formed: the chain at its end by `assembly`, the layers before
it by `layerwise` or `sandwich`; anything else by products with the unit vectors.
"""

import numpy as np

from ..arrays.namespace import library
from ..derivatives.jacobian import of_all_places
from ..network.compose import Sequential
from .chain import chain_blocks, chain_diagonal, chain_matrix
from .contractions import MIRRORED, mirrored
from .layerwise import own_diagonals, upper_rows
from .parts import decayed, own_parts, parts, whole
from .point import point
from .sandwich import gauss_newton_blocks, gauss_newton_diagonal, gauss_newton_rows
from .workspace import workspace

NONE = ()                             # no faster way known: dense() and blocks() take products


def is_layered(objective, theta):
    """Whether examples can be told apart, and theta holds real floats."""
    net = objective.net
    return (isinstance(net, Sequential) and net.apart and not net.couples
            and (isinstance(theta, np.ndarray) or library(theta) is not np)
            and theta.dtype.kind == "f")


def is_assembled(objective, theta):
    """The same, and no matrix is shared."""
    return is_layered(objective, theta) and not _shares(objective.net)


def _shares(net):
    return len(net.layout.shapes) < len(net.shapes)


# ---- the whole matrix ----

def _rows(at, S, second_order):
    """(start, rows) of the upper triangle, for the layers before the chain."""
    if second_order:
        for i, rows in upper_rows(at):
            yield at.starts[i], rows
    elif at.cut:
        yield 0, gauss_newton_rows(at, of_all_places(S, at.z))


def _matrix(at, S, second_order):
    if _shares(at.objective.net):
        return whole(at, S, second_order)
    S, P, end = S(at.z), at.starts[-1], at.starts[at.cut]
    if end == 0:
        H = chain_matrix(at, S, second_order)
    else:
        H = library(at.z).empty((P, P), at.z.dtype)
        if end < P:
            H[end:, end:] = chain_matrix(at, S, second_order)
        for start, rows in _rows(at, S, second_order):
            _write_symmetric(H, start, rows)
    return decayed(at.objective, H) if second_order else H


def _write_symmetric(H, start, rows):
    """rows, the upper triangle of H from its row and column `start` on, and their mirror image."""
    stop = start + len(rows)
    for a in range(start, stop, MIRRORED):
        b = min(a + MIRRORED, stop)
        square, rest = rows[a - start:b - start, a - start:b - start], rows[a - start:b - start,
                                                                            b - start:]
        H[a:b, a:b] = mirrored(square)
        H[a:b, b:], H[b:, a:b] = rest, rest.T


# ---- its diagonal blocks, and its diagonal ----

def _blocks(at, S, second_order):
    """The diagonal blocks of all matrices."""
    if _shares(at.objective.net):
        return own_parts(at, S, second_order)
    S, found = S(at.z), []
    if second_order:
        found += [block for i, rows in upper_rows(at.alone())
                  for block in _own_squares(at, i, rows)]
    elif at.cut:
        found += gauss_newton_blocks(at, of_all_places(S, at.z))
    if at.starts[at.cut] < at.starts[-1]:
        found += chain_blocks(at, S, second_order)
    return [decayed(at.objective, H) for H in found] if second_order else found


def _own_squares(at, i, rows):
    """The diagonal blocks of the matrices of layer i, from its rows."""
    places = [s for s, layer in zip(at.slices, at.layer_of) if layer == i]
    own = [slice(s.start - at.starts[i], s.stop - at.starts[i]) for s in places]
    return [mirrored(rows[s, s]) for s in own]


def _diagonal(at, S, second_order):
    """The diagonal (P,)."""
    if _shares(at.objective.net):
        return np.concatenate([np.diagonal(H) for H in own_parts(at, S, second_order)])
    S, found = S(at.z), []
    if second_order:
        found += own_diagonals(at.alone())
    elif at.cut:
        found += gauss_newton_diagonal(at, of_all_places(S, at.z))
    if at.starts[at.cut] < at.starts[-1]:
        found += chain_diagonal(at, S, second_order)
    entries = np.concatenate(found)
    return entries + at.objective.l2 if second_order and at.objective.l2 else entries


# ---- what an operator is given ----

def _ways(objective, theta, S, second_order):
    """matrix, diagonal, layout, entries, parts and work, as SymmetricOperator takes them."""
    def of(make):
        return lambda *wanted: make(point(objective, theta), S, second_order, *wanted)
    return of(_matrix), of(_blocks), objective.net.layout, of(_diagonal), of(parts), of(workspace)


def hessian(objective, theta):
    """Ways to the dense Hessian and its parts."""
    if not is_layered(objective, theta):
        return NONE
    return _ways(objective, theta, objective.output_hessian, True)


def pulled_back(objective, theta, S):
    """Ways to the dense J^T S J and its parts, S (N, ..., C, C) made by a function."""
    if not is_layered(objective, theta):
        return NONE
    return _ways(objective, theta, lambda z: S(), False)
