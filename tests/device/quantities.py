"""Every quantity of the package, as (objective, theta (P,), v (P,)) -> arrays."""

import numpy as np

import reference as ref
from reference.arrays.namespace import library
from reference.curvature import bfgs, entries, kbfgs
from reference.derivatives.routes import offering


def fine(v):
    """What an iteration can reach, so that both sides reach it in as many products."""
    return 100 * np.finfo(v.dtype).eps


def rng():
    """The same draws on both sides."""
    return np.random.default_rng(7)


def of_krons(function):
    """What is known of a list of Kronecker products, one per matrix: dense, inverses, solutions."""
    def parts(o, t, v):
        krons = function(o, t)
        inverses = [K.inv(0.1) for K in krons]
        return ([K.dense() for K in krons], [K.dense() for K in inverses],
                ref.solve(krons, v, 0.1))
    return parts


def kbfgs_factors(o, t, v):
    """The factors, their directions, and those of a step further."""
    factors = ref.kbfgs_factors(o, t, 0.3)
    gradients = o.net.layout.unpack(o.grad(t))
    after = ref.kbfgs_update(o, t, t - 0.01 * v, factors, 0.3)
    return factors, kbfgs.directions(gradients, factors), after


def kbfgs_limited(o, t, v):
    """The same with limited memory, two steps."""
    factors = ref.kbfgs_factors(o, t, 0.3, memory=2)
    for k in (1, 2):
        factors = ref.kbfgs_update(o, t - 0.01 * (k - 1) * v, t - 0.01 * k * v, factors, 0.3)
    return kbfgs.directions(o.net.layout.unpack(o.grad(t)), factors)


def smallest_first(o, t):
    """H + 3 I: definite for the small problems here, at rounding's distance from none."""
    H = ref.dense(ref.hessian(o, t))
    return H + 3 * library(H).eye(len(H), dtype=H.dtype)


def subspace(pairs):
    """Values and the projector onto their vectors: signs of eigenvectors are anyone's."""
    return pairs.values, pairs.vectors @ pairs.vectors.T


MATRICES = {
    "hessian": ref.hessian,
    "gauss_newton": ref.gauss_newton,
    "fisher": ref.fisher,
    "empirical fisher": lambda o, t: ref.fisher(o, t, "empirical"),
    "centred fisher": lambda o, t: ref.fisher(o, t, "centred"),
    "sampled fisher": lambda o, t: ref.fisher(o, t, "mc", rng=rng()),
    "positive curvature": ref.positive_curvature,
    "clipped": lambda o, t: ref.positive_curvature(o, t, "clip"),
}

FIRST = {
    "value": lambda o, t, v: o.value(t),
    "rows of values": lambda o, t, v: o.value(library(t).stack([t, t + 0.01 * v])),
    "gradient": lambda o, t, v: ref.gradient(o, t),
    "slope": lambda o, t, v: ref.gradient(o, t, v),
    "outputs": lambda o, t, v: o.outputs(t),
    "jvp": lambda o, t, v: ref.jvp(o, t, v),
    "vjp": lambda o, t, v: ref.vjp(o, t, o.outputs(t)),
    "jacobian": lambda o, t, v: ref.jacobian(o, t),
    "per-example gradients": lambda o, t, v: ref.per_example_gradients(o, t),
    "batch of places": lambda o, t, v: o.batch(np.array([2, 0, 1])).grad(t),
    "batch of a slice": lambda o, t, v: o.batch(slice(1, None, 2)).grad(t),
    "batch of a list": lambda o, t, v: o.batch([1, -1]).grad(t),
    "batch of bools": lambda o, t, v: o.batch(np.arange(o.N) % 2 == 0).grad(t),
    "batch of places there": lambda o, t, v: o.batch(library(t).arange(2)).grad(t),
    "batch of bools there": lambda o, t, v: o.batch(library(t).arange(o.N) > 0).grad(t),
}

SECOND = {
    "hvp": lambda o, t, v: ref.hvp(o, t, v),
    "hvp of two": lambda o, t, v: ref.hvp(o, t, library(t).stack([v, t])),
    "third": lambda o, t, v: ref.third(o, t, v, t),
    **{f"{name}: product": lambda o, t, v, matrix=matrix: matrix(o, t) @ v
       for name, matrix in MATRICES.items()},
    **{f"{name}: dense": lambda o, t, v, matrix=matrix: ref.dense(matrix(o, t))
       for name, matrix in MATRICES.items()},
    **{f"{name}: blocks": lambda o, t, v, matrix=matrix: ref.blocks(matrix(o, t), o.net.layout)
       for name, matrix in MATRICES.items()},
    **{f"{name}: diagonal": lambda o, t, v, matrix=matrix: ref.diagonal(matrix(o, t))
       for name, matrix in MATRICES.items()},
    "columns": lambda o, t, v: ref.columns(ref.hessian(o, t)),
    "block": lambda o, t, v: ref.block(ref.hessian(o, t), o.net.layout.slices[-1]),
    "block of places": lambda o, t, v: ref.block(ref.hessian(o, t), [0, 2]),
    "sum of operators": lambda o, t, v: ref.dense(         # of 0.5 SciPy before 1.18 and cupyx say
        ref.hessian(o, t) * t.dtype.type(0.5) + ref.gauss_newton(o, t)),       # that it is float64
    "product of operators": lambda o, t, v: (ref.hessian(o, t) @ ref.gauss_newton(o, t)) @ v,
    "stream": lambda o, t, v: [b for _, b in sorted(
        ref.stream(ref.hessian(o, t), o.net.layout), key=lambda each: each[0])],
    **{f"partition by {groups}": lambda o, t, v, groups=groups: ref.blocks(
        ref.hessian(o, t), ref.partition(o.net, groups))
       for groups in ("layers", "weights and biases", "whole")},
    "block diagonal": lambda o, t, v: ref.dense(
        ref.block_diagonal(ref.gauss_newton(o, t), o.net.layout)),
    "symmetric to the last bit": lambda o, t, v: entries.require_symmetric(
        "H", ref.dense(ref.hessian(o, t))) or v,
    "gram": lambda o, t, v: ref.gram(o, t),
    "gram, type-2": lambda o, t, v: ref.gram(o, t, "type-2"),
    "ntk": lambda o, t, v: ref.ntk(o, t),
    "ntk between batches": lambda o, t, v: ref.ntk(o, t, o.batch(slice(0, 2))),
}

