"""An objective at a theta, and what the conditions of theorems ask of it, each computed once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays.precision import eps
from ..curvature import bends as bending
from ..curvature.gauss_newton import output_fisher
from ..derivatives.jacobian import (of_all_places, require_single_examples,
                                     unit_cotangents)
from ..network.branches import Parallel
from ..network.compose import Composite
from ..network.elementwise import Elementwise
from ..network.layer import Wrapping


class Undefined(ValueError):
    """What is asked is not defined for this network or loss."""


@dataclass(frozen=True, eq=False)
class Place:
    """An objective at theta."""

    objective: Any
    theta: Any

    @cached_property
    def net(self):
        """Its network."""
        return self.objective.net

    @cached_property
    def xs(self):
        """The forward trace."""
        return self.net.forward(self.theta, self.objective.x)

    @cached_property
    def rounding(self):
        """64 eps."""
        return 64 * eps(self.theta.dtype)

    @cached_property
    def dz(self):
        """dL/dz (N, ..., C)."""
        return self.objective.dz(self.xs[-1])

    @cached_property
    def scale(self):
        """The largest entry of d^2 L/dz^2: bends are second derivatives, too."""
        return np.abs(self.objective.output_hessian(self.xs[-1])).max()

    @cached_property
    def uses(self):
        """[[(p (N, T, I), g (M, N, T, O)), ...], ...]: g of the unit cotangents of z."""
        units = unit_cotangents(self.xs[-1])
        uses = self.net.backward(self.theta, self.xs, units)[0]
        try:
            require_single_examples(self.net)
            return [use.pairs() for use in uses]
        except (TypeError, ValueError) as error:
            raise Undefined(str(error)) from None

    @property
    def is_likelihood(self):
        """Whether the loss has a distribution of labels, and a Fisher matrix."""
        return self.objective.loss.line.sample is not None

    def middle(self, kind):
        """S (N, M, M) of "ggn" or "type-2", w_n/R included."""
        z = self.xs[-1]
        if kind == "type-2" and not self.is_likelihood:
            raise Undefined(f"{self.objective.loss} has no Fisher matrix.")
        return self.once(("middle", kind), lambda: of_all_places(
            output_fisher(self.objective, z, kind) if kind == "type-2"
            else self.objective.output_hessian(z), z))

    @cached_property
    def known(self):
        """{question: answer}, those that were asked."""
        return {}

    def once(self, question, answer):
        """answer(), the first time that the question is asked."""
        if question not in self.known:
            self.known[question] = answer()
        return self.known[question]

    def answer(self, condition):
        """Whether a Condition holds, for each weight matrix (L,)."""
        return self.once(condition, lambda: condition.at(self))

    @cached_property
    def weights(self):
        """w_n (N,), or None where the labels of an example have weights of their own."""
        w = self.objective.example_weights
        if w is None:
            return np.ones(self.objective.N)
        return w if w.ndim == 1 else None

    @cached_property
    def groups(self):
        """Which examples have equal inputs: numbers (N,)."""
        N, x = self.objective.N, self.objective.x
        if N == 1 or self.net.batch([0]) != self.net:      # layers with an array per example
            return np.arange(N)
        return np.unique(x.reshape(N, -1), axis=0, return_inverse=True)[1].reshape(-1)

    def gathered(self, a):
        """Sums of a (N, ...) over examples of equal inputs."""
        total = np.zeros_like(a)
        np.add.at(total, self.groups, a)
        return total

    @cached_property
    def elements(self):
        """[(f', bends) (N, ..., D), ...] of the elementwise layers, in order."""
        layers = [leaf for leaf in self.leaves if isinstance(leaf, Elementwise)]
        slopes = [leaf.slope(s, leaf.forward(None, s)) for leaf, s in zip(
            layers, bending.inputs(self.net, self.xs), strict=True)]
        bends = bending.bends(self.objective, self.theta, self.xs)
        return list(zip(slopes, bends, strict=True))

    @cached_property
    def leaves(self):
        """The innermost layers, in order."""
        return bending.leaves(self.net)

    @cached_property
    def users(self):
        """For each weight matrix the numbers of the leaves that use it."""
        places = [i for i, leaf in enumerate(self.leaves) for _ in leaf.shapes]
        return [[i for i, owner in zip(places, self.net.owners) if owner == l]
                for l in self.matrices]

    def reached(self, l):
        """Numbers of the leaves that the matrix reaches, those that use it aside."""
        behind = reach(self.net, 0)
        return sorted(set().union(*(behind[i] for i in self.users[l])))

    def above(self, l):
        """Those of `elements` that the matrix reaches."""
        numbers = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, Elementwise)]
        return [self.elements[numbers.index(i)] for i in self.reached(l) if i in numbers]

    @property
    def matrices(self):
        """Numbers of the weight matrices."""
        return range(len(self.net.layout.shapes))

    def same(self, a, axis):
        """Whether a is the same along these axes, to rounding of its largest entry."""
        return np.ptp(a, axis=axis).max(initial=0) <= self.rounding * np.abs(a).max(initial=0)


def reach(layer, start):
    """{number of a leaf, from start: set of the leaves that its output reaches}."""
    if isinstance(layer, Wrapping):
        return reach(layer.inner, start)
    if not isinstance(layer, Composite):
        return {start: set()}
    found = {}
    for each in layer.layers:
        own = reach(each, start + len(found))
        if not isinstance(layer, Parallel):
            found = {i: behind | set(own) for i, behind in found.items()}
        found |= own
    return found
