"""Parts of the matrix that `assembly` makes whole: blocks of one column, and the diagonal.

    H_lm[(i,j),(k,q)] = sum_n p_l[j] (S_lm[i,k] p_m[q] + D_lm[i,q] g_m[k]),      l <= m,
    H_ll[(i,j),(i,j)] = sum_n p_l[j]^2 S_ll[i,i],

by the recursions of `assembly`, from the end of the chain down to the part that is wanted:

    S_lm = diag(f'_l) V_{l+1}^T S_{l+1,m},   the same for D_lm,   D_{m-1,m} = diag(f'_{m-1}).

The second term is absent for l = m, and from Gauss-Newton matrices.
"""

import numpy as np

from ..arrays.namespace import library
from . import assembly
from .sums import summed

PRODUCTS = 2 ** 20                    # products of patches that are made at a time


def assemble_column(Ws, ps, slopes, bends, gs, S, bias, m, rows):
    """[H_lm (O_l I_l, O_m I_m) for l in rows], for l <= m; the arguments of `assembly.assemble`."""
    return summed(_column(*batch, bias, m, rows) for batch in
                  assembly.in_batches(Ws, ps, slopes, bends, gs, S))


def assemble_diagonal(Ws, ps, slopes, bends, S, bias):
    """The L diagonals (O_l I_l,) of `assembly.assemble`."""
    return summed(_diagonals(*batch, bias) for batch in
                  assembly.in_batches(Ws, ps, slopes, bends, None, S))


# ---- one batch of samples ----

def _diagonals(Ws, ps, slopes, bends, gs, S, bias):
    Ss = assembly.pre_activation_curvature(Ws, slopes, bends, S, bias)
    return [(np.einsum("nii->in", S) @ (p * p)).reshape(-1) for S, p in zip(Ss, ps)]


def _column(Ws, ps, slopes, bends, gs, S, bias, m, rows):
    above = None if bends is None else bends[m:]
    S = assembly.pre_activation_curvature(Ws[m:], slopes[m:], above, S, bias[m:])[0]
    D, found = None, {}
    if m in rows:
        [found[m]] = assembly.assemble_blocks(Ws[m:m + 1], ps[m:m + 1], [], None, S, bias[m:m + 1])
    S = library(S).ascontiguousarray(np.moveaxis(S, 0, -1))
    for l in range(m - 1, min(rows) - 1, -1):
        S = _pulled(Ws[l + 1], slopes[l], S)
        if gs is not None:
            D = library(S).eye(len(Ws[l]), dtype=S.dtype)[..., None] * slopes[l].T if D is None \
                else _pulled(Ws[l + 1], slopes[l], D)
        if l in rows:
            found[l] = _block(S, D, ps[l].T, ps[m].T, None if gs is None else gs[m].T)
    return [found[l] for l in rows]


def _pulled(W, slope, X):
    """diag(f') V^T X (O, K, N) from X (O', K, N); slope (N, O), and V is W without its bias."""
    V = W[:, :slope.shape[1]]
    X = (V.T @ X.reshape(len(X), -1)).reshape(-1, *X.shape[1:])
    return slope.T[:, None] * X


def _block(S, D, a, b, g):
    """sum_n a[j] (S[i,k] b[q] + D[i,q] g[k]) (O_l I_l, O_m I_m), for some j at a time."""
    (O, K, N), J, Q = S.shape, len(a), len(b)
    H = library(S).empty((O, J, K, Q), S.dtype)
    S, step = S.reshape(-1, N), max(1, assembly.at_once(S, PRODUCTS) // (N * max(K, Q)))
    for j in range(0, J, step):
        some = a[j:j + step, None]
        B = (S @ (some * b).reshape(-1, N).T).reshape(O, K, -1, Q)
        H[:, j:j + step] = B.transpose(0, 2, 1, 3)
        if D is not None:                                    # D knows no constant 1 at the end
            B = (D.reshape(-1, N) @ (some * g).reshape(-1, N).T).reshape(O, D.shape[1], -1, K)
            H[:, j:j + step, :, :D.shape[1]] += B.transpose(0, 2, 3, 1)
    return H.reshape(O * J, K * Q)