KRONECKER = {
    "kfac": of_krons(ref.kfac),
    "kfac, reduce": of_krons(lambda o, t: ref.kfac(o, t, setting="reduce")),
    "kfac, sampled": of_krons(lambda o, t: ref.kfac(o, t, "mc", rng=rng(), samples=3)),
    "kfac, empirical": of_krons(lambda o, t: ref.kfac(o, t, "empirical")),
    "kflr": of_krons(ref.kflr),
    "kfra": of_krons(ref.kfra),
    "bda_pch": of_krons(ref.bda_pch),
    "bda_pch, clip": of_krons(lambda o, t: ref.bda_pch(o, t, "clip")),
    "ekfac": of_krons(ref.ekfac),
    "kfac by rules": lambda o, t, v: [[K.inv(0.1, rule).dense() for K in ref.kfac(o, t)]
                                      for rule in ("exact", "pi", "factored")],
    "kfac products": lambda o, t, v: [K @ V for K, V in zip(
        ref.kfac(o, t), o.net.layout.unpack(v))],
    "kfac_dense": lambda o, t, v: ref.kfac_dense(o, t),
    "kfac_tridiagonal": lambda o, t, v: (ref.kfac_tridiagonal(o, t).dense(),
                                         ref.kfac_tridiagonal(o, t).solve(v, 0.1)),
    "nearest": lambda o, t, v: [ref.nearest_kron(B, shape)[0].dense() for B, shape in zip(
        ref.blocks(ref.gauss_newton(o, t), o.net.layout), o.net.layout.shapes)],
    "kron_singular_values": lambda o, t, v: ref.kron_singular_values(
        ref.blocks(ref.gauss_newton(o, t), o.net.layout)[-1], o.net.layout.shapes[-1]),
    "kbfgs": kbfgs_factors,
    "kbfgs, limited": kbfgs_limited,
    "bfgs_inverse": lambda o, t, v: bfgs.bfgs_inverse(
        library(t).eye(t.size, dtype=t.dtype), v, v + 0.1 * t),
}

SOLVED = {                                          # by iterations: their count is the same
    "dense": lambda o, t, v: ref.solve(smallest_first(o, t), v, 0.1),
    "dense, rows": lambda o, t, v: ref.solve(smallest_first(o, t), library(t).stack([v, t])),
    "marquardt": lambda o, t, v: ref.solve(smallest_first(o, t), v, 0.1, "marquardt"),
    "cg": lambda o, t, v: ref.solve(smallest_first(o, t), v, 0.1, method="cg", tol=fine(v)),
    "minres": lambda o, t, v: ref.solve(smallest_first(o, t), v, 0.1, method="minres", tol=fine(v)),
    "operator": lambda o, t, v: ref.solve(ref.gauss_newton(o, t), v, 0.5, tol=fine(v)),
    "block diagonal": lambda o, t, v: ref.solve(
        ref.block_diagonal(ref.gauss_newton(o, t), o.net.layout), v, 0.5),
    "blocks": lambda o, t, v: ref.solve(
        ref.blocks(ref.gauss_newton(o, t), o.net.layout), v, 0.5),
    "gram_solve": lambda o, t, v: ref.gram_solve(o, t, v, 0.5),
    "not definite": lambda o, t, v: ref.solve(-smallest_first(o, t), v),
    "negative curvature": lambda o, t, v: ref.solve(-smallest_first(o, t), v, method="cg"),
}

SPECTRAL = {
    "eigenvalues": lambda o, t, v: ref.eigenvalues(ref.hessian(o, t)),
    "some eigenvalues": lambda o, t, v: ref.eigenvalues(ref.hessian(o, t), (0, 2)),
    "inertia": lambda o, t, v: ref.inertia(smallest_first(o, t)),
    "condition_number": lambda o, t, v: ref.condition_number(smallest_first(o, t)),
    "negative_curvature": lambda o, t, v: abs(
        ref.negative_curvature(ref.hessian(o, t)).direction),
    "extreme_eigenpairs": lambda o, t, v: subspace(
        ref.extreme_eigenpairs(ref.gauss_newton(o, t), 2, rng())),
    **{f"trace, {method}": lambda o, t, v, method=method: ref.trace(
        ref.hessian(o, t), 60, rng(), method).value for method in (
        "hutchinson", "hutch++", "xtrace")},
    "diagonal_estimate": lambda o, t, v: ref.diagonal_estimate(
        ref.hessian(o, t), 60, rng()).value,
    "diagonal_estimate, xdiag": lambda o, t, v: ref.diagonal_estimate(
        ref.hessian(o, t), 60, rng(), "xdiag").value,
    "spectral_density": lambda o, t, v: ref.spectral_density(
        smallest_first(o, t), rng=rng()).sum(lambda x: x * x).value,
}

ROUTES = {
    f"{quantity} by {route}": lambda o, t, v, quantity=quantity, route=route: getattr(
        ref, quantity)(o, t, *{"gradient": (), "third": (v, t)}.get(quantity, (v,)), route=route)
    for quantity in ("gradient", "jvp", "hvp", "third") for route in offering(quantity)}
