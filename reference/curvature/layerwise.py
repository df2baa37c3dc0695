"""Rows of the exact Hessian, layer by layer.

Each layer l before the chain of Dense layers that ends a network contributes its rows of the upper
triangle, and there are several ways to them, all dual passes through what follows:

    weights          perturb W_l itself: O I directions, and R{dW_m} for m >= l are the rows;
    own block        the same, but no further back than the next matrix: the layer's own block is
                     sum_n R_w{x} R_v{dx} at the x between, and what elementwise layers bend;
    bottleneck       perturb the pre-activations s_c of the first Dense layer after it, O_c of them,
                     since W_l acts through s_c, and Q = ds_c/dW_l is known example by example;
    pre-activations  perturb s_l: T O directions serve all entries of W_l, since s_l = W_l p_l:
                     H_lm[(i,j),(k,q)] = sum_ntu p_l[n,t,j] (R_ti{g_m}[n,u,k] p_m[n,u,q]
                                                             + R_ti{p_m}[n,u,q] g_m[n,u,k]);
    steps            the same for the cells of a recurrent layer, see `stepwise`.

Perturbing pre-activations is cheaper where a matrix is used at few places (T < I): after some
pooling a convolution has fewer positions than a patch has entries.
"""

from functools import partial

import numpy as np

from ..arrays.dual import Dual
from ..arrays.namespace import library
from ..derivatives.directions import AT_ONCE
from ..network.affine import Affine
from ..network.elementwise import Elementwise
from ..network.padding import Flatten
from . import stepwise
from .bottleneck import (by_bottleneck, by_own_block, diagonal_by_bottleneck,
                         diagonal_of_own_block)
from .contractions import contract, dual_matrices, pair, tangent


def upper_rows(at, chosen=None):
    """Yields (i, H[rows of layer i, columns of layers i, i + 1, ...]) for layers before the cut.

    Columns of layer i alone where `at.own`.

    chosen : the layers whose rows are wanted; all if None.
    """
    for i in range(at.cut):
        if at.Ws[i] and (chosen is None or i in chosen):
            yield i, way(at, i)(at, i)


def own_diagonals(at):
    """The diagonals of the layers before the cut, matrix by matrix within each."""
    for i in range(at.cut):
        if at.Ws[i]:
            taken = way(at, i)
            if taken is by_bottleneck:
                yield diagonal_by_bottleneck(at, i)
            elif isinstance(taken, partial):
                yield diagonal_of_own_block(at, i, **taken.keywords)
            else:
                yield np.diagonal(taken(at, i))


def way(at, i):
    """The cheapest way to layer i's rows."""
    layer, x = at.layers[i], at.traces[i][0]
    if stepwise.few_steps(layer, x):
        return by_steps
    if not single(at, i):
        return by_weights
    if before_chain(at, i) and len(at.Ws[at.cut][0]) < at.traces[i][-1][0].size:
        return by_bottleneck
    p, _ = pair(at.backward[0][i][0])
    if p.shape[-2] < p.shape[-1]:
        return by_pre_activations
    stop = way_to(at, i)
    return by_weights if stop == i else partial(by_own_block, stop=stop)


def single(at, i):
    """Whether layer i is s = W p, with one pair of p and g for all rows of W."""
    return isinstance(at.layers[i], Affine) and pair(at.backward[0][i][0]) is not None


def way_to(at, i):
    """The layer before which every example's R{x} and R{dx} give the block of layer i itself.

    Between them are elementwise and then linear layers; layer i where there is nothing to gain.
    """
    kinds = []
    for layer in at.layers[i + 1:]:
        if not (isinstance(layer, Elementwise) or layer.linear):
            break
        kinds.append(layer.linear)
    few = np.prod(at.traces[i + len(kinds)][-1].shape) * 2 <= np.prod(at.traces[i][-1].shape)
    return i + len(kinds) if few and kinds == sorted(kinds) and single(at, i) else i


def before_chain(at, i):
    """Whether layer i meets a Dense after nothing but elementwise layers and Flatten."""
    between = at.layers[i + 1:at.cut]
    return (at.cut < len(at.layers) and single(at, i)
            and all(isinstance(layer, (Elementwise, Flatten)) for layer in between))


def by_weights(at, i):
    """Rows (|W_i|, ...): R{dW_m} along every entry of the layer's matrices."""
    layer, size = at.layers[i], at.starts[i + 1] - at.starts[i]
    rows = library(at.z).empty((size, at.width(i)), at.z.dtype)
    for k in range(0, size, AT_ONCE):
        E = library(rows).eye(size, dtype=rows.dtype)[k:k + AT_ONCE]
        Ws = dual_matrices(at.Ws[i], E)
        trace = layer.trace(Ws, at.traces[i][0])
        dy, later = at.tail(i, trace[-1])
        here, _ = layer.pull(Ws, trace, dy, data=True)
        np.concatenate([tangent(use.total(), len(E)).reshape(len(E), -1) for use in here + later],
                       axis=1, out=rows[k:k + AT_ONCE])
    return rows


def by_pre_activations(at, i):
    """The same rows, from perturbations of the layer's pre-activations."""
    layer, [W], (x, y) = at.layers[i], at.Ws[i], at.traces[i]
    p, _ = pair(at.backward[0][i][0])
    (_, T, J), O, M = p.shape, len(W), y[0].size
    numbered = library(y).arange(M).reshape((1,) + y.shape[1:])
    entry = pair(layer.use(W, x, y, numbered))[1][0]                                # (T, O)
    rows = library(y).empty((O, J, at.width(i)), y.dtype)
    step = max(1, AT_ONCE // T)
    for o in range(0, O, step):
        chosen = entry[:, o:o + step]
        E = library(y).eye(M, dtype=y.dtype)[chosen.reshape(-1)].reshape((-1, 1) + y.shape[1:])
        dy, later = at.tail(i, Dual(y, np.broadcast_to(E, E.shape[:1] + y.shape)))
        uses = [layer.use(W, x, y, dy)] + later
        np.concatenate([contract(p, use, chosen.shape) for use in uses], axis=-1,
                       out=rows[o:o + step])
    return rows.reshape(O * J, -1)


def by_steps(at, i):
    """The same rows for a recurrent layer."""
    layer, y = at.layers[i], at.traces[i][-1]

    def tail(part, t):
        if layer.last:
            return at.tail(i, part)
        du = library(y).zeros(part.extra + y.shape, y.dtype)
        du[..., t:, :] = part.du
        dy, later = at.tail(i, Dual(y, du))
        return dy[..., t:, :], later
    U, later = stepwise.rows(layer, at.Ws[i], at.traces[i], at.backward[0][i], tail)
    return np.concatenate([U + U.T, later], axis=1)
