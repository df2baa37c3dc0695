"""Rows of the Hessian for a layer whose changes pass through few numbers further on.

A change of W_l that arrives as R{x} at some x of the network does there what any change of x does,
and besides bends on its way. So perturbations need not run back to W_l: neither past the next
matrix (`by_own_block`), nor, where a Dense layer with few outputs follows, be more than those
outputs (`by_bottleneck`).
"""

import numpy as np

from ..arrays.dual import Dual
from ..arrays.namespace import library
from ..derivatives.directions import AT_ONCE
from . import assembly
from .contractions import contract, dual_matrices, pair, slope_and_bend, tangent

IN_CACHE = 2 ** 19                    # numbers in the pre-activations of all directions at a time


def by_own_block(at, i, stop):
    """The same rows; the layer's own block from what reaches the layer after `stop`:

    sum_n R_w{x} R_v{dx}, and what the elementwise layers between bend.
    """
    size, x = at.Ws[i][0].size, at.traces[stop][-1]
    rows = library(x).empty((size, at.width(i)), x.dtype)
    Rx, Rdx = library(x).empty((2, size) + x.shape, x.dtype)
    for k, out, dx, later in _arriving(at, i, stop):
        Rx[k], Rdx[k], start = out, dx, size
        for use in later:
            dW = tangent(use.total(), len(out)).reshape(len(out), -1)
            rows[k, start:start + dW.shape[1]] = dW
            start += dW.shape[1]
    rows[:, :size] = Rx.reshape(size, -1) @ Rdx.reshape(size, -1).T + _bent(at, i, stop)
    return rows


def diagonal_of_own_block(at, i, stop):
    """sum_n R_w{x} R_w{dx}, and what is bent between: the diagonal (O I,) alone."""
    own = [(Rx * Rdx).reshape(len(Rx), -1).sum(1) for _, Rx, Rdx, _ in _arriving(at, i, stop)]
    return np.concatenate(own) + _bent_diagonal(at, i, stop)


def _arriving(at, i, stop):
    """Yields (k, R{x}, R{dx}, uses after it), x what leaves `stop`, along the weights k of i."""
    layer, Ws, x = at.layers[i], at.Ws[i], at.traces[i][0]
    size, step = Ws[0].size, directions_in_cache(at, i)
    for k in range(0, size, step):
        E = library(at.z).eye(size, dtype=at.z.dtype)[k:k + step]
        out = layer.trace(dual_matrices(Ws, E), x)[-1]
        for between in at.layers[i + 1:stop + 1]:
            out = between.trace([], out)[-1]
        dx, later = at.tail(stop, out)
        yield slice(k, k + len(E)), tangent(out, len(E)), tangent(dx, len(E)), later


def directions_in_cache(at, i):
    """How many perturbations of layer i's output are made at a time."""
    return max(4, min(AT_ONCE, assembly.at_once(at.z, IN_CACHE) // at.traces[i][-1].size))


def by_bottleneck(at, i):
    """The same rows, from perturbations of the first Dense layer's few pre-activations s_c.

    With Q = ds_c/dW_i (N, O_c, |W_i|) per example, a change of W_i is a change of s_c by Q, but for
    what s_c = V x, x = f(W_i p), bends itself: the slope of the slope, and the product V x.
    """
    Q, SQ, dy, later = _through(at, i)
    size, c = Q.shape[-1], at.cut
    own = Q.reshape(-1, size).T @ SQ.reshape(-1, size) + _bent(at, i, c - 1)
    if at.own:
        return own
    [Wc], (xc, yc) = at.Ws[c], at.traces[c]
    first = contract(Q, at.layers[c].use(Wc, xc, yc, dy), (len(Wc), 1))[0]
    first = first + _product(at, i).reshape(first.shape)
    return np.concatenate([own, first] + [contract(Q, use, (len(Wc), 1))[0] for use in later],
                          axis=1)


def diagonal_by_bottleneck(at, i):
    """sum_n Q^T S Q, and what is bent before: the diagonal (O I,) alone."""
    Q, SQ, _, _ = _through(at, i)
    return np.einsum("nks,nks->s", Q, SQ) + _bent_diagonal(at, i, at.cut - 1)


def _through(at, i):
    """Q = ds_c/dW_i and S Q (N, O_c, |W_i|), S = d^2 L/ds_c^2; R{dy} of layer c, uses after it."""
    layer, [W], (x, y), c = at.layers[i], at.Ws[i], at.traces[i], at.cut
    [Wc], yc = at.Ws[c], at.traces[c][-1]
    unit = np.broadcast_to(library(y).eye(len(Wc), dtype=y.dtype)[:, None], (len(Wc),) + yc.shape)
    _, dx = at.layers[c].pull([Wc], at.traces[c], unit)
    for between, trace in zip(at.layers[c - 1:i:-1], at.traces[c - 1:i:-1]):
        _, dx = between.pull([], trace, dx)
    Q = np.swapaxes(layer.use(W, x, y, dx).each(), 0, 1).reshape(len(x), len(Wc), -1)
    dy, later = at.tail(c, Dual(yc, unit))
    return Q, np.swapaxes(tangent(dy, len(Wc)), 0, 1) @ Q, dy, later


def _bent(at, i, stop):
    """sum_nt bend[n,t,o] p[n,t,j] p[n,t,q] (O I, O I), nothing between different o."""
    p, bends = _bends(at, i, stop)
    O, I = bends.shape[1], p.shape[1]
    block = library(p).zeros((O, I, O, I), p.dtype)
    for o, weights in enumerate(bends.T):
        block[o, :, o] = (p * weights[:, None]).T @ p
    return block.reshape(O * I, O * I)


def _bent_diagonal(at, i, stop):
    p, bends = _bends(at, i, stop)
    return (bends.T @ (p * p)).reshape(-1)


def _bends(at, i, stop):
    """p (N T, I) of layer i, and what elementwise layers up to `stop` bend at s = W p (N T, O)."""
    layer, [W], (x, y) = at.layers[i], at.Ws[i], at.traces[i]
    _, bend = slope_and_bend(at.layers[i + 1:stop + 1], y, at.backward[1][stop])
    p, g = pair(layer.use(W, x, y, bend))
    return p.reshape(-1, p.shape[-1]), g.reshape(-1, g.shape[-1])


def _product(at, i):
    """sum_n g_c[n,k] dp_c[n,q]/dW_i[o,j] (O, J, O_c, I_c), where x_c[q] is f(s) at one (t, o)."""
    layer, [W], (x, y), c = at.layers[i], at.Ws[i], at.traces[i], at.cut
    slope, _ = slope_and_bend(at.layers[i + 1:c], y, at.backward[1][c - 1])
    p, slope = pair(layer.use(W, x, y, slope))
    entry = pair(layer.use(W, x, y, library(y).arange(y[0].size).reshape((1,) + y.shape[1:])))[1][0]
    g = at.backward[1][c]                                                       # (N, O_c)
    products = np.moveaxis(slope, 0, 1)[..., None] * g[:, None, :]              # (T, N, O, O_c)
    (_, T, J), O, K = p.shape, len(W), g.shape[1]
    sums = np.swapaxes(np.moveaxis(p, 0, 1), -1, -2) @ products.reshape(T, len(p), O * K)
    found = library(y).zeros((O, J, K, at.Ws[c][0].shape[1]), y.dtype)
    for o in range(O):
        found[o, :, :, entry[:, o]] = sums.reshape(T, J, O, K)[:, :, o]
    return found
