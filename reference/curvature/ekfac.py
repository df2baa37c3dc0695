"""EKFAC: the eigenbasis of K-FAC's factors with the second moments that gradients have in it.

    F_ll ~ (Q (x) U) diag(values) (Q (x) U)^T,    G = Q diag(g) Q^T,  A = U diag(a) U^T  [GLB18]

K-FAC takes values[o, i] = g_o a_i.  With X_n = sum_t (Q^T g_nt)(U^T p_nt)^T, the gradient of
example n in that basis, EKFAC takes

    values[o, i] = (1/R) sum_n w_n E[X_n[o, i]^2] = ((Q (x) U)^T F_ll (Q (x) U))[oi, oi],

the diagonal of the exact block.  A projection on the matrices that are diagonal in one orthogonal
basis, so that |F - K-FAC|^2 = |F - EKFAC|^2 + |EKFAC - K-FAC|^2 in the Frobenius norm.
"""

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_theta
from ..arrays.precision import eps
from ..arrays.transfer import follows
from .kfac import factors, product, require_setting, statistics, weighed
from .kron import KronEigen


@follows
def ekfac(objective, theta, kind="type-2", rng=None, samples=1, setting="expand"):
    """[KronEigen(Q, U, values), ...]: K-FAC's eigenbasis, the exact block's diagonal in it [GLB18].

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    kind : "type-2", "mc", "empirical" or "ggn"
        Whose blocks, as in `kfac`.
    rng, samples
        As in `kfac`; the labels drawn for the basis serve for the values too.
    setting : "expand" or "reduce"
        Whose factors give the basis.  The values have all pairs of places in either.

    Returns
    -------
    list of KronEigen, or KronBlocks of them for matrices whose rows fall into groups
        The closest to the block of all that are diagonal in the basis, so never farther from it in
        the Frobenius norm than K-FAC, and with the block's trace.

    Raises
    ------
    TypeError
        For numbers without an eigendecomposition: longdouble, complex, balls.

    Notes
    -----
    Where G or A has an eigenvalue several times, the basis within its eigenvectors is LAPACK's
    choice, and the matrix depends on it; its trace, and that it is the closest, do not.
    """
    require_theta(objective, theta)
    require_setting(setting)
    uses, middle = statistics(objective, theta, kind, rng, samples)
    return [product([_corrected(factors(objective, p, g, middle, setting), p, g, middle)
                     for p, g in use.pairs()]) for use in uses]


def _corrected(K, p, g, middle):
    """K in its eigenbasis, with the values of the exact block; rounding counts as zero."""
    basis = K.eigen()
    values = rotated_squares(p @ basis.U, g @ basis.Q, middle)
    size = np.abs(values)
    noise = sum(K.shape) * eps(values.dtype) * size.max()
    return KronEigen(basis.Q, basis.U, np.where(size > noise, values, 0))


def rotated_squares(p, g, middle):
    """sum_n of x^T S_n x (O, I), x_c = sum_t g_cnt[o] p_nt[i], for p (N, T, I), g (M, N, T, O)."""
    if p.shape[-2] == 1:                          # x_c = g_c[o] p[i]: no matrix per example
        p, g = p[:, 0], g[:, :, 0]
        Sg = weighed(g[:, :, None], middle)[:, :, 0]
        return F.sum(Sg * g, -3).T @ (p * p)
    X = F.transpose(g) @ p                                                    # (M, N, O, I)
    return F.sum(weighed(X, middle) * X, (-4, -3))
