"""Assertions for test suites: an AssertionError whose text is the report of `check`.

    assert_gradient(theirs, objective, theta)      and one for every quantity that can be checked
    oracle_case(name)                              a designed point, objective and theta

pytest finds the fixture `oracle_case` by itself; nothing is imported before a test asks for it.
"""

from .assertions import (assert_agrees, assert_ekfac, assert_fisher, assert_ggn,
                         assert_ggn_diagonal, assert_ggn_product, assert_gradient, assert_hessian,
                         assert_hessian_diagonal, assert_hvp, assert_jacobian, assert_jvp,
                         assert_kfac, assert_kfac_inverse, assert_per_example_gradients,
                         assert_step, assert_trajectory, assert_value, assert_vjp)
from .case import oracle_case

__all__ = ["assert_agrees", "assert_ekfac", "assert_fisher", "assert_ggn", "assert_ggn_diagonal",
           "assert_ggn_product", "assert_gradient", "assert_hessian", "assert_hessian_diagonal",
           "assert_hvp", "assert_jacobian", "assert_jvp", "assert_kfac", "assert_kfac_inverse",
           "assert_per_example_gradients", "assert_step", "assert_trajectory", "assert_value",
           "assert_vjp", "oracle_case"]
