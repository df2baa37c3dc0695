"""What PyTorch answered for the problems of LAYERS: read from a file, compared without PyTorch."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..derivatives.routes import gradient, hvp
from .check import agreement

RECORD = Path(__file__).parents[2] / "tests" / "network" / "pytorch.npz"
AT_ONCE = "x", "output", "loss"


@dataclass(frozen=True, eq=False)
class Record:
    """One problem: arrays x, output, loss, and {PyTorch's name: array} of the rest."""

    x: Any
    output: Any
    loss: Any
    theta: dict
    v: dict
    gradient: dict
    Hv: dict

    def at(self, objective):
        """The objective at the recorded x, the recorded theta (P,), and v (P,)."""
        from_named = objective.net.from_named
        return replace(objective, x=self.x), from_named(self.theta), from_named(self.v)


def record_of(name, path=None):
    """The Record of a problem, or None without one.

    The file holds arrays "NAME|x", "NAME|output", "NAME|loss", and for each parameter
    "NAME|PARAMETER" (4, ...): theta, v, gradient and H v, one upon the other.
    """
    path = RECORD if path is None else path
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {key.partition("|")[2]: file[key] for key in file if key.startswith(name + "|")}
    if not arrays:
        return None
    once = [arrays.pop(key) for key in AT_ONCE]
    return Record(*once, *({key: a[i] for key, a in arrays.items()} for i in range(4)))


def forward_digits(record, objective):
    """Digits that outputs and loss here share with the recorded ones, the fewer."""
    objective, theta, _ = record.at(objective)
    return min(agreement(objective.outputs(theta), record.output),
               agreement(objective.value(theta), record.loss))


def derivative_digits(record, objective):
    """Digits that the gradient and H v here share with the recorded ones, the fewer."""
    objective, theta, v = record.at(objective)
    from_named = objective.net.from_named
    return min(agreement(gradient(objective, theta), from_named(record.gradient)),
               agreement(hvp(objective, theta, v), from_named(record.Hv)))
