"""One assertion for every quantity: `check`, and its report as the text of the failure."""

from ..oracle.judge.subjects import subject_of
from ..oracle.judge.verdict import check


def assert_agrees(theirs, quantity, objective, theta, *arguments, **options):
    """Passes if theirs agrees with ours, in the conventions that are stated.

    Parameters
    ----------
    theirs, quantity, objective, theta, *arguments
        As in `check`.
    **options
        dtype, allow, convention, and the quantity's own, as in `check`.

    Returns
    -------
    Report
        Of a pass: its distance, its tolerance, and what the point would hide.

    Raises
    ------
    AssertionError
        Whose text is the report: where theirs is off, and why.  Not offered is no pass.
    ValueError, TypeError
        For a quantity or arguments that cannot be checked.

    Examples
    --------
    >>> import numpy as np, reference as ref
    >>> objective, theta = ref.test_point("dense", np.random.default_rng(0))
    >>> def mine(objective, theta):
    ...     return objective.grad(theta) / objective.N
    >>> ref.testing.assert_gradient(mine, objective, theta)      # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: gradient: agrees after a convention
    ...
      convention ours x 1/N (residual ...
    >>> ref.testing.assert_gradient(mine, objective, theta, allow=("1/N",)).passed
    True
    """
    __tracebackhide__ = True                       # the failure is shown where the test calls
    report = check(theirs, quantity, objective, theta, *arguments, **options)
    if not report.passed:
        raise AssertionError(str(report))
    return report


def _asserting(name, quantity):
    """assert_agrees for one quantity."""
    def asserts(theirs, objective, theta, *arguments, **options):
        __tracebackhide__ = True
        return assert_agrees(theirs, quantity, objective, theta, *arguments, **options)
    subject = subject_of(quantity)
    given = ", ".join(("objective", "theta", *subject.arguments))
    asserts.__name__ = asserts.__qualname__ = name
    asserts.__doc__ = (f"assert_agrees for {subject.title}: {name}(theirs, {given}, **options)."
                       "\n\n    Raises\n    ------\n    AssertionError\n"
                       "        Whose text is the report.\n    ")
    return asserts


QUANTITIES = {
    "assert_value": "value", "assert_gradient": "gradient",
    "assert_per_example_gradients": "per_example_gradients", "assert_jacobian": "jacobian",
    "assert_jvp": "jvp", "assert_vjp": "vjp", "assert_hvp": "hvp", "assert_hessian": "hessian",
    "assert_hessian_diagonal": "hessian_diagonal", "assert_ggn": "gauss_newton",
    "assert_ggn_product": "ggnvp", "assert_ggn_diagonal": "gauss_newton_diagonal",
    "assert_kfac": "kfac", "assert_kfac_inverse": "kfac_inverse", "assert_ekfac": "ekfac",
    "assert_step": "step", "assert_trajectory": "trajectory",
}
(assert_value, assert_gradient, assert_per_example_gradients, assert_jacobian, assert_jvp,
 assert_vjp, assert_hvp, assert_hessian, assert_hessian_diagonal, assert_ggn, assert_ggn_product,
 assert_ggn_diagonal, assert_kfac, assert_kfac_inverse, assert_ekfac, assert_step,
 assert_trajectory) = (_asserting(*entry) for entry in QUANTITIES.items())

KINDS = {"type-2": "fisher_type2", "mc": "fisher_mc", "empirical": "fisher_empirical"}


def assert_fisher(theirs, objective, theta, *arguments, kind="type-2", **options):
    """assert_agrees for a Fisher matrix: of kind "type-2", "empirical", or "mc" with a seed.

    Raises
    ------
    AssertionError
        Whose text is the report.
    ValueError
        For another kind.
    """
    __tracebackhide__ = True
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    return assert_agrees(theirs, KINDS[kind], objective, theta, *arguments, **options)
