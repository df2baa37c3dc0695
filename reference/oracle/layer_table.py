"""The table of layers: for every problem of LAYERS, the digits that each promise of it keeps.

No cell is written by hand: a number is measured here and now, a word is what the code answered.
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from ..curvature.gauss_newton import output_fisher
from ..curvature.kfac import kfac
from ..derivatives import tape
from ..derivatives.jacobian import jacobian, per_example_gradients, unit_cotangents
from ..derivatives.routes import ROUTES, gradient, hvp, offering
from ..problems.layers import LAYERS
from . import recorded
from .certify import NotProven, certify
from .check import agreement

WANTED = 12                            # digits
ABSENT = "not here"                    # the record is no part of an installed package
REFUSALS = ("couples", "not affine", "transposed")   # words of the code's own errors


@dataclass(frozen=True)
class LayerRow:
    """One line: the problem's name and {column: digits, a word of refusal, or None}."""

    name: str
    cells: dict

    @property
    def passed(self):
        """Whether every number reaches WANTED; written so that nan fails."""
        return all(cell is None or isinstance(cell, str) or cell >= WANTED
                   for cell in self.cells.values())


def rows(names=None, executor=None):
    """Yield the LayerRow of every problem of LAYERS, or of the names given, as they come."""
    run = map if executor is None else executor.map
    yield from run(row_of, list(LAYERS if names is None else names))


def row_of(name):
    """The LayerRow of one problem."""
    objective, theta = problem(name)
    return LayerRow(name, {column: _answer(cell, name, objective, theta)
                           for column, cell in COLUMNS.items()})


def problem(name):
    """The objective and theta of a name in LAYERS, the same every time."""
    return LAYERS[name](np.random.default_rng(0))


def _answer(cell, name, objective, theta):
    """Digits, or the word in which the code refuses; any other error is one."""
    try:
        return cell(name, objective, theta)
    except NotProven:
        return "not proven"
    except (ValueError, TypeError) as error:
        word = next((word for word in REFUSALS if word in str(error)), None)
        if word is None:
            raise
        return word


# ---- cells ----

def _pytorch(digits):
    """Digits shared with what PyTorch answered; None where it has no such layer."""
    def cell(name, objective, theta):
        if not recorded.RECORD.is_file():
            return ABSENT
        record = recorded.record_of(name)
        return None if record is None else digits(record, objective)
    return cell


def direction(theta):
    """One direction v (P,), the same every time."""
    return np.random.default_rng(theta.size).standard_normal(theta.size)


def _routes(quantity, first):
    """The fewest digits that an exact route shares with the first."""
    def cell(name, objective, theta):
        given = (objective, theta) + ((direction(theta),) if quantity == "hvp" else ())
        answers = {route: f(*given) for route, f in offering(quantity).items()
                   if ROUTES[route].exact}
        return min(agreement(answer, answers[first]) for route, answer in answers.items()
                   if route != first)
    return cell


def _per_example(name, objective, theta):
    """Gradients and Jacobian against autograd on batches of one."""
    gradients, J = per_example_gradients(objective, theta), jacobian(objective, theta)
    ones = [objective.batch(slice(n, n + 1)) for n in range(objective.N)]
    return min(agreement(gradients, np.stack([autograd_gradient(one, theta) for one in ones])),
               agreement(J, np.concatenate([autograd_jacobian(one, theta) for one in ones])))


def _kronecker(setting):
    """Both factors of all matrices against loops."""
    def cell(name, objective, theta):
        krons = kfac(objective, theta, setting=setting)
        return agreement(krons, kron_by_loops(objective, theta, setting))
    return cell


def _certified(name, objective, theta):
    """Proven digits of g and H v, the fewer."""
    return min(certify(gradient, objective, theta).digits,
               certify(hvp, objective, theta, direction(theta)).digits)


COLUMNS = {
    "forward": _pytorch(recorded.forward_digits),
    "PyTorch": _pytorch(recorded.derivative_digits),
    "gradient": _routes("gradient", "backprop"),
    "H v": _routes("hvp", "dual"),
    "per example": _per_example,
    "K-FAC expand": _kronecker("expand"),
    "K-FAC reduce": _kronecker("reduce"),
    "proven": _certified,
}


# ---- second ways ----

def autograd_gradient(one, theta):
    """d loss_n/dtheta (P,) for a batch of one: no weights, no decay, no division."""
    return tape.gradient(replace(one, reduction="sum", weights=None, l2=0.0), theta)


def autograd_jacobian(one, theta):
    """dz_n/dtheta (1, ..., C, P): one tape of as many copies of theta as there are outputs."""
    z = one.outputs(theta)
    units = unit_cotangents(z)
    paired = SimpleNamespace(value=lambda thetas: one.outputs(thetas) * units)
    rows = tape.gradient(paired, np.broadcast_to(theta, units.shape[:1] + theta.shape) + 0.0)
    return rows.reshape(z.shape + theta.shape)


def kron_by_loops(objective, theta, setting):
    """[(G, A), ...] by plain loops over examples, places and pairs of outputs; no weights."""
    net = objective.net
    xs = net.forward(theta, objective.x)
    z = xs[-1]
    uses = net.backward(theta, xs, unit_cotangents(z))[0]
    S = output_fisher(objective, z, "type-2")
    S = S.reshape(objective.N, -1, *S.shape[-2:])                          # (N, labels, C, C)
    return [[_loops(p, g, S, setting) for p, g in use.pairs()] for use in uses]


def _loops(p, g, S, setting):
    if setting == "reduce":
        p, g = p.mean(-2, keepdims=True), g.sum(-2, keepdims=True)
    N, T, I = p.shape
    labels, C = S.shape[1:3]
    G, A = np.zeros((g.shape[-1],) * 2), np.zeros((I, I))
    for n in range(N):
        for t in range(T):
            A += np.outer(p[n, t], p[n, t]) / (N * T)
            for k in range(labels):
                rows = g[k * C:(k + 1) * C, n, t]                          # (C, O)
                for c in range(C):
                    for d in range(C):
                        G += S[n, k, c, d] * np.outer(rows[c], rows[d])
    return G, A
