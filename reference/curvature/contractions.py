"""Sums over examples and places of what a perturbation does to the gradient of each weight."""

import numpy as np

from ..arrays import functions as F
from ..arrays.dual import Dual
from ..arrays.namespace import library
from ..derivatives import dual
from ..network.patches import Patches
from ..network.direction import Steps
from ..network.uses import Use

MIRRORED = 512                        # rows that are mirrored at a time


def pair(use):
    """p (N, T, I) and g (..., N, T, O), None where there is no one pair for all rows of W."""
    if not isinstance(use, (Use, Patches, Steps)):
        return None
    pairs = use.pairs()
    return pairs[0] if len(pairs) == 1 else None


def tangent(a, K):
    """R{a} (K, ...) of a dual array; zeros for one that depends on no direction."""
    return a.du if isinstance(a, Dual) else library(a).zeros((K,) + a.shape, a.dtype)


def dual_matrices(Ws, E):
    """The matrices as dual numbers, with the rows of E (K, sum O I) as directions."""
    cuts = np.cumsum([W.size for W in Ws])[:-1].tolist()
    return [Dual(W, d.reshape((len(E),) + W.shape))
            for W, d in zip(Ws, np.split(E, cuts, axis=1))]


def contract(p, use, shape):
    """sum_nt p[n,t,j] R_tk{dW of example n} (k, J, O I), for directions (t, k) of that shape."""
    K, both = shape[0] * shape[1], pair(use)
    if both is None:
        dW = tangent(use.each(), K)
        dW = dW.reshape(shape + (len(p), -1))
        return np.einsum("ntj,tknw->kjw", p, dW, optimize=True)
    q, g = (a.re if isinstance(a, Dual) else a for a in both)
    rows = _sandwich(p, tangent(both[1], K), q, shape)                              # (k, J, O, I)
    if isinstance(both[0], Dual):
        rows += np.swapaxes(_sandwich(p, both[0].du, g, shape), -1, -2)
    return rows.reshape(rows.shape[:2] + (-1,))


def _sandwich(p, X, b, shape):
    """sum_ntu p[n,t,j] X[(t,k),n,u,a] b[n,u,b] (k, J, A, B)."""
    (T, k), (_, N, U, A) = shape, X.shape
    X = np.moveaxis(X.reshape(T, k, N, U, A), 2, 0).reshape(N, T, -1)
    pX = (np.swapaxes(p, -1, -2) @ X).reshape(N, -1, k, U, A)
    rows = library(X).ascontiguousarray(pX.transpose(2, 1, 4, 0, 3)).reshape(-1, N * U)
    return (rows @ b.reshape(N * U, -1)).reshape(k, -1, A, b.shape[-1])


def slope_and_bend(run, s, dx):
    """f'(s) and f''(s) dx of layers without weights: elementwise ones, then linear ones.

    The slope is that of elementwise layers alone.
    """
    def pull(s, dx):
        xs = [s]
        for layer in run:
            xs.append(layer.forward(None, xs[-1]))
        for layer, x, y in zip(reversed(run), xs[-2::-1], xs[:0:-1]):
            dx = layer.vjp(None, x, y, dx)[1]
        return dx
    return pull(s, F.ones_like(dx)), dual.derivative(lambda t: pull(t, dx), s, F.ones_like(s))


def mirrored(square):
    """The symmetric matrix of which `square` is the upper triangle."""
    whole, size = np.triu(square), len(square)
    for a in range(0, size, MIRRORED):
        b = min(a + MIRRORED, size)
        whole[a:b, a:b] += np.triu(whole[a:b, a:b], 1).T
        whole[b:, a:b] = whole[a:b, b:].T
    return whole
