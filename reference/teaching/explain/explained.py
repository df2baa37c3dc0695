"""explain: a quantity of a net, derived step by step in numbers, beside the package's own."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...arrays.checks import require_theta, shown
from ...arrays.precision import eps
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
from .board import Board, fresh
from .numbers import number, shape_text
from .step import Explanation, step

DENSE = 2000                           # parameters of a matrix (P, P): seconds, and 32 MB
NUMBERS = 2 ** 24                      # entries of a Jacobian (N, M, P): 128 MB
ROUNDING = 1e5                         # eps: measured are some 10, more where inverses are made


@dataclass(frozen=True)
class Story:
    """tell(board, *arguments, **options) -> (steps, arrays that they lead to).

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
    "value": Story("the loss L", first.value, lambda o, t: [o.value(t)], Objective.value, size=""),
    "gradient": Story("the gradient of L by backpropagation", first.gradient,
                      _one(routes.gradient), routes.gradient),
    "per_example_gradients": Story(
        "the gradients of loss_n", first.per_example_gradients,
        _one(jacobian.per_example_gradients), jacobian.per_example_gradients),
    "jvp": Story("the product J v", first.jvp, _one(routes.jvp), routes.jvp, ("v",)),
    "vjp": Story("the product J^T u", first.vjp, _one(routes.vjp), routes.vjp, ("u",)),
    "hvp": Story("the product H v", second.hvp, _one(routes.hvp), routes.hvp, ("v",)),
    "complex step": Story("the derivative of L along v by the complex step", first.complex_steps,
                          lambda o, t, v: [routes.gradient(o, t, v)], complex_step.derivative,
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
    "kfra": Story("KFRA's factors", averages.kfra, lambda *a: _factors(averaged.kfra(*a)),
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


def explain(quantity, objective, theta, *arguments, **options):
    """The derivation of a quantity on this net, step by step, in numbers.

    Parameters
    ----------
    quantity : str or function
        "kfac", or `ref.kfac`: a line of `STORIES`.
    objective : Objective
        Small: it is there to be looked at.
    theta : float array (P,)
    *arguments
        What follows theta: v of "jvp", "hvp" and "complex step", u of "vjp", lam of
        "kbfgs_factors", and theta_plus, factors, lam of "kbfgs_update".
    **options
        The quantity's own: kind, rng and samples of "fisher" (the matrix whose blocks "kfac",
        "ekfac" and "nearest_kron" factor, too), setting, phi, decay.  A generator is drawn from as
        by the quantity itself.

    Returns
    -------
    Explanation
        `print` shows it, notebooks with LaTeX maths; `steps` for programs.  Numbers come of the
        formulas as they stand, by sums and complex steps, not of the fast code; the last step
        compares with the package.

    Raises
    ------
    ValueError
        For a quantity without a derivation, naming those with one; a net that is too large; and
        whatever the quantity itself refuses.
    TypeError
        For arguments that are missing or too many.
    ArithmeticError
        If the steps do not lead to the package's numbers.

    Notes
    -----
    It costs P forward passes or more, and memory for the Jacobian (N, M, P): seconds at a
    thousand parameters.

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> objective, theta = ref.problems.ZOO["pooled digits"](np.random.default_rng(0))
    >>> told = ref.explain(ref.kfac, objective, theta)
    >>> told.steps[4].text, told.steps[4].shape, told.difference < 1e-12
    ('A = (sum_nt w_nt p_nt p_nt^T)/(sum_nt w_nt)', (17, 17), True)
    """
    name = named(quantity)
    story = STORIES[name]
    require_theta(objective, theta)
    require_arguments(name, story, arguments)
    require_small(name, story, objective)
    copied = {key: fresh(each) for key, each in options.items()}
    ours = [np.asarray(a) for a in story.ours(objective, theta, *arguments, **options)]
    steps, derived = story.tell(Board(objective, theta), *arguments, **copied)
    apart = difference(derived, ours)
    allowed = ROUNDING * eps(ours[0].dtype)
    if not apart <= allowed:
        raise ArithmeticError(
            f"the steps to {story.title} differ from the package's numbers by {apart:.1e} of the "
            f"largest entry, more than {allowed:.0e}; one of the two is wrong: please report it.")
    return Explanation(name, story.title, where(objective),
                       (*steps, compared(name, story, apart, allowed)), apart)


def named(quantity):
    """The name in STORIES of a name or a function of this package."""
    for name, story in STORIES.items():
        if (isinstance(quantity, str) and quantity == name) or quantity is story.function:
            return name
    given = getattr(quantity, "__name__", repr(quantity))
    raise ValueError(f"{given} has no derivation here; pass one of {', '.join(STORIES)}, or the "
                     "function itself, as ref.kfac.")


def require_arguments(name, story, arguments):
    """TypeError unless there are as many as the story names."""
    if len(arguments) != len(story.arguments):
        wanted = ", ".join(("objective", "theta", *story.arguments))
        raise TypeError(f"explaining {name} takes ({wanted}), got {shown(list(arguments))} after "
                        "theta; pass these in this order.")


def require_small(name, story, objective):
    """ValueError for a net whose numbers nobody would look at."""
    P, size = objective.net.layout.size, np.prod(objective.output_shape)
    if story.size == "dense" and P > DENSE:
        raise ValueError(f"explaining {name} forms matrices of P = {P} squared, more than {DENSE}; "
                         "take a net with fewer units: its formulas are the same.")
    if story.size == "kernel" and size > DENSE:
        raise ValueError(f"explaining {name} forms a kernel of {size} outputs squared, more than "
                         f"{DENSE}; take fewer examples, as objective.batch(slice(7)).")
    if story.size and P * size > NUMBERS:
        raise ValueError(f"explaining {name} forms a Jacobian of {size} outputs by P = {P}, more "
                         f"than {NUMBERS} numbers; take fewer examples, as objective.batch("
                         "slice(7)), or fewer units.")


def difference(derived, ours):
    """The largest |derived - ours| over the largest |ours|, array by array; inf for shapes."""
    if [np.shape(a) for a in derived] != [a.shape for a in ours]:
        return np.inf
    return float(max(np.abs(a - b).max() / (np.abs(b).max() or 1) for a, b in zip(derived, ours)))


def compared(name, story, apart, allowed):
    """The last step."""
    return step(r"\max |\text{steps} - \text{package}| / \max |\text{package}|",
                f"What these steps lead to, beside what {story.function.__qualname__} computes by "
                f"its own code: {apart:.0e} of the largest entry apart, and {allowed:.0e} would be "
                "put down to rounding.", apart, story.function)


def where(objective):
    """The net, its matrices, and the objective's conventions."""
    shapes = ", ".join(f"W_{l} {shape_text(shape)}"
                       for l, shape in enumerate(objective.net.layout.shapes, 1))
    return (f"{objective.net}: {shapes}; P = {objective.net.layout.size}. {objective.loss}, "
            f"N = {objective.N} examples, R = {number(objective.R)} ({objective.reduction})"
            + (f", l2 = {number(objective.l2)}" if objective.l2 else "") + ".")
