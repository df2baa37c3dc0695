"""Every quantity as a table line: its routes, all functions of (objective, theta, ...).

The first route is the one that users call and that is run on balls; the others share as little
code with it as possible.  `arguments` name what follows theta: v and w, directions (P,); u, a
cotangent of the outputs; seed, of the labels drawn for the Monte-Carlo Fisher matrix.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..curvature import averaged
from ..curvature import gauss_newton as gn
from ..curvature.diagonal import diagonal
from ..curvature.gram import gram
from ..curvature.bends import strange
from ..curvature.hessian import hessian
from ..curvature.kfac import kfac
from ..curvature.ntk import ntk
from ..curvature.operator import blocks, columns, dense
from ..curvature.positive_curvature import positive_curvature
from ..derivatives import complex_step, dual, taylor
from ..derivatives.jacobian import jacobian, per_example_gradients
from ..derivatives.routes import expected_digits, offering, vjp
from . import (twins, twins_damping, twins_forms, twins_function_space, twins_kronecker,
               twins_positive, twins_spectrum)

WHOLE = 200                            # largest P for which whole matrices are run on balls
PART = 60                              # and forms of these, whose P products are run again


@dataclass(frozen=True)
class Quantity:
    """`routes`: name -> function of (objective, theta, *arguments).

    `provable` is the largest P for which balls are worth their time; `extended` says whether the
    inputs of the quantity are the same in longdouble; `expected` tells the digits to expect of a
    route in float64; `fits` tells of a network whether the quantity is defined for it.
    """

    title: str
    routes: Mapping
    arguments: tuple = ()
    provable: int = 2000
    extended: bool = True
    expected: Callable = lambda route: 13          # whole matrices: longer sums, and inverses
    fits: Callable = lambda net: True


def _is_small(net):
    """Whether products of explicit (P, P) matrices take no time."""
    return net.layout.size <= WHOLE


def _hessian_by(name):
    return lambda objective, theta: columns(hessian(objective, theta, route=name))


def _fisher(whole, kind):
    def route(objective, theta, *seed):
        return whole(gn.fisher(objective, theta, kind, *map(np.random.default_rng, seed)))
    return route


def _curvature(pair):
    return lambda objective, theta, v, w: pair(objective, theta, v[None], w[None])[0, 0]


QUANTITIES = {
    "value": Quantity("loss L", {
        "whole batch": lambda o, t: o.value(t), "one by one": twins.value_one_by_one}),
    "gradient": Quantity("gradient g", offering("gradient"), expected=expected_digits),
    "per_example_gradients": Quantity("gradients of loss_n", {
        "contraction": per_example_gradients,
        "autograd one by one": twins.gradients_one_by_one}),
    "jvp": Quantity("product J v", offering("jvp"), ("v",), expected=expected_digits),
    "vjp": Quantity("product J^T u", {
        "backprop": vjp, "Jacobian by dual": twins.transposed_product}, ("u",)),
    "jacobian": Quantity("Jacobian J", {
        "backprop": jacobian, "dual": twins.jacobian_by(dual.derivative),
        "complex step": twins.jacobian_by(complex_step.derivative)}, provable=WHOLE),
    "hvp": Quantity("product H v", offering("hvp"), ("v",), expected=expected_digits),
    "curvature": Quantity("curvature v^T H w", {
        "dual": lambda o, t, v, w: (v * dual.hvp(o, t, w)).sum(-1),
        "hyper-dual": _curvature(dual.hyper_curvature),
        "bicomplex": _curvature(complex_step.bicomplex_curvature),
        "Taylor series": taylor.curvature}, ("v", "w")),
    "third": Quantity("third Taylor coefficient", {
        "complex step of dual": twins.third_by_complex_step,
        "Taylor series": lambda o, t, v: taylor.taylor(o, t, v, 3).coefficients[3]},
        ("v",), provable=0),
    "hessian": Quantity("Hessian H", {
        "assembled": lambda o, t: dense(hessian(o, t)), "dual": _hessian_by("dual"),
        "complex step": _hessian_by("complex step"), "autograd": _hessian_by("autograd")},
        provable=WHOLE),
    "hessian_blocks": Quantity("diagonal blocks of H", {
        "assembled": lambda o, t: blocks(hessian(o, t), o.net.layout),
        "dual": twins.diagonal_blocks(_hessian_by("dual"))}, provable=WHOLE),
    "eigenvalues": Quantity("outermost eigenvalues of H", {
        "LAPACK": twins_spectrum.outermost, "Lanczos": twins_spectrum.outermost_by_products},
        ("seed",), provable=0, extended=False),
    "gauss_newton": Quantity("Gauss-Newton G", {
        "assembled": lambda o, t: dense(gn.gauss_newton(o, t)),
        "products": lambda o, t: columns(gn.gauss_newton(o, t)),
        "J^T S J": twins.gauss_newton_sandwich}, provable=WHOLE),
    "gauss_newton_blocks": Quantity("diagonal blocks of G", {
        "assembled": lambda o, t: blocks(gn.gauss_newton(o, t), o.net.layout),
        "J^T S J": twins.diagonal_blocks(twins.gauss_newton_sandwich)}, provable=WHOLE),
    "hessian_diagonal": Quantity("diagonal of H", {
        "layer by layer": lambda o, t: diagonal(hessian(o, t)),
        "products": twins_forms.hessian_diagonal}, provable=PART),
    "gauss_newton_diagonal": Quantity("diagonal of G", {
        "layer by layer": lambda o, t: diagonal(gn.gauss_newton(o, t)),
        "J^T S J": twins_forms.gauss_newton_diagonal}, provable=PART),
    "fisher_type2": Quantity("Fisher, type-2", {
        "assembled": _fisher(dense, "type-2"), "products": _fisher(columns, "type-2"),
        "J^T S J": twins.fisher_sandwich("type-2")}, provable=WHOLE),
    "fisher_mc": Quantity("Fisher, Monte Carlo", {
        "assembled": _fisher(dense, "mc"), "products": _fisher(columns, "mc"),
        "J^T S J": twins.fisher_sandwich("mc")}, ("seed",), provable=WHOLE,
        extended=False),               # drawn labels are rounded to float64
    "fisher_empirical": Quantity("Fisher, empirical", {
        "assembled": _fisher(dense, "empirical"), "products": _fisher(columns, "empirical"),
        "gradients one by one": twins.outer_gradients}, provable=WHOLE),
    "positive_curvature": Quantity("positive-curvature Hessian", {
        "assembled": lambda o, t: dense(positive_curvature(o, t)),
        "Jacobians of layers": twins_positive.positive_curvature}, provable=60,
        fits=lambda net: strange(net) is None),
    "bda_pch": Quantity("averaged positive curvature", {
        "recursion": averaged.bda_pch, "one by one": twins_positive.averaged("abs", "mean")},
        provable=WHOLE, fits=averaged.is_chain),
    "kfra": Quantity("KFRA factors G, A", {
        "recursion": averaged.kfra, "one by one": twins_positive.averaged("zero", "outer")},
        provable=WHOLE, fits=averaged.is_chain),
    "fisher_centred": Quantity("covariance of gradients", {
        "differences": _fisher(dense, "centred"), "products": _fisher(columns, "centred"),
        "gradients one by one": twins_forms.covariance}, provable=PART),
    "kfac": Quantity("K-FAC factors G, A", {
        "contractions": kfac, "one by one": twins.kfac_one_by_one("expand")}),
    "kfac_reduce": Quantity("K-FAC factors, reduce", {
        "contractions": lambda o, t: kfac(o, t, setting="reduce"),
        "one by one": twins.kfac_one_by_one("reduce")}),
    "kfac_inverse": Quantity("K-FAC inverses, damped", {
        "solve": twins.kfac_inverses, "eigenvalues": twins.kfac_inverses_by_eigenvalues},
        provable=WHOLE),
    "kfac_inverse_rules": Quantity("K-FAC inverses, other rules", {
        "solve": twins_damping.inverses,
        "eigenvalues": twins_damping.inverses_by_eigenvalues}, provable=WHOLE),
    "kfac_solve": Quantity("K-FAC solutions, damped", {
        "eigenbasis": twins_damping.solutions, "dense": twins_damping.solutions_dense}, ("v",),
        provable=0),                   # eigenvectors are not enclosed
    "solve": Quantity("solution (F + I)^-1 v", {
        "Cholesky": twins_damping.solution, "LU": twins_damping.solution_by_elimination,
        "conjugate gradients": twins_damping.solution_by("cg"),
        "MINRES": twins_damping.solution_by("minres")}, ("v",), provable=110,
        expected=lambda route: 13 if route in ("Cholesky", "LU") else 12),
    "ekfac": Quantity("EKFAC", {
        "contractions": twins_kronecker.ekfac_matrices,
        "projected": twins_kronecker.ekfac_projected}, provable=0, fits=_is_small,
        expected=lambda route: 11),    # of eigenvectors, whose error is eps over their gaps
    "nearest_kron": Quantity("nearest Kronecker products", {
        "singular vectors": twins_kronecker.nearest_products,
        "alternating": twins_kronecker.alternating_products}, provable=0),
    "kfac_tridiagonal": Quantity("block-tridiagonal K-FAC", {
        "products": twins_kronecker.tridiagonal, "inverted": twins_kronecker.tridiagonal_inverted,
        "dense formulas": twins_kronecker.tridiagonal_dense}, provable=60, fits=_is_small),
    "kbfgs": Quantity("K-BFGS, two steps", {
        "inverse updates": twins.kbfgs_steps,
        "direct updates": twins.kbfgs_steps_dense}, provable=WHOLE),
    "kbfgs_limited": Quantity("K-BFGS(L), two steps", {
        "compact form": twins_function_space.kbfgs_limited_steps,
        "direct updates": twins_function_space.kbfgs_limited_steps_dense}, provable=WHOLE),
    "ntk": Quantity("tangent kernel J J^T", {
        "layer by layer": ntk, "complex step": twins_function_space.kernel_of_jacobians},
        provable=110, fits=_is_small),
    "gram": Quantity("Gram form of the Fisher matrix", {
        "layer by layer": lambda o, t: gram(o, t, "type-2"),
        "complex step": twins_function_space.gram_of_jacobians}, provable=60, fits=_is_small),
    "gram_solve": Quantity("damped Fisher inverse times v", {
        "Woodbury": twins_function_space.solution,
        "dense system": twins_function_space.solution_of_the_dense_system},
        ("v",), provable=60, fits=_is_small),
    "third_derivative": Quantity("third derivative D3L[v, w]", offering("third"), ("v", "w"),
                                 provable=WHOLE, expected=lambda r: min(13, expected_digits(r))),
}
