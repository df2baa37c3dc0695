"""What can be checked: for every subject our numbers as pieces, arrays whose axes have names.

An axis is (kind, l): "theta" with l the number of a matrix, or None for all of theta; "example",
"place", "output"; "row" and "column" of W_l.  Names and orders of entries follow from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...curvature import gauss_newton as gn
from ...curvature.diagonal import diagonal
from ...curvature.ekfac import ekfac
from ...curvature.hessian import hessian
from ...curvature.kfac import kfac
from ...curvature.operator import blocks, dense
from ...derivatives.jacobian import jacobian, per_example_gradients
from ...derivatives.routes import gradient, hvp, jvp, vjp

THETA = ("theta", None)


@dataclass(frozen=True, eq=False)
class Piece:
    """One array of an answer: its axes, and its slot, which is what pieces of all layers share."""

    array: Any
    axes: tuple
    slot: str = ""
    layer: int | None = None


@dataclass(frozen=True)
class Subject:
    """`pieces(objective, theta, *arguments, **options)` -> list of Piece; `arguments` by name."""

    name: str
    title: str
    pieces: Callable
    arguments: tuple = ()
    function: Any = None               # what users know it by, as ref.hvp
    required: tuple = ()               # options without which there is nothing to check
    diagnosed: Callable = lambda case: case        # the Case among whose numbers causes are sought
    first_wrong: Callable = None                   # of a Case, in words; of the layers if omitted


def whole(function, *axes):
    """pieces of a function whose answer is one array with these axes."""
    return lambda o, t, *a, **k: [Piece(np.asarray(function(o, t, *a, **k)), axes)]


def over_outputs(function, *last):
    """pieces of an array (N, ..., C) or (N, ..., C, P)."""
    def pieces(o, t, *a, **k):
        places = (("place", None),) * (len(o.output_shape) - 2)
        axes = (("example", None), *places, ("output", None), *last)
        return [Piece(function(o, t, *a, **k), axes)]
    return pieces


def by_matrix(function):
    """pieces of a list of diagonal blocks."""
    return lambda o, t, *a, **k: [Piece(block, (("theta", l),) * 2, "block", l)
                                  for l, block in enumerate(function(o, t, *a, **k))]


def factors(function):
    """pieces G_1, A_1, G_2, ... of Kronecker products."""
    return lambda o, t, *a, **k: [
        piece for l, K in enumerate(function(o, t, *a, **k))
        for piece in (Piece(K.G, (("row", l),) * 2, "G", l),
                      Piece(K.A, (("column", l),) * 2, "A", l))]


def _fisher(objective, theta, *rng, kind):
    return dense(gn.fisher(objective, theta, kind, *map(np.random.default_rng, rng)))


def _inverse(objective, theta, damping, rule="pi", **options):
    """The damped inverse of each block, as one dense matrix per layer."""
    return [K.inv(damping, rule).dense() for K in kfac(objective, theta, **options)]


def _product(operator):
    return lambda o, t, v, **k: operator(o, t, **k) @ v


SUBJECTS = {subject.name: subject for subject in (
    Subject("value", "loss L", whole(lambda o, t: o.value(t))),
    Subject("gradient", "gradient", whole(gradient, THETA), function=gradient),
    Subject("per_example_gradients", "gradients of loss_n",
            whole(per_example_gradients, ("example", None), THETA),
            function=per_example_gradients),
    Subject("jacobian", "Jacobian J", over_outputs(jacobian, THETA), function=jacobian),
    Subject("jvp", "product J v", over_outputs(jvp), ("v",), jvp),
    Subject("vjp", "product J^T u", whole(vjp, THETA), ("u",), vjp),
    Subject("hvp", "product H v", whole(hvp, THETA), ("v",), hvp),
    Subject("ggnvp", "product G v", whole(_product(gn.gauss_newton), THETA), ("v",)),
    Subject("hessian", "Hessian H", whole(lambda o, t: dense(hessian(o, t)), THETA, THETA),
            function=hessian),
    Subject("hessian_blocks", "diagonal blocks of H",
            by_matrix(lambda o, t: blocks(hessian(o, t), o.net.layout))),
    Subject("hessian_diagonal", "diagonal of H",
            whole(lambda o, t: diagonal(hessian(o, t)), THETA)),
    Subject("gauss_newton", "Gauss-Newton matrix G",
            whole(lambda o, t: dense(gn.gauss_newton(o, t)), THETA, THETA),
            function=gn.gauss_newton),
    Subject("gauss_newton_blocks", "diagonal blocks of G",
            by_matrix(lambda o, t: blocks(gn.gauss_newton(o, t), o.net.layout))),
    Subject("gauss_newton_diagonal", "diagonal of G",
            whole(lambda o, t: diagonal(gn.gauss_newton(o, t)), THETA)),
    Subject("fisher_type2", "Fisher matrix, type-2",
            whole(lambda o, t: _fisher(o, t, kind="type-2"), THETA, THETA)),
    Subject("fisher_mc", "Fisher matrix, Monte Carlo",
            whole(lambda o, t, seed: _fisher(o, t, seed, kind="mc"), THETA, THETA), ("seed",)),
    Subject("fisher_empirical", "Fisher matrix, empirical",
            whole(lambda o, t: _fisher(o, t, kind="empirical"), THETA, THETA)),
    Subject("fisher_diagonal", "diagonal of the Fisher matrix",
            whole(lambda o, t, kind="type-2": diagonal(gn.fisher(o, t, kind)), THETA)),
    Subject("kfac", "K-FAC factors G, A", factors(kfac), function=kfac),
    Subject("kfac_inverse", "K-FAC inverse, damped", by_matrix(_inverse), ("damping",)),
    Subject("ekfac", "EKFAC, one matrix per layer",
            by_matrix(lambda o, t, **k: [K.dense() for K in ekfac(o, t, **k)]),
            function=ekfac),
)}


def subject_of(quantity):
    """The Subject of a name, or of a function of this package.

    Raises
    ------
    ValueError
        Listing what can be checked.
    """
    if isinstance(quantity, Subject):
        return quantity
    for subject in SUBJECTS.values():
        if quantity == subject.name or quantity is subject.function is not None:
            return subject
    shown = getattr(quantity, "__name__", repr(quantity))
    raise ValueError(f"{shown} is nothing that can be checked; pass one of "
                     f"{', '.join(SUBJECTS)}, or the function itself, as ref.hvp.")
