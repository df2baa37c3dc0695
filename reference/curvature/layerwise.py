"""Exact dense curvature of any network, layer by layer.

The layers from `cut` on, where nothing but Dense and elementwise layers follow, are a chain, whose
matrix `assembly` forms from a few products.  Each layer l before it contributes its rows of the
Hessian's upper triangle, and there are three ways to them, all dual passes through what follows:

    weights          perturb W_l itself: O I directions, and R{dW_m} for m >= l are the rows;
    pre-activations  perturb s_l: T O directions serve all entries of W_l, since s_l = W_l p_l:
                     H_lm[(i,j),(k,q)] = sum_ntu p_l[n,t,j] (R_ti{g_m}[n,u,k] p_m[n,u,q]
                                                             + R_ti{p_m}[n,u,q] g_m[n,u,k]);
    steps            the same for the cells of a recurrent layer, see `stepwise`.

The second is cheaper where a matrix is used at few places (T < I): after some pooling a convolution
has fewer positions than a patch has entries.  A Gauss-Newton matrix is J^T S J, with the factors of
the chain's columns of J kept apart, J_m = V_m (x) p_m.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays.dual import Dual
from ..derivatives.directions import AT_ONCE
from ..derivatives.jacobian import unit_cotangents
from ..network.affine import Affine, Dense
from ..network.compose import Sequential
from ..network.elementwise import Elementwise
from ..network.recurrent import Recurrent
from . import stepwise
from .contractions import contract, dual_matrices, pair, tangent

TILE = 256                            # columns of J^T S J at a time: only upper tiles are formed
ROOM = 2 ** 25                        # numbers in all Jacobians held at a time


@dataclass(frozen=True, eq=False)
class Point:
    """A network at theta: its layers one after the other, their matrices and traces."""

    objective: Any
    layers: list
    Ws: list
    traces: list

    @property
    def z(self):
        """The network's output."""
        return self.traces[-1][-1]

    @cached_property
    def backward(self):
        """(uses per layer, cotangents dys of their outputs) of L."""
        return self.pulled(self.objective.dz(self.z))

    def pulled(self, dz):
        """(uses per layer, cotangents dys of their outputs), for any cotangents dz (..., N, ...)."""
        uses, dys = [], [dz]
        for i in reversed(range(len(self.layers))):
            here, dx = self.layers[i].pull(self.Ws[i], self.traces[i], dys[0], data=i == 0)
            uses.insert(0, here)
            dys.insert(0, dx)
        return uses, dys[1:]

    def batch(self, index):
        """The same for some of the examples."""
        theta = np.concatenate([W.reshape(-1) for Ws in self.Ws for W in Ws])
        return point(self.objective.batch(index), theta)

    @cached_property
    def cut(self):
        """The first layer from which on all are Dense or elementwise, on vectors, Dense first."""
        start = len(self.layers)
        for i in reversed(range(len(self.layers))):
            if not isinstance(self.layers[i], (Dense, Elementwise)) or self.traces[i][0].ndim != 2:
                break
            start = i if isinstance(self.layers[i], Dense) else start
        return start if any(self.Ws[:start]) else 0

    @cached_property
    def starts(self):
        """Where each layer's weights begin in theta, and P."""
        return np.cumsum([0] + [sum(W.size for W in Ws) for Ws in self.Ws])


def point(objective, theta):
    """The Point of the objective at theta."""
    leaves, Ws, traces = _leaves(objective.net), objective.net.matrices(theta), []
    x, own = objective.x, []
    for layer in leaves:
        own.append(Ws[:len(layer.shapes)])
        Ws = Ws[len(layer.shapes):]
        traces.append(layer.trace(own[-1], x))
        x = traces[-1][-1]
    return Point(objective, leaves, own, traces)


def _leaves(layer):
    """The layers one after the other, those within others too."""
    if isinstance(layer, Recurrent):
        return _leaves(layer.stack)
    if not isinstance(layer, Sequential):
        return [layer]
    return [leaf for inner in layer.layers for leaf in _leaves(inner)]


# ---- Hessian: rows of the layers before the chain ----

