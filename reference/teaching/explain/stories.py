"""The quantities that have a derivation: a table, one line each."""

from collections.abc import Callable
from dataclasses import dataclass

from ...curvature import averaged, gauss_newton, kbfgs, nearest, positive_curvature
from ...curvature import ekfac as eigen
from ...curvature import kfac as kron
from ...curvature import ntk as kernels
from ...curvature.hessian import hessian
from ...curvature.operator import blocks, dense
from ...derivatives import complex_step, jacobian, routes
from ...network.objective import Objective
from . import (averages, eigenbasis, first, kronecker, matrices, nearest_product, quasi_newton,
               second)


@dataclass(frozen=True)
class Story:
    """tell(board, *arguments, **options) -> (steps, arrays that they lead to[, their condition]).

    ours(objective, theta, *arguments, **options) -> the package's arrays; `function`: what it is
    of; `size`: "dense" for (P, P), "kernel" for (N M, N M),
    "jacobian" for (N, M, P), or "" for no more than passes.
    """

    title: str
    tell: Callable
    ours: Callable
    function: Callable
    arguments: tuple = ()
    size: str = "jacobian"


def _one(function):
    return lambda *a, **k: [function(*a, **k)]


def _whole(function):
    return lambda *a, **k: [dense(function(*a, **k))]


def _value(objective, theta):
    return [objective.value(theta)]


def _slope(objective, theta, v):
    return [routes.gradient(objective, theta, v)]


def _factors(krons):
    """[G_1, A_1, ...], group of rows by group."""
    return [M for K in krons for each in getattr(K, "blocks", (K,)) for M in (each.G, each.A)]


def _nearest(objective, theta, kind="type-2", rng=None, samples=1):
    F = gauss_newton.fisher(objective, theta, kind, rng, samples)
    layout = objective.net.layout
    return [nearest.nearest_kron(B, shape)[0].dense()
            for B, shape in zip(blocks(F, layout), layout.shapes)]


def _basis(*a, **k):
    return [each.dense() for K in eigen.ekfac(*a, **k) for each in getattr(K, "blocks", (K,))]


STORIES = {
    "value": Story("the loss L", first.value, _value, Objective.value, size=""),
    "gradient": Story("the gradient of L by backpropagation", first.gradient,
                      _one(routes.gradient), routes.gradient),
    "per_example_gradients": Story(
        "the gradients of loss_n", first.per_example_gradients,
        _one(jacobian.per_example_gradients), jacobian.per_example_gradients),
    "jvp": Story("the product J v", first.jvp, _one(routes.jvp), routes.jvp, ("v",)),
    "vjp": Story("the product J^T u", first.vjp, _one(routes.vjp), routes.vjp, ("u",)),
    "hvp": Story("the product H v", second.hvp, _one(routes.hvp), routes.hvp, ("v",)),
    "complex step": Story("the derivative of L along v by the complex step", first.complex_steps,
                          _slope, complex_step.derivative,
                          ("v",), size=""),
    "hessian": Story("the Hessian H", second.hessian, _whole(hessian), hessian, size="dense"),
    "positive_curvature": Story(
        "the positive-curvature Hessian", second.positive_curvature,
        _whole(positive_curvature.positive_curvature), positive_curvature.positive_curvature,
        size="dense"),
    "gauss_newton": Story("the Gauss-Newton matrix G", matrices.gauss_newton,
                          _whole(gauss_newton.gauss_newton), gauss_newton.gauss_newton,
                          size="dense"),
    "fisher": Story("the Fisher matrix F", matrices.fisher, _whole(gauss_newton.fisher),
                    gauss_newton.fisher, size="dense"),
    "ntk": Story("the tangent kernel K = J J^T", matrices.ntk, _one(kernels.ntk), kernels.ntk,
                 size="kernel"),
    "kfac": Story("K-FAC's factors G and A", kronecker.kfac,
                  lambda *a, **k: _factors(kron.kfac(*a, **k)), kron.kfac, size="dense"),
    "ekfac": Story("EKFAC", eigenbasis.ekfac, _basis, eigen.ekfac, size="dense"),
    "kfra": Story("KFRA's factors", averages.kfra, lambda *a, **k: _factors(averaged.kfra(*a, **k)),
                  averaged.kfra),
    "nearest_kron": Story("the Kronecker products nearest to the blocks of F",
                          nearest_product.nearest_kron, _nearest, nearest.nearest_kron,
                          size="dense"),
    "kbfgs_factors": Story(
        "K-BFGS's factors at the start", quasi_newton.start,
        lambda *a, **k: quasi_newton.of_factors(kbfgs.initial_factors(*a, **k)),
        kbfgs.initial_factors, ("lam",), size=""),
    "kbfgs_update": Story(
        "K-BFGS's factors after a step", quasi_newton.update,
        lambda *a, **k: quasi_newton.of_factors(kbfgs.update(*a, **k)),
        kbfgs.update, ("theta_plus", "factors", "lam"), size=""),
}
