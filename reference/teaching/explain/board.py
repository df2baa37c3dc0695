"""The numbers that derivations share, each by its plain formula: slow, for small nets.

Derivatives are complex steps f'(x) v = Im f(x + i h v)/h of functions that run forwards alone, so
that the backward passes which the package's answers come of are not used where it can be avoided.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...arrays.precision import complex_step_length
from ...curvature.bends import inputs
from ...derivatives.directions import along_axes
from ...derivatives.jacobian import of_all_places
from ...network.affine import Dense
from ...network.compose import leaves
from ...network.elementwise import Elementwise
from .pushed_parts import can_be_pushed, pushed_parts
from .textbook import TEXTBOOK, expected_square, is_mild, outer


def complex_step(f, x, v):
    """f'(x) v = Im f(x + i h v)/h [ST98]."""
    h = complex_step_length(x.dtype)
    return f(x + 1j * h * v).imag / h


@dataclass(frozen=True, eq=False)
class Part:
    """How rows of a matrix were used: p (N, T, I), g = dL/ds (N, T, O); J = dz/ds (N, T, O, M).

    J is None where it is not known apart from g.
    """

    p: Any
    g: Any
    J: Any = None


@dataclass(frozen=True, eq=False)
class Board:
    """An objective at theta, and what the steps of a derivation compute of it."""

    objective: Any
    theta: Any

    @cached_property
    def net(self):
        """The network."""
        return self.objective.net

    @cached_property
    def Ws(self):
        """The matrices W_1, ..., W_L of the layout."""
        return self.net.layout.unpack(self.theta)

    @cached_property
    def xs(self):
        """[x_0, ..., x_L] of the layers in a row."""
        return self.net.forward(self.theta, self.objective.x)

    @cached_property
    def z(self):
        """Outputs (N, ..., C)."""
        return self.xs[-1]

    @cached_property
    def R(self):
        """What the sum over examples is divided by, as a number."""
        return float(self.objective.R)

    @property
    def targets(self):
        """Labels as one-hot rows, or targets, beside z."""
        return self.objective.beside(self.objective.targets, self.z)

    # ---- the loss ----

    def losses(self, z):
        """loss_n (N, ...), by the textbook's formula where the loss has one here."""
        loss, y = self.objective.loss, self.targets
        plain = loss.name in TEXTBOOK and is_mild(loss.gradient(self.z, y), self.z)
        return TEXTBOOK[loss.name](z, y) if plain else loss.value(z, y)

    @cached_property
    def dz(self):
        """dL/dz (N, ..., C), output by output, by complex steps of the weighted losses."""
        def f(z):
            return self.objective.weighted(self.losses(z)).reshape(len(z), -1).sum(1)
        return np.stack([complex_step(f, self.z, e) for e in self.units], -1).reshape(self.z.shape)

    @cached_property
    def units(self):
        """The M unit directions of one example's outputs (M, ..., C)."""
        shape = self.z.shape[1:]
        return np.eye(np.prod(shape, dtype=int)).reshape((-1, *shape))

    @cached_property
    def flat_dz(self):
        """dL/dz (N, M)."""
        return self.dz.reshape(len(self.z), -1)

    @cached_property
    def S(self):
        """d^2 L/dz^2 (N, M, M), column by column, by complex steps of the gradient dL/dz."""
        columns = [complex_step(self.objective.dz, self.z, e) for e in self.units]
        return np.stack([c.reshape(len(c), -1) for c in columns], -1)

    def fisher_middle(self, kind, rng=None, samples=1):
        """w_n/R E[s s^T] (N, M, M) over labels of the model, drawn ones, or those of the data."""
        S = self.objective.weighted(self.second_moment(kind, rng, samples), 2)
        return of_all_places(S, self.z)

    def second_moment(self, kind, rng=None, samples=1):
        """E[s s^T] (N, ..., C, C) of the scores s, without weights and 1/R."""
        loss, z = self.objective.loss, self.z
        if kind == "type-2":
            return expected_square(loss, z, self.targets)
        drawn = [loss.gradient(z, self.targets)] if kind == "empirical" else loss.score(
            rng, np.broadcast_to(z, (samples, *z.shape)))
        return sum(outer(s) for s in drawn) / len(drawn)

    # ---- the network ----

    @cached_property
    def J(self):
        """dz/dtheta (N, M, P), parameter by parameter."""
        columns = along_axes(lambda E: complex_step(self.objective.outputs, self.theta, E),
                             self.theta)
        return np.moveaxis(columns.reshape(self.theta.size, len(self.z), -1), 0, -1)

    @cached_property
    def pushed(self):
        """Whether p and dz/ds come of a forward pass alone."""
        return can_be_pushed(self.objective)

    @cached_property
    def parts(self):
        """Per matrix the Parts that its rows fall into; None where a layer tells no p and g."""
        if self.pushed:
            return [[Part(p, np.einsum("ntom,nm->nto", J, self.flat_dz), J)]
                    for p, J in pushed_parts(self.objective, self.theta)]
        uses = self.net.backward(self.theta, self.xs, self.dz)[0]
        roots = [None] * len(uses) if self.net.couples else self._backward_units()
        return [_told(use, root) for use, root in zip(uses, roots)]

    def _backward_units(self):
        units = self.units[:, None] + np.zeros_like(self.z)
        return self.net.backward(self.theta, self.xs, units)[0]

    @cached_property
    def is_chain(self):
        """Whether Dense and elementwise layers follow each other, each matrix used once."""
        return (all(isinstance(layer, (Dense, Elementwise)) for layer in self.net.layers)
                and len(self.net.shapes) == len(self.net.layout.shapes))

    @cached_property
    def owners(self):
        """Per matrix the innermost layer that it is of, the first of several."""
        found = [leaf for leaf in leaves(self.net) for _ in leaf.shapes]
        return [next(leaf for leaf, owner in zip(found, self.net.owners) if owner == l)
                for l in range(len(self.Ws))]

    def forward_of(self, l):
        """The function that has the forward formula of matrix l."""
        layer = type(self.owners[l])
        return getattr(layer, "forward", layer.trace)

    def bent(self, theta):
        """[s_e, ...]: what enters the elementwise layers, in any numbers."""
        return inputs(self.net, self.net.forward(theta, self.objective.x))


def _told(use, root):
    """The Parts of one use; J from the unit cotangents."""
    try:
        pairs = use.pairs()
    except TypeError:
        return None
    Js = [None] * len(pairs) if root is None else [
        np.moveaxis(g, 0, -1) for _, g in root.pairs()]
    return [Part(p, g, J) for (p, g), J in zip(pairs, Js)]


def fresh(rng):
    """A copy that draws what rng will draw."""
    return deepcopy(rng)
