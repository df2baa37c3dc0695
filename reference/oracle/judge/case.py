"""Ours and theirs side by side, and the constants of the problem from which factors are made."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from .hypotheses import ARRANGEMENTS, CONTENT_FAMILIES, CONTENTS, FAMILIES

COARSEST = 0.01                        # beyond which anything would fit, however few the bits


@dataclass(frozen=True, eq=False)
class Case:
    """A subject at a point, what we say, and what they say in the same shapes or others.

    Attributes
    ----------
    subject : Subject
    given : tuple
        (objective, theta, *arguments).
    options : dict
    pieces : list of Piece
        Ours.
    answer : Answer
        Theirs.
    tolerance : Tolerance
    """

    subject: Any
    given: tuple
    options: dict
    pieces: list
    answer: Any
    tolerance: Any

    @property
    def objective(self):
        """L."""
        return self.given[0]

    @property
    def theta(self):
        """theta (P,)."""
        return self.given[1]

    @property
    def arguments(self):
        """What follows theta, by name."""
        return dict(zip(self.subject.arguments, self.given[2:]))

    @property
    def ours(self):
        """Our arrays."""
        return [piece.array for piece in self.pieces]

    @property
    def theirs(self):
        """Their arrays."""
        return self.answer.arrays

    @cached_property
    def closeness(self):
        """Relative 2-norm below which an explanation fits: roundings of both programs."""
        lost = [np.linalg.norm(b) / (np.linalg.norm(a) or 1)
                for a, b in zip(self.ours, self.tolerance.bounds)]
        return min(max(512 * self.tolerance.eps, 2 * max(lost, default=0.0)), COARSEST)

    @cached_property
    def constants(self):
        """{symbol: number}, those of the whole problem: N examples, C outputs, T places, P, 2."""
        objective, found = self.objective, {"2": 2.0}
        N, *places, C = objective.output_shape
        found |= {"N": N, "C": C, "T": prod(places), "P": self.theta.size, "(N - 1)": N - 1}
        if objective.R != N:
            found["R"] = float(objective.R)
        if objective.weights is not None:
            found["sum w/N"] = float(objective.weights.sum()) / N
        if isinstance(self.arguments.get("damping"), float):
            found["damping"] = self.arguments["damping"]
        for name in {"u", "v"} & self.arguments.keys():
            found[f"|{name}|"] = float(np.linalg.norm(self.arguments[name]))
            found[f"|{name}|^2"] = found[f"|{name}|"] ** 2
        found |= self._settings
        return {name: float(value) for name, value in found.items() if value not in (0, 1)}

    @property
    def _settings(self):
        """Numbers of an optimiser by which steps scale."""
        optimizer = self.options.get("optimizer")
        found = {name: getattr(optimizer, name, None) for name in ("length", "damping", "momentum")}
        found = {name: x for name, x in found.items() if type(x) is float}
        return found | ({"(1 - momentum)": 1 - found["momentum"]} if "momentum" in found else {})

    @cached_property
    def arrangements(self):
        """Those of all cases, and those of this one."""
        return [*ARRANGEMENTS.values(), *(one for listed in FAMILIES for one in listed(self))]

    @cached_property
    def contents(self):
        """Those of all cases, and those of this one."""
        return [*CONTENTS.values(), *(one for listed in CONTENT_FAMILIES for one in listed(self))]

    @cached_property
    def uses(self):
        """[[(p (N, T, I), g (N, T, O)), ...], ...] of L, per weight matrix."""
        net, objective = self.objective.net, self.objective
        xs = net.forward(self.theta, objective.x)
        return [use.pairs() for use in net.backward(self.theta, xs, objective.dz(xs[-1]))[0]]

    def of_layer(self, l):
        """{symbol: number} of weight matrix l: T_l places, I_l inputs with the constant, O_l."""
        O, I = self.objective.net.layout.shapes[l]
        found = {"O": O, "I": I}
        try:
            found["S"] = self.uses[l][0][0].shape[-2]
        except (TypeError, ValueError, NotImplementedError):
            pass                                   # a layer that is no product with patches
        return {name: float(value) for name, value in found.items() if value != 1}
