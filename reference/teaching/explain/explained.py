"""explain: a quantity of a net, derived step by step in numbers, beside the package's own."""

import numpy as np

from ...arrays.checks import require_finite, require_float, require_shape, require_theta, shown
from ...arrays.precision import eps
from .board import Board, fresh
from .numbers import number, shape_text
from .step import Explanation, step
from .stories import STORIES

DENSE = 2000                           # parameters of a matrix (P, P): seconds, and 32 MB
NUMBERS = 2 ** 24                      # entries of a Jacobian (N, M, P), or of (N, M, M): 128 MB
MOST = 1e-2                            # whatever the condition of differences and inverses
ROUNDING = 1e4                         # eps: measured are some 10, more where inverses are made


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
        For arguments that are missing or too many, or not plain floats of theta's precision.
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
    require_plain(story, objective, theta, arguments)
    require_small(name, story, objective)
    copied = {key: fresh(each) for key, each in options.items()}
    ours = [np.asarray(a) for a in story.ours(objective, theta, *arguments, **options)]
    steps, derived, *condition = story.tell(Board(objective, theta), *arguments, **copied)
    require_told(name, steps, ours)
    apart = difference(derived, ours)
    allowed = min(ROUNDING * eps(ours[0].dtype) * max(condition, default=1), MOST)
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


def require_plain(story, objective, theta, arguments):
    """Error unless theta, v and u hold real floats, of one precision; one v or u, and finite."""
    require_float("theta", theta, "f")
    shapes = {"v": theta.shape, "u": objective.output_shape}
    for name, a in zip(story.arguments, arguments):
        if name in shapes:
            require_float(name, a, "f")
            require_shape(name, a.shape, shapes[name], "its explanation")
            require_finite(name, a)
            if a.dtype != theta.dtype:
                raise TypeError(f"{name} is {a.dtype} and theta {theta.dtype}; write "
                                f"{name}.astype(theta.dtype).")


def require_small(name, story, objective):
    """ValueError for a net whose numbers nobody would look at."""
    P, size = objective.net.layout.size, np.prod(objective.output_shape)
    M = size // objective.N
    if size * M > NUMBERS:
        raise ValueError(f"explaining {name} goes through the {M} outputs of an example one by "
                         f"one, {size * M} numbers, more than {NUMBERS}; take a net with fewer "
                         "outputs, or fewer examples.")
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


def require_told(name, steps, ours):
    """ValueError where a number overflows on the way: nan would be neither right nor wrong."""
    values = [(each.text, each.value) for each in steps]
    for what, value in values + [(f"the package's {name}", a) for a in ours]:
        if not np.isfinite(value).all():
            raise ValueError(f"explaining {name} overflows: {what} is not finite here; take a "
                             "smaller theta, or smaller data.")


def difference(derived, ours):
    """The largest |derived - ours| over the largest |ours|, array by array; inf for shapes."""
    if [np.shape(a) for a in derived] != [a.shape for a in ours]:
        return np.inf
    return float(max(np.abs(a - b).max() / (np.abs(b).max() or 1) for a, b in zip(derived, ours)))


def compared(name, story, apart, allowed):
    """The last step."""
    return step(r"\max |\mathrm{steps} - \mathrm{package}| / \max |\mathrm{package}|",
                f"What these steps lead to, beside what {story.function.__qualname__} computes by "
                f"its own code: {apart:.0e} of the largest entry apart, and {allowed:.0e} would be "
                "put down to rounding.", apart, story.function)


def where(objective):
    """The net, its matrices, and the objective's conventions."""
    shapes = ", ".join(f"W_{l} {shape_text(shape)}"
                       for l, shape in enumerate(objective.net.layout.shapes, 1))
    loss = objective.loss
    given = loss.name if {*map(str, loss.parameters)} <= {"None", "0.0"} else loss
    return (f"{objective.net}: {shapes}; P = {objective.net.layout.size}. {given}, "
            f"N = {objective.N} examples, R = {number(objective.R)} ({objective.reduction})"
            + (f", l2 = {number(objective.l2)}" if objective.l2 else "") + ".")