def upper_rows(at):
    """Yields (i, H[rows of layer i, columns of layers i, i + 1, ...]) for layers before the cut."""
    for i in range(at.cut):
        if at.Ws[i]:
            yield i, way(at, i)(at, i)


def way(at, i):
    """The cheapest way to layer i's rows."""
    layer, x = at.layers[i], at.traces[i][0]
    if stepwise.few_steps(layer, x):
        return by_steps
    if isinstance(layer, Affine):
        both = pair(at.backward[0][i][0])
        if both is not None and both[0].shape[-2] < both[0].shape[-1]:
            return by_pre_activations
    return by_weights


def by_weights(at, i):
    """Rows (|W_i|, ...): R{dW_m} along every entry of the layer's matrices."""
    layer, size = at.layers[i], at.starts[i + 1] - at.starts[i]
    rows = np.empty((size, at.starts[-1] - at.starts[i]), at.z.dtype)
    for k in range(0, size, AT_ONCE):
        E = np.eye(size, dtype=rows.dtype)[k:k + AT_ONCE]
        Ws = dual_matrices(at.Ws[i], E)
        trace = layer.trace(Ws, at.traces[i][0])
        dy, later = _tail(at, i, trace[-1])
        here, _ = layer.pull(Ws, trace, dy, data=True)
        np.concatenate([tangent(use.total(), len(E)).reshape(len(E), -1) for use in here + later],
                       axis=1, out=rows[k:k + AT_ONCE])
    return rows


def by_pre_activations(at, i):
    """The same rows, from perturbations of the layer's pre-activations."""
    layer, [W], (x, y) = at.layers[i], at.Ws[i], at.traces[i]
    p, _ = pair(at.backward[0][i][0])
    (N, T, J), O, M = p.shape, len(W), y[0].size
    entry = pair(layer.use(W, x, y, np.arange(M).reshape((1,) + y.shape[1:])))[1][0]    # (T, O)
    rows = np.empty((O, J, at.starts[-1] - at.starts[i]), y.dtype)
    step = max(1, AT_ONCE // T)
    for o in range(0, O, step):
        chosen = entry[:, o:o + step]
        E = np.eye(M, dtype=y.dtype)[chosen.reshape(-1)].reshape((-1, 1) + y.shape[1:])
        dy, later = _tail(at, i, Dual(y, np.broadcast_to(E, E.shape[:1] + y.shape)))
        uses = [layer.use(W, x, y, dy)] + later
        np.concatenate([contract(p, use, chosen.shape) for use in uses], axis=-1,
                       out=rows[o:o + step])
    return rows.reshape(O * J, -1)


def by_steps(at, i):
    """The same rows for a recurrent layer."""
    layer, y = at.layers[i], at.traces[i][-1]

    def tail(part, steps):
        if layer.last:
            return _tail(at, i, part)
        du = np.zeros(part.extra + y.shape, y.dtype)
        du[..., steps, :] = part.du
        dy, later = _tail(at, i, Dual(y, du))
        return dy[..., steps, :], later
    U, later = stepwise.rows(layer, at.Ws[i], at.traces[i], at.backward[0][i], tail)
    return np.concatenate([U + U.T, later], axis=1)


def _tail(at, i, y):
    """From layer i's dual output y to L and back: the cotangent of y, and all uses after i."""
    traces = []
    for layer, Ws in zip(at.layers[i + 1:], at.Ws[i + 1:]):
        traces.append(layer.trace(Ws, y))
        y = traces[-1][-1]
    dy, uses = at.objective.dz(y), []
    for layer, Ws, trace in zip(at.layers[:i:-1], at.Ws[:i:-1], traces[::-1]):
        here, dy = layer.pull(Ws, trace, dy)
        uses[:0] = here
    return dy, uses


# ---- Gauss-Newton: what is not the chain's own ----

def gauss_newton_rows(at, S):
    """J_b^T S J (B, P) for the parameters b before the cut, S (N, M, M) of all an example's outputs.

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
    B, M = J.shape[-1], len(J)
    rows = np.empty((B, at.starts[-1]), J.dtype)
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
