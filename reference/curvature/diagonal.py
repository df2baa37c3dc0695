"""The diagonal of a curvature matrix, without the matrix.

    sum_n p_j^2 S_ii         at a Dense layer of the chain that ends a network, S the recursion's;
    sum_nmm' J_m S_mm' J_m'  for J^T S J of other layers, some examples at a time;
    that of its own block    for the Hessian of other layers.
"""

import numpy as np

from .operator import SymmetricOperator, on_units, require_operator


def diagonal(operator):
    """The diagonal (P,) of any symmetric operator: exact, and fast where the operator knows how.

    Parameters
    ----------
    operator : LinearOperator
        `hessian`, `gauss_newton`, `fisher` and so on; anything else by P products.

    Returns
    -------
    array (P,)
        Of a Hessian with the weight decay.
    """
    require_operator(operator)
    if isinstance(operator, SymmetricOperator) and operator.entries is not None:
        return operator.entries()
    if isinstance(operator, SymmetricOperator) and operator.diagonal is not None:
        return np.concatenate([np.diagonal(block) for block in operator.diagonal()])
    places = np.arange(operator.shape[0])
    return np.concatenate([np.diagonal(found[k]) for k, found in on_units(operator, places)])
