"""The diagonal of a curvature matrix, without the matrix.

    sum_n p_j^2 S_ii            of a Dense layer in the chain that ends a network, by the recursion
                                for its pre-activation curvature S;
    sum_nmm' J_m S_mm' J_m'     of other layers, for J^T S J, some examples at a time;
    sum_n Q^T S Q, R{x} R{dx}   of other layers, for the Hessian, where their changes pass through
                                few numbers further on (`bottleneck`); else that of their block.
"""

import numpy as np

from .operator import Symmetric, on_units, require_operator


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
    if isinstance(operator, Symmetric) and operator.entries is not None:
        return operator.entries()
    if isinstance(operator, Symmetric) and operator.diagonal is not None:
        return np.concatenate([np.diagonal(block) for block in operator.diagonal()])
    places = np.arange(operator.shape[0])
    return np.concatenate([np.diagonal(found[k]) for k, found in on_units(operator, places)])
