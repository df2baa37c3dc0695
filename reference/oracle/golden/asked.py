"""What a pack asks of each case: subjects of the judge with their options, and trajectories.

Monte-Carlo forms are left out: no program in another language draws NumPy's random numbers.
Each has a rival, another way to our numbers, where there is one, to say how many digits agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...curvature.kfac import kfac
from ...optim.kbfgs import KBFGS
from ...optim.kfac import KFAC
from ...optim.step import run
from .. import twins
from ..judge.subjects import SUBJECTS, THETA, Subject, whole
from ..quantities import QUANTITIES

STEPS = 3
OPTIMIZERS = {
    "kbfgs": KBFGS(length=0.3, damping=0.3),
    "kbfgs_limited": KBFGS(length=0.3, damping=0.3, memory=2),
    "kfac": KFAC(damping=0.5, kind="ggn", statistics_batch=1.0, curvature_batch=1.0,
                 damping_every=1, gamma_every=1, inverse_every=1),
}
ARGUMENTS = ("v", "u", "damping")


@dataclass(frozen=True)
class Asked:
    """A Subject with options; `rival(objective, theta, *arguments)` -> the same arrays."""

    subject: Subject
    options: dict = field(default_factory=dict)
    rival: Callable | None = None
    settings: Any = None               # an optimizer, to be written down

    def pieces(self, objective, theta, *arguments):
        """Ours."""
        return self.subject.pieces(objective, theta, *arguments, **self.options)

    def arrays(self, objective, theta, *arguments):
        """Ours, without names."""
        return [piece.array for piece in self.pieces(objective, theta, *arguments)]


# ---- trajectories ----

def trajectory(optimizer, objective, theta):
    """theta after steps 1, ..., STEPS (STEPS, P), all data in every step."""
    seen = []
    run(optimizer, objective, theta, STEPS, watch=lambda k, theta, info: seen.append(theta))
    return np.stack(seen)


def _trajectory(name):
    optimizer = OPTIMIZERS[name]
    subject = Subject(f"{name}_trajectory", f"theta after {STEPS} steps of {optimizer}", whole(
        lambda o, t: trajectory(optimizer, o, t), ("step", None), THETA))
    return Asked(subject, settings=optimizer)


# ---- other ways ----

def _routes(name):
    """The second route of a quantity."""
    _, *others = QUANTITIES[name].routes.values()
    return others[0]


def _products(name):
    """Columns of a matrix times v."""
    return lambda o, t, v: _routes(name)(o, t) @ v


def _diagonal(name):
    return lambda o, t: np.diagonal(_routes(name)(o, t))


def _inverses(objective, theta, damping):
    """The damped inverses, by LAPACK's inverse of the dense product with both shifts."""
    found = []
    for K in kfac(objective, theta):
        pi = np.sqrt(np.trace(K.A) / len(K.A) / (np.trace(K.G) / len(K.G)))
        G = K.G + np.sqrt(damping) / pi * np.eye(len(K.G))
        found.append(np.linalg.inv(np.kron(G, K.A + np.sqrt(damping) * pi * np.eye(len(K.A)))))
    return found


RIVALS = {
    **{name: _routes(name) for name in SUBJECTS if name in QUANTITIES},
    "ggnvp": _products("gauss_newton"), "fisher_diagonal": _diagonal("fisher_type2"),
    "kfac_inverse": _inverses,
}

ASKED = {
    **{name: Asked(subject, rival=RIVALS.get(name)) for name, subject in SUBJECTS.items()
       if set(subject.arguments) <= set(ARGUMENTS)},
    "kfac_reduce": Asked(SUBJECTS["kfac"], {"setting": "reduce"},
                         twins.kfac_one_by_one("reduce")),
    **{f"{name}_trajectory": _trajectory(name) for name in OPTIMIZERS},
}
