"""One table of routes, each with the error to expect; gradient, jvp and hvp choose from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import Callable, Optional

import numpy as np

from ..arrays.checks import require_float, require_objective
from ..arrays.precision import eps
from ..arrays.transfer import follows
from . import backprop, complex_step, dual, finite_difference, tape
from .directions import require_direction


@dataclass(frozen=True)
class Route:
    """One way to derivatives; what it does not offer is None.

    gradient(objective, theta) -> (P,); jvp(objective, theta, v) -> (..., N, C);
    hvp(objective, theta, v) -> (..., P); third(objective, theta, u, v) -> (..., P).  `error(eps)`
    is the relative error (largest entry of the error over the largest entry of the answer) to
    expect on a smooth network of moderate size.
    """

    error: Callable
    gradient: Optional[Callable] = None
    jvp: Optional[Callable] = None
    hvp: Optional[Callable] = None
    third: Optional[Callable] = None

    @property
    def exact(self):
        """Whether the error is of the order of rounding."""
        return self.error(1e-16) < 1e-12


def _rounding(eps):
    """Some tens of roundings: sums over the batch and over a few layers."""
    return 45 * eps


def _truncation(eps):
    """Richardson's differences keep about two thirds of the digits; stated with a margin."""
    return 10 * eps ** 0.7


ROUTES = {
    "backprop": Route(_rounding, backprop.gradient),
    "dual": Route(_rounding, dual.gradient, dual.jvp, dual.hvp, dual.third),
    "complex step": Route(_rounding, complex_step.gradient, complex_step.jvp, complex_step.hvp,
                          complex_step.third),
    "autograd": Route(_rounding, tape.gradient, tape.jvp, tape.hvp, tape.third),
    "complex step over autograd": Route(_rounding, hvp=tape.complex_step_hvp),
    "hyper-dual": Route(_rounding, hvp=dual.hyper_hvp),
    "bicomplex": Route(_rounding, hvp=complex_step.bicomplex_hvp),
    "central difference": Route(_truncation, finite_difference.gradient, finite_difference.jvp,
                                finite_difference.hvp, finite_difference.third),
}


@dataclass(frozen=True)
class Offered(Mapping):
    """{name: function} of the routes that offer a quantity, read off ROUTES when it is asked."""

    quantity: str

    def __getitem__(self, name):
        function = getattr(ROUTES[name], self.quantity)
        if function is None:
            raise KeyError(name)
        return function

    def __contains__(self, name):
        return name in list(self)

    def __iter__(self):
        return (name for name, route in ROUTES.items() if getattr(route, self.quantity))

    def __len__(self):
        return len(list(iter(self)))


def offering(quantity):
    """{name: function} of the routes to "gradient", "jvp", "hvp" or "third", now and later."""
    return Offered(quantity)


def expected_digits(name):
    """Digits to expect of a route in float64."""
    return -log10(ROUTES[name].error(eps(np.float64)))


def alike(*arrays):
    """All in the widest of their precisions: no route may narrow a longdouble."""
    if any(a.dtype.kind != "f" for a in arrays):
        return arrays
    wider = np.result_type(*arrays)
    return tuple(a.astype(wider, copy=False) for a in arrays)


def _route(quantity, name):
    offered = offering(quantity)
    if name not in offered:
        raise ValueError(f"no route {name!r} to {quantity}; choose one of {', '.join(offered)}.")
    return offered[name]


@follows
def gradient(objective, theta, v=None, route="backprop"):
    """dL/dtheta (P,), or the directional derivatives g^T v for v (P,) or (K, P).

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    v : array (P,) or (K, P), optional
    route : str
        A name in ROUTES.

    Returns
    -------
    array (P,), or () or (K,) if v is given
    """
    require_objective(objective)
    require_direction("theta" if v is None else "v", theta if v is None else v, theta)
    g = _route("gradient", route)(objective, theta)
    return g if v is None else v @ g


@follows
def jvp(objective, theta, v, route="dual"):
    """J v, the derivative of the outputs along v: (N, C) for v (P,), (K, N, C) for v (K, P).

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    v : array (P,) or (K, P)
    route : str
        A name in ROUTES.
    """
    require_objective(objective)
    require_direction("v", v, theta)
    return _route("jvp", route)(objective, *alike(theta, v))


@follows
def hvp(objective, theta, v, route="dual"):
    """H v, the Hessian of L times v: (P,) for v (P,), (K, P) for v (K, P).

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    v : array (P,) or (K, P)
    route : str
        A name in ROUTES; "dual" is fast and exact [Pea94], "complex step" and "autograd" check it,
        "hyper-dual" and "bicomplex" use no backward code at all.
    """
    require_objective(objective)
    require_direction("v", v, theta)
    return _route("hvp", route)(objective, *alike(theta, v))


@follows
def vjp(objective, theta, u):
    """J^T u (P,) for cotangents u (N, C) of the outputs; (K, P) for u (K, N, C).

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    u : array, shape of the outputs, or with one leading axis of K
    """
    require_objective(objective)
    require_float("u", u)
    xs = objective.net.forward(theta, objective.x)
    shape = xs[-1].shape
    if u.shape[u.ndim - len(shape):] != shape or u.ndim - len(shape) not in (0, 1):
        raise ValueError(f"u has shape {u.shape}, the outputs {shape}; u must have that shape, or "
                         "one leading axis more.")
    return objective.net.vjp(theta, xs, u)[0]
