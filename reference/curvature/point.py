"""A network at theta, as the makers of dense matrices want it: layer by layer, with all traces."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..network.affine import Dense
from ..network.compose import Sequential
from ..network.elementwise import Elementwise
from ..network.layer import Wrapping


@dataclass(frozen=True, eq=False)
class Point:
    """A network at theta: its layers one after the other, their matrices and traces."""

    objective: Any
    layers: list
    Ws: list
    traces: list

    @property
    def z(self):
        """The network's output."""
        return self.traces[-1][-1]

    @cached_property
    def backward(self):
        """(uses per layer, cotangents dys of their outputs) of L."""
        return self.pulled(self.objective.dz(self.z))

    def pulled(self, dz):
        """(uses per layer, cotangents dys of their outputs), for cotangents dz (..., N, ...)."""
        uses, dys = [], [dz]
        for i in reversed(range(len(self.layers))):
            here, dx = self.layers[i].pull(self.Ws[i], self.traces[i], dys[0], data=i == 0)
            uses.insert(0, here)
            dys.insert(0, dx)
        return uses, dys[1:]

    def tail(self, i, y):
        """From layer i's dual output y to L and back: the cotangent of y, and all uses after i."""
        traces = []
        for layer, Ws in zip(self.layers[i + 1:], self.Ws[i + 1:]):
            traces.append(layer.trace(Ws, y))
            y = traces[-1][-1]
        dy, uses = self.objective.dz(y), []
        for layer, Ws, trace in zip(self.layers[:i:-1], self.Ws[:i:-1], traces[::-1]):
            here, dy = layer.pull(Ws, trace, dy)
            uses[:0] = here
        return dy, uses

    def batch(self, index):
        """The network for some of the examples; L is of all of them still."""
        layers = _leaves(self.objective.net.batch(index))
        return Point(self.objective, layers, self.Ws,
                     _traces(layers, self.Ws, self.traces[0][0][index]))

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
    leaves, Ws, own = _leaves(objective.net), objective.net.matrices(theta), []
    for layer in leaves:
        own.append(Ws[:len(layer.shapes)])
        Ws = Ws[len(layer.shapes):]
    return Point(objective, leaves, own, _traces(leaves, own,
                                                 objective.net.lifted(theta, objective.x)))


def _traces(layers, Ws, x):
    traces = []
    for layer, own in zip(layers, Ws):
        traces.append(layer.trace(own, x))
        x = traces[-1][-1]
    return traces


def _leaves(layer):
    """The layers one after the other, those within others too."""
    if isinstance(layer, Wrapping):
        return _leaves(layer.inner)
    if not isinstance(layer, Sequential):
        return [layer]
    return [leaf for inner in layer.layers for leaf in _leaves(inner)]
