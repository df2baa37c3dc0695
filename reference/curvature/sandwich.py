"""J^T S J for the parameters before the chain: rows, diagonal blocks, the diagonal.

J_m = V_m (x) p_m is kept as factors for the chain's own parameters.
"""

import numpy as np

from ..arrays.linalg import multiply
from ..arrays.namespace import library
from ..derivatives.jacobian import unit_cotangents
from ..network.uses import Use
from .contractions import mirrored
from .sums import summed

TILE = 256                            # columns of J^T S J at a time: only upper tiles are formed
ROOM = 2 ** 25                        # numbers in all Jacobians held at a time


def gauss_newton_rows(at, S, first=0, last=None):
    """J_b^T S J (B, ...) for the parameters b of the layers first, ..., last - 1 before the cut.

    Columns from the first layer's on, and up to the last one's where `at.own`; S (N, M, M) of an
    example's outputs.  Only the tiles on and above the diagonal are formed; some examples at a
    time.
    """
    last = at.cut if last is None else last
    return _over_batches(lambda at, S: [_rows_of_batch(at, S, first, last)], at, S)[0]


def gauss_newton_blocks(at, S):
    """The diagonal blocks of all matrices before the cut."""
    return [mirrored(block) for block in _over_batches(_blocks_of_batch, at, S)]


def gauss_newton_diagonal(at, S):
    """The diagonal entries (O I,) of all matrices before the cut."""
    return _over_batches(_diagonals_of_batch, at, S)


def _over_batches(parts, at, S):
    """The list of arrays, summed over batches of examples whose Jacobians find room."""
    size = max(1, ROOM // (S.shape[-1] * at.starts[-1]))
    if size >= len(S):
        return parts(at, S)
    batches = [slice(n, n + size) for n in range(0, len(S), size)]
    return summed(parts(at.batch(index), S[index]) for index in batches)


def _uses(at):
    """(layer, use) of every matrix, for the unit cotangents of an example's outputs."""
    uses, _ = at.pulled(unit_cotangents(at.z))
    return [(i, use) for i, here in enumerate(uses) for use in here]


def _jacobian(use):
    """dz/dW (M, N, O I)."""
    dW = use.each()
    return dW.reshape(dW.shape[:2] + (-1,))


def _times(S, J):
    """S J (M, N, ...)."""
    return library(J).ascontiguousarray(np.swapaxes(S @ np.swapaxes(J, 0, 1), 0, 1))


def _blocks_of_batch(at, S):
    found = []
    for i, use in _uses(at):
        if i < at.cut:
            J = _jacobian(use)
            found.append(J.reshape(-1, J.shape[-1]).T @ _times(S, J).reshape(-1, J.shape[-1]))
    return found


def _diagonals_of_batch(at, S):
    return [_diagonal(use, S) for i, use in _uses(at) if i < at.cut]


def _diagonal(use, S):
    """sum_n (g^T S g)_oo p_i^2 at one place, where dz/dW[o,i] = g[o] p[i]; else from all of it."""
    if isinstance(use, Use) and use.p.shape[-2] == 1:
        g, p = use.g[..., 0, :], use.p[..., 0, :]
        return ((g * _times(S, g)).sum(0).T @ (p * p)).reshape(-1)
    J = _jacobian(use)
    return (J * _times(S, J)).sum((0, 1))


def _rows_of_batch(at, S, first, last):
    uses = [(i, use) for i, use in _uses(at) if first <= i and (i < last or not at.own)]
    J = np.concatenate([_jacobian(use) for i, use in uses if i < at.cut], axis=-1)  # (M, N, ...)
    SJ = _times(S, J)
    B, end = at.starts[last] - at.starts[first], J.shape[-1]
    rows = library(J).zeros((B, at.starts[last if at.own else -1] - at.starts[first]), J.dtype)
    for k in range(0, B, TILE):
        left = J[..., k:min(k + TILE, B)].reshape(-1, min(TILE, B - k))
        multiply(left.T, SJ[..., k:].reshape(left.shape[0], -1), rows[k:k + TILE, k:end])
    for use in [use for i, use in uses if i >= at.cut]:
        O, I = use.g.shape[-1], use.p.shape[-1]
        rows[:, end:end + O * I] = _beside_chain(SJ[..., :B], use.g[..., 0, :], use.p[..., 0, :])
        end += O * I
    return rows


def _beside_chain(SJ, V, p):
    """sum_n (sum_m SJ[m,n,b] V[m,n,o]) p[n,i] (B, O I)."""
    Y = np.moveaxis(SJ, 0, -1) @ np.swapaxes(V, 0, 1)                               # (N, B, O)
    return (np.moveaxis(Y, 0, -1).reshape(-1, len(p)) @ p).reshape(Y.shape[1], -1)
