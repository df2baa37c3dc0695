"""Rows of J^T S J for the parameters before the chain, with J_m = V_m (x) p_m kept as factors for
the chain's own.
"""

import numpy as np

from ..derivatives.jacobian import unit_cotangents

TILE = 256                            # columns of J^T S J at a time: only upper tiles are formed
ROOM = 2 ** 25                        # numbers in all Jacobians held at a time


def gauss_newton_rows(at, S):
    """J_b^T S J (B, P) for the parameters b before the cut, S (N, M, M) of an example's outputs.

    Only the tiles on and above the diagonal are formed; some examples at a time.
    """
    size, rows = max(1, ROOM // (S.shape[-1] * at.starts[-1])), 0
    if size >= len(S):
        return _rows_of_batch(at, S)
    for n in range(0, len(S), size):
        index = slice(n, n + size)
        rows = rows + _rows_of_batch(at.batch(index), S[index])
    return rows


def _rows_of_batch(at, S):
    uses, _ = at.pulled(unit_cotangents(at.z))
    body = [use.each() for here in uses[:at.cut] for use in here]
    J = np.concatenate([dW.reshape(dW.shape[:2] + (-1,)) for dW in body], axis=-1)      # (M, N, B)
    SJ = np.ascontiguousarray(np.swapaxes(S @ np.swapaxes(J, 0, 1), 0, 1))
    B = J.shape[-1]
    rows = np.zeros((B, at.starts[-1]), J.dtype)
    for k in range(0, B, TILE):
        left = J[..., k:k + TILE].reshape(-1, min(TILE, B - k))
        np.matmul(left.T, SJ[..., k:].reshape(left.shape[0], -1), out=rows[k:k + TILE, k:B])
    end = B
    for use in [use for here in uses[at.cut:] for use in here]:
        O, I = use.g.shape[-1], use.p.shape[-1]
        rows[:, end:end + O * I] = _beside_chain(SJ, use.g[..., 0, :], use.p[..., 0, :])
        end += O * I
    return rows


def _beside_chain(SJ, V, p):
    """sum_n (sum_m SJ[m,n,b] V[m,n,o]) p[n,i] (B, O I)."""
    Y = np.moveaxis(SJ, 0, -1) @ np.swapaxes(V, 0, 1)                               # (N, B, O)
    return (np.moveaxis(Y, 0, -1).reshape(-1, len(p)) @ p).reshape(Y.shape[1], -1)
