"""The chain of Dense and elementwise layers that ends a network, as `assembly` wants it.

Slopes, bends and patches are read off the trace; every run of elementwise layers between two Dense
layers is one map f, whose derivatives come from running its layers' vjp in dual numbers.
"""

from dataclasses import dataclass

from ..arrays import functions as F
from ..network.affine import Dense
from . import assembly
from .chain_parts import assemble_column, assemble_diagonal
from .contractions import slope_and_bend


@dataclass(frozen=True)
class Chain:
    """W_l, p_l, f'_l, f''_l dL/dx_l and dL/ds_l of every Dense layer, as `assembly` wants them."""

    Ws: list
    ps: list
    slopes: list                      # one per Dense layer, or L - 1 if the last is the output
    bends: list
    gs: list
    bias: list


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


# ---- what the chain contributes to the Hessian, or to J^T S J ----

def chain_matrix(at, S, second_order):
    """Its block (p, p)."""
    c, slopes, bends, gs, S = _terms(at, S, second_order)
    return assembly.assemble(c.Ws, c.ps, slopes, bends, gs, S, c.bias)


def chain_column(at, S, second_order, m, rows):
    """[H_lm for l in rows], l <= m: its matrices are counted from 0."""
    c, slopes, bends, gs, S = _terms(at, S, second_order)
    return assemble_column(c.Ws, c.ps, slopes, bends, gs, S, c.bias, m, rows)


def chain_blocks(at, S, second_order):
    """Its diagonal blocks."""
    c, slopes, bends, _, S = _terms(at, S, second_order)
    return assembly.assemble_blocks(c.Ws, c.ps, slopes, bends, S, c.bias)


def chain_diagonal(at, S, second_order):
    """Its diagonal, matrix by matrix."""
    c, slopes, bends, _, S = _terms(at, S, second_order)
    return assemble_diagonal(c.Ws, c.ps, slopes, bends, S, c.bias)


def _terms(at, S, second_order):
    c = chain(at)
    slopes, bends, S = output_curvature(c, S, second_order)
    return c, slopes, bends, c.gs if second_order else None, S
