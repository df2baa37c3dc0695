"""When a network is a chain of Dense and elementwise layers, its curvature is assembled directly.

This file reads slopes, bends and patches off the trace; `assembly` turns them into matrices.
Every run of elementwise layers between two Dense layers is one map f; its first and second
derivatives come from running its layers' vjp in dual numbers.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import functions as F
from ..derivatives import dual
from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.elementwise import Elementwise
from . import assembly

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

    @property
    def shapes(self):
        """Shapes of the weight matrices."""
        return [W.shape for W in self.Ws]


def is_chain(objective, theta):
    """Whether all layers are Dense or elementwise, on real data (N, D), in floats."""
    net = objective.net
    return (isinstance(net, Sequential) and objective.x.ndim == 2
            and isinstance(theta, np.ndarray) and theta.dtype.kind == "f"
            and all(isinstance(layer, (Dense, Elementwise)) for layer in net.layers)
            and net.layout.size > 0)


def chain(objective, theta):
    """The Chain of the objective at theta."""
    net = objective.net
    xs = net.forward(theta, objective.x)
    dxs = net.vjp(theta, xs, objective.dz(xs[-1]))[1]
    places = [i for i, layer in enumerate(net.layers) if isinstance(layer, Dense)]
    runs = [net.layers[i + 1:j] for i, j in zip(places, places[1:] + [len(net.layers)])]
    bent = [_slope_and_bend(run, xs[i + 1], dxs[i + 1 + len(run)]) for i, run in zip(places, runs)
            if run or i != places[-1]]
    return Chain(net.matrices(theta),
                 [net.layers[i].patches(xs[i]) for i in places],
                 [slope for slope, _ in bent], [bend for _, bend in bent],
                 [dxs[i + 1] for i in places], [net.layers[i].bias for i in places])


def _slope_and_bend(run, s, dx):
    """f'(s) and f''(s) dx for the composition f of a run of elementwise layers."""
    def pull(s, dx):
        xs = [s]
        for layer in run:
            xs.append(layer.forward(None, xs[-1]))
        for layer, x, y in zip(reversed(run), xs[-2::-1], xs[:0:-1]):
            dx = layer.vjp(None, x, y, dx)[1]
        return dx
    one = F.ones_like(s)
    return pull(s, one), dual.derivative(lambda t: pull(t, dx), s, one)


def _output(c, S, bends):
    """S seen before a last run of elementwise layers, and the slopes and bends within."""
    if len(c.slopes) < len(c.Ws):
        return c.slopes, (c.bends if bends else None), S
    slope = c.slopes[-1]
    S = slope[:, :, None] * S * slope[:, None, :]
    if bends:
        S = S + c.bends[-1][:, :, None] * F.identity(S)
    return c.slopes[:-1], (c.bends[:-1] if bends else None), S


def _assembled(objective, theta, S, second_order):
    c = chain(objective, theta)
    slopes, bends, S = _output(c, S, second_order)
    H = assembly.assemble(c.Ws, c.ps, slopes, bends, c.gs if second_order else None, S, c.bias)
    if second_order and objective.l2:
        H[np.diag_indices_from(H)] += objective.l2
    return H


def _assembled_blocks(objective, theta, S, second_order):
    c = chain(objective, theta)
    slopes, bends, S = _output(c, S, second_order)
    Hs = assembly.assemble_blocks(c.Ws, c.ps, slopes, bends, S, c.bias)
    for H in Hs:
        if second_order and objective.l2:
            H[np.diag_indices_from(H)] += objective.l2
    return Hs


def _ways(objective, theta, S, second_order):
    """(matrix, diagonal, layout), as SymmetricOperator takes them."""
    return (lambda: _assembled(objective, theta, S(), second_order),
            lambda: _assembled_blocks(objective, theta, S(), second_order), objective.net.layout)


def hessian(objective, theta):
    """Ways to the dense Hessian and its diagonal blocks, if the network is a chain."""
    if not is_chain(objective, theta):
        return NONE
    return _ways(objective, theta, lambda: objective.output_hessian(objective.outputs(theta)), True)


def pulled_back(objective, theta, S):
    """Ways to the dense J^T S J and its diagonal blocks, if the network is a chain."""
    return _ways(objective, theta, S, False) if is_chain(objective, theta) else NONE
