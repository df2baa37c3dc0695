"""How the dense matrices of a network are formed: the chain at its end by `assembly`, the layers
before it by `layerwise`; anything else by products with the unit vectors.

A chain is what ends a network in Dense and elementwise layers.  This file reads slopes, bends and
patches off the trace; every run of elementwise layers between two Dense layers is one map f, whose
derivatives come from running its layers' vjp in dual numbers.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import functions as F
from ..derivatives.jacobian import of_all_places
from ..network.affine import Dense
from ..network.compose import Sequential
from . import assembly
from .contractions import slope_and_bend
from .layerwise import upper_rows
from .point import point
from .sandwich import gauss_newton_rows

MIRRORED = 512                        # rows that are written with their mirror image at a time
NONE = (None, None, None)             # no faster way known: dense() and blocks() take products


@dataclass(frozen=True)
class Chain:
    """W_l, p_l, f'_l, f''_l dL/dx_l and dL/ds_l of every Dense layer, as `assembly` wants them."""

    Ws: list
    ps: list
    slopes: list                      # one per Dense layer, or L - 1 if the last is the output
    bends: list
    gs: list
    bias: list


def is_assembled(objective, theta):
    """Whether examples can be told apart, no matrix is shared, and theta holds real floats."""
    net = objective.net
    return (isinstance(net, Sequential) and net.apart and not net.couples
            and len(net.layout.shapes) == len(net.shapes)
            and isinstance(theta, np.ndarray) and theta.dtype.kind == "f")


def chain(at, bent=slope_and_bend):
    """The Chain at the end of a network; bent(run, s, dx) -> (f', f'' dx) of elementwise layers."""
    layers, traces, dys = at.layers[at.cut:], at.traces[at.cut:], at.backward[1][at.cut:]
    places = [i for i, layer in enumerate(layers) if isinstance(layer, Dense)]
    runs = [layers[i + 1:j] for i, j in zip(places, places[1:] + [len(layers)])]
    both = [bent(run, traces[i][-1], dys[i + len(run)]) for i, run in zip(places, runs)
            if run or i != places[-1]]
    return Chain([W for Ws in at.Ws[at.cut:] for W in Ws],
                 [layers[i].patches(traces[i][0]) for i in places],
                 [slope for slope, _ in both], [bend for _, bend in both],
                 [dys[i] for i in places], [layers[i].bias for i in places])


def output_curvature(c, S, bends):
    """S seen before a last run of elementwise layers, and the slopes and bends within."""
    if len(c.slopes) < len(c.Ws):
        return c.slopes, (c.bends if bends else None), S
    slope = c.slopes[-1]
    S = slope[:, :, None] * S * slope[:, None, :]
    if bends:
        S = S + c.bends[-1][:, :, None] * F.identity(S)
    return c.slopes[:-1], (c.bends[:-1] if bends else None), S


def _chain_matrix(at, S, second_order):
    """The chain's block (p, p) of the Hessian or of J^T S J."""
    c = chain(at)
    slopes, bends, S = output_curvature(c, S, second_order)
    return assembly.assemble(c.Ws, c.ps, slopes, bends, c.gs if second_order else None, S, c.bias)


def _chain_blocks(at, S, second_order):
    c = chain(at)
    slopes, bends, S = output_curvature(c, S, second_order)
    return assembly.assemble_blocks(c.Ws, c.ps, slopes, bends, S, c.bias)


def _rows(at, S, second_order):
    """(start, rows) of the upper triangle, for the layers before the chain."""
    if second_order:
        for i, rows in upper_rows(at):
            yield at.starts[i], rows
    elif at.cut:
        yield 0, gauss_newton_rows(at, of_all_places(S, at.z))


def _assembled(objective, theta, S, second_order):
    at = point(objective, theta)
    S, P, end = S(at.z), theta.size, at.starts[at.cut]
    if end == 0:
        H = _chain_matrix(at, S, second_order)
    else:
        H = np.empty((P, P), at.z.dtype)
        if end < P:
            H[end:, end:] = _chain_matrix(at, S, second_order)
        for start, rows in _rows(at, S, second_order):
            _write_symmetric(H, start, rows)
    return _decayed(objective, H) if second_order else H


def _write_symmetric(H, start, rows):
    """rows, the upper triangle of H from its row and column `start` on, and their mirror image."""
    stop = start + len(rows)
    for a in range(start, stop, MIRRORED):
        b = min(a + MIRRORED, stop)
        square, rest = rows[a - start:b - start, a - start:b - start], rows[a - start:b - start,
                                                                            b - start:]
        H[a:b, a:b] = np.triu(square) + np.triu(square, 1).T
        H[a:b, b:], H[b:, a:b] = rest, rest.T


def _assembled_blocks(objective, theta, S, second_order):
    """The diagonal blocks of all matrices."""
    at = point(objective, theta)
    S, slices, found = S(at.z), objective.net.layout.slices, []
    for start, rows in _rows(at, S, second_order):
        for s in slices:
            if start <= s.start < start + len(rows):
                square = rows[s.start - start:s.stop - start, s.start - start:s.stop - start]
                found.append(np.triu(square) + np.triu(square, 1).T)
    if at.starts[at.cut] < theta.size:
        found += _chain_blocks(at, S, second_order)
    return [_decayed(objective, H) for H in found] if second_order else found


def _decayed(objective, H):
    if objective.l2:
        H[np.diag_indices_from(H)] += objective.l2
    return H


def _ways(objective, theta, S, second_order):
    """(matrix, diagonal, layout), as SymmetricOperator takes them."""
    return (lambda: _assembled(objective, theta, S, second_order),
            lambda: _assembled_blocks(objective, theta, S, second_order), objective.net.layout)


def hessian(objective, theta):
    """Ways to the dense Hessian and its diagonal blocks."""
    if not is_assembled(objective, theta):
        return NONE
    return _ways(objective, theta, objective.output_hessian, True)


def pulled_back(objective, theta, S):
    """Ways to the dense J^T S J and its diagonal blocks, S (N, ..., C, C) made by a function."""
    if not is_assembled(objective, theta):
        return NONE
    return _ways(objective, theta, lambda z: S(), False)
