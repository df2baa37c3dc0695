"""The outermost eigenvalues of the Hessian, by all of the matrix and by products alone."""

import numpy as np

from ..curvature.eigenpairs import extreme_eigenpairs
from ..curvature.hessian import hessian
from ..curvature.spectrum import eigenvalues

EACH = 3                              # eigenvalues at each end


def outermost(objective, theta, seed):
    """Of all eigenvalues, by LAPACK, of the assembled matrix; nothing is drawn."""
    values = eigenvalues(hessian(objective, theta))
    return np.concatenate([values[:EACH], values[-EACH:]])


def outermost_by_products(objective, theta, seed):
    """By Lanczos' method, of Hessian-vector products by the complex step."""
    H = hessian(objective, theta, route="complex step")
    return extreme_eigenpairs(H, EACH, np.random.default_rng(seed), "both").values
