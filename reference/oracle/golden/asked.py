"""What a pack asks of each case: subjects of the judge with their options, and trajectories.

Monte-Carlo forms are left out: no program in another language draws NumPy's random numbers.
Each has a rival, another way to our numbers, where there is one, to say how many digits agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...curvature.gauss_newton import fisher
from ...curvature.kfac import kfac
from ...curvature.operator import dense
from ...optim.kbfgs import KBFGS
from ...optim.kfac import KFAC
from .. import twins
from ..judge.steps import SUBJECTS
from ..judge.subjects import Subject
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

    @property
    def route(self):
        """How ours is computed."""
        known = QUANTITIES.get(self.subject.name)
        return "as ref.check does" if known is None else next(iter(known.routes))

    def pieces(self, objective, theta, *arguments):
        """Ours."""
        return self.subject.pieces(objective, theta, *arguments, **self.options)

    def arrays(self, objective, theta, *arguments):
        """Ours, without names."""
        return [piece.array for piece in self.pieces(objective, theta, *arguments)]


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


def _projections(objective, theta):
    """(Q, diag(Q^T F_ll Q)) per matrix, Q the eigenvectors of G (x) A by LAPACK, F_ll a block."""
    F = dense(fisher(objective, theta, "type-2"))
    for K, s in zip(kfac(objective, theta), objective.net.layout.slices):
        Q = np.kron(np.linalg.eigh(K.G)[1], np.linalg.eigh(K.A)[1])
        yield Q, ((F[s, s] @ Q) * Q).sum(0)


def _ekfac(objective, theta):
    return [(Q * values) @ Q.T for Q, values in _projections(objective, theta)]


def _ekfac_values(objective, theta):
    return [values.reshape(shape) for (_, values), shape
            in zip(_projections(objective, theta), objective.net.layout.shapes)]


RIVALS = {
    **{name: _routes(name) for name in SUBJECTS if name in QUANTITIES},
    "ggnvp": _products("gauss_newton"), "fisher_diagonal": _diagonal("fisher_type2"),
    "kfac_inverse": _inverses, "ekfac": _ekfac, "ekfac_values": _ekfac_values,
}

ASKED = {
    **{name: Asked(subject, rival=RIVALS.get(name)) for name, subject in SUBJECTS.items()
       if set(subject.arguments) <= set(ARGUMENTS) and name not in ("step", "trajectory")},
    "kfac_reduce": Asked(SUBJECTS["kfac"], {"setting": "reduce"},
                         twins.kfac_one_by_one("reduce")),
    **{f"{name}_trajectory": Asked(SUBJECTS["trajectory"], {"optimizer": optimizer, "steps": STEPS})
       for name, optimizer in OPTIMIZERS.items()},
}
