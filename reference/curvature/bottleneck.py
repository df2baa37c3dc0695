"""Rows of the Hessian for a layer whose changes pass through few numbers further on.

A change of W_l that arrives as R{x} at some x of the network does there what any change of x does,
and besides bends on its way. So perturbations need not run back to W_l: neither past the next
matrix (`by_own_block`), nor, where a Dense layer with few outputs follows, be more than those
outputs (`by_bottleneck`).
"""

import numpy as np

from ..arrays.dual import Dual
from ..derivatives.directions import AT_ONCE
from .contractions import contract, dual_matrices, pair, slope_and_bend, tangent

IN_CACHE = 2 ** 19                    # numbers in the pre-activations of all directions at a time


def by_own_block(at, i, stop):
    """The same rows; the layer's own block from what reaches the layer after `stop`:

    sum_n R_w{x} R_v{dx}, and what the elementwise layers between bend.
    """
    layer, Ws, (x, y) = at.layers[i], at.Ws[i], at.traces[i]
    size = Ws[0].size
    rows = np.empty((size, at.width(i)), y.dtype)
    Rx, Rdx = np.empty((2, size) + at.traces[stop][-1].shape, y.dtype)
    step = directions_in_cache(at, i)
    for k in range(0, size, step):
        E = np.eye(size, dtype=y.dtype)[k:k + step]
        out = layer.trace(dual_matrices(Ws, E), x)[-1]
        for between in at.layers[i + 1:stop + 1]:
            out = between.trace([], out)[-1]
        dx, later = at.tail(stop, out)
        Rx[k:k + step], Rdx[k:k + step] = (tangent(a, len(E)) for a in (out, dx))
        start = size
        for use in later:
            dW = tangent(use.total(), len(E)).reshape(len(E), -1)
            rows[k:k + step, start:start + dW.shape[1]] = dW
            start += dW.shape[1]
    rows[:, :size] = Rx.reshape(size, -1) @ Rdx.reshape(size, -1).T + _bent(at, i, stop)
    return rows


def directions_in_cache(at, i):
    """How many perturbations of layer i's output are made at a time."""
    return max(4, min(AT_ONCE, IN_CACHE // at.traces[i][-1].size))


def by_bottleneck(at, i):
    """The same rows, from perturbations of the first Dense layer's few pre-activations s_c.

    With Q = ds_c/dW_i (N, O_c, |W_i|) per example, a change of W_i is a change of s_c by Q, but for
    what s_c = V x, x = f(W_i p), bends itself: the slope of the slope, and the product V x.
    """
    layer, [W], (x, y), c = at.layers[i], at.Ws[i], at.traces[i], at.cut
    [Wc], (xc, yc) = at.Ws[c], at.traces[c]
    unit = np.broadcast_to(np.eye(len(Wc), dtype=y.dtype)[:, None], (len(Wc),) + yc.shape)
    _, dx = at.layers[c].pull([Wc], at.traces[c], unit)
    for between, trace in zip(at.layers[c - 1:i:-1], at.traces[c - 1:i:-1]):
        _, dx = between.pull([], trace, dx)
    Q = np.swapaxes(layer.use(W, x, y, dx).each(), 0, 1).reshape(len(x), len(Wc), -1)
    dy, later = at.tail(c, Dual(yc, unit))
    SQ = np.swapaxes(tangent(dy, len(Wc)), 0, 1) @ Q
    own = Q.reshape(-1, W.size).T @ SQ.reshape(-1, W.size) + _bent(at, i, c - 1)
    if at.own:
        return own
    first = contract(Q, at.layers[c].use(Wc, xc, yc, dy), (len(Wc), 1))[0]
    first = first + _product(at, i).reshape(first.shape)
    return np.concatenate([own, first] + [contract(Q, use, (len(Wc), 1))[0] for use in later],
                          axis=1)


def _bent(at, i, stop):
    """sum_nt bend[n,t,o] p[n,t,j] p[n,t,q] (O I, O I), nothing between different o."""
    layer, [W], (x, y) = at.layers[i], at.Ws[i], at.traces[i]
    _, bend = slope_and_bend(at.layers[i + 1:stop + 1], y, at.backward[1][stop])
    p, g = pair(layer.use(W, x, y, bend))                                   # (N, T, I), (N, T, O)
    O, I = W.shape
    block = np.zeros((O, I, O, I), y.dtype)
    p = p.reshape(-1, I)
    for o, weights in enumerate(g.reshape(-1, O).T):
        block[o, :, o] = (p * weights[:, None]).T @ p
    return block.reshape(W.size, W.size)


def _product(at, i):
    """sum_n g_c[n,k] dp_c[n,q]/dW_i[o,j] (O, J, O_c, I_c), where x_c[q] is f(s) at one (t, o)."""
    layer, [W], (x, y), c = at.layers[i], at.Ws[i], at.traces[i], at.cut
    slope, _ = slope_and_bend(at.layers[i + 1:c], y, at.backward[1][c - 1])
    p, slope = pair(layer.use(W, x, y, slope))
    entry = pair(layer.use(W, x, y, np.arange(y[0].size).reshape((1,) + y.shape[1:])))[1][0]
    g = at.backward[1][c]                                                       # (N, O_c)
    products = np.moveaxis(slope, 0, 1)[..., None] * g[:, None, :]              # (T, N, O, O_c)
    (_, T, J), O, K = p.shape, len(W), g.shape[1]
    sums = np.swapaxes(np.moveaxis(p, 0, 1), -1, -2) @ products.reshape(T, len(p), O * K)
    found = np.zeros((O, J, K, at.Ws[c][0].shape[1]), y.dtype)
    for o in range(O):
        found[o, :, :, entry[:, o]] = sums.reshape(T, J, O, K)[:, :, o]
    return found
