"""A network at theta, as the makers of dense matrices want it: layer by layer, with all traces."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.elementwise import Elementwise
from ..network.layer import Wrapping
from ..network.layout import Layout


@dataclass(frozen=True, eq=False)
class Point:
    """A network at theta: `flat`, its layers one after the other, their matrices and traces.

    own : whether rows end with the columns of their own layer.
    """

    objective: Any
    flat: Sequential
    matrices: list
    trace: Any
    own: bool = False

    def alone(self):
        """The same point for those who want each layer's own block."""
        return replace(self, own=True)

    def width(self, i):
        """Columns of layer i's rows of the upper triangle."""
        return self.starts[i + 1 if self.own else -1] - self.starts[i]

    @property
    def layers(self):
        """Those of `flat`."""
        return self.flat.layers

    @cached_property
    def Ws(self):
        """The matrices of each layer."""
        return self.flat.shared_out(self.matrices)

    @cached_property
    def slices(self):
        """Where each matrix begins and ends, each use of a shared one for itself."""
        return Layout(tuple(W.shape for W in self.matrices)).slices

    @cached_property
    def layer_of(self):
        """The layer of each matrix."""
        return [i for i, Ws in enumerate(self.Ws) for _ in Ws]

    @property
    def traces(self):
        """[x, ..., y] of each layer."""
        return self.trace.kept

    @property
    def z(self):
        """The network's output."""
        return self.trace[-1]

    @cached_property
    def backward(self):
        """(uses per layer, cotangents dys of their outputs) of L."""
        return self.pulled(self.objective.dz(self.z))

    def pulled(self, dz):
        """(uses per layer, cotangents dys of their outputs), for cotangents dz (..., N, ...)."""
        uses, dxs = self.flat.pull_all(self.matrices, self.trace, dz, data=True)
        return self.flat.shared_out(uses), dxs[1:]

    def tail(self, i, y):
        """From layer i's dual output y to L and back: the cotangent of y, and all uses after i.

        No uses where `own`, which asks for none.
        """
        rest, Ws = Sequential(*self.layers[i + 1:]), [W for Ws in self.Ws[i + 1:] for W in Ws]
        trace = rest.trace(Ws, y)
        uses, dy = rest.pull(Ws, trace, self.objective.dz(trace[-1]))
        return dy, [] if self.own else uses

    def batch(self, index):
        """The network for some of the examples; L is of all of them still."""
        flat = Sequential(*in_a_row(self.objective.net.batch(index)))
        return Point(self.objective, flat, self.matrices,
                     flat.trace(self.matrices, self.trace[0][index]), self.own)

    @cached_property
    def cut(self):
        """The first layer from which on all are Dense or elementwise, on vectors, Dense first."""
        start = len(self.layers)
        for i in reversed(range(len(self.layers))):
            if not isinstance(self.layers[i], (Dense, Elementwise)) or self.traces[i][0].ndim != 2:
                break
            start = i if isinstance(self.layers[i], Dense) else start
        return start if any(self.Ws[:start]) else 0

    @cached_property
    def starts(self):
        """Where each layer's weights begin in theta, and P."""
        return np.cumsum([0] + [sum(W.size for W in Ws) for Ws in self.Ws])


def point(objective, theta):
    """The Point of the objective at theta."""
    net = objective.net
    flat, Ws = Sequential(*in_a_row(net)), net.matrices(theta)
    return Point(objective, flat, Ws, flat.trace(Ws, net.lifted(theta, objective.x)))


def in_a_row(layer):
    """The layers one after the other, those within others too."""
    if isinstance(layer, Wrapping):
        return in_a_row(layer.inner)
    if not isinstance(layer, Sequential):
        return [layer]
    return [leaf for inner in layer.layers for leaf in in_a_row(inner)]
