"""Rows of the Hessian for a recurrent layer, by perturbing its pre-activations step by step.

Both matrices of a cell s_t = W_ih (x_t, 1) + W_hh (h_{t-1}, 1) = W P_t meet the same s_t.  To
second order, changing W by V is changing every s_t by V P_t, with P_t where the change has led:

    v^T H v = sum_tu (V P_t)^T S_tu (V P_u) + 2 sum_t<u g_u^T V R_t{P_u},

S_tu = d^2 L/ds_t ds_u per example, and R_t{P_u} what becomes of a change of s_t by V P_t.  So T
times g H directions serve all weights, and those at step t live from t on: half of T on average.
With half of u = t they make a matrix U such that H = U + U^T.
"""

from dataclasses import replace

import numpy as np

from ..arrays import functions as F
from ..arrays.dual import Dual
from ..arrays.namespace import library
from ..arrays.transfer import alongside
from ..network.recurrent import Direction
from .contractions import contract, tangent

ROWS = 16                             # directions at a time


def few_steps(layer, x):
    """Whether the steps are fewer than the numbers that meet a pre-activation."""
    return (isinstance(layer, Direction) and layer.cell.added and not layer.backwards
            and x.shape[-2] < layer.inputs + layer.hidden)


def rows(layer, Ws, trace, uses, tail):
    """(U (P_l, P_l), rows (P_l, ...) of the layers after it) of a recurrent layer.

    tail(y, t) takes the dual output from step t on to its cotangent and the later layers' uses.
    """
    (p, g), (q, _) = (use.pairs()[0] for use in uses)
    P = np.concatenate([p, q], axis=-1)                                             # (N, T, J)
    (_, T, J), G, I = P.shape, g.shape[-1], p.shape[-1]
    U, later, E = library(P).zeros((J, G, G, J), P.dtype), [], library(P).eye(G, dtype=P.dtype)
    for k in (slice(k, k + ROWS) for k in range(0, G, ROWS)):
        after = 0
        for t in range(T):
            Rq, Rg, uses = _perturbed(layer, Ws, trace, t, E[k], tail)
            Rg[..., 0] /= 2                       # of u = t, which H = U + U^T counts twice
            _add_step(U[:, k], P[:, t], P[:, t:], g[:, t:], Rg, Rq)
            after = after + _of_later_layers(P[:, t:t + 1], uses, E[k])
        later.append(after)
    later = np.concatenate(later)
    order = alongside(np.argsort(_places(G, I, J)), P)          # [j,i] -> the layer's own order
    U = U.reshape(J * G, G, J).swapaxes(1, 2).reshape(J * G, J * G)
    return U[order[:, None], order], later.swapaxes(0, 1).reshape(J * G, -1)[order]


def _of_later_layers(p, uses, E):
    """sum_n p[n,j] R_k{dW of example n} of all uses (k, J, ...)."""
    parts = [contract(p, use, (1, len(E))) for use in uses]
    none = library(p).zeros((len(E), p.shape[-1], 0), p.dtype)
    return np.concatenate(parts, axis=-1) if parts else none


def _perturbed(layer, Ws, trace, t, E, tail):
    """R{h} of the step before (N, T - t, K, H) and R{g} (N, K, G, T - t), along E at step t.

    A perturbation of s_t is an input of its own, which is 1 at step t and 0 later, with a weight
    0 + eps e_k.  Also the uses of later layers.
    """
    x, (_, _, before, _) = trace[0], trace.kept
    N, T = x.shape[:2]
    states = tuple(library(a).ascontiguousarray(a[:, t * N:(t + 1) * N].T) for a in before)
    mask = None if layer.mask is None else layer.mask[:, t:]
    sub = replace(layer, inputs=layer.inputs + 1, initial=states, mask=mask)
    first = library(x).zeros((N, T - t, 1), x.dtype)
    first[:, 0] = 1
    W, I = Ws[0], layer.inputs
    column = Dual(library(W).zeros((len(W), 1), W.dtype), E[:, :, None])
    wider = [F.concatenate([W[:, :I], column, W[:, I:]]), *Ws[1:]]
    run = sub.trace(wider, np.concatenate([x[:, t:], first], axis=-1))
    dy, after = tail(run[-1], t)
    [(q, g)] = sub.pull(wider, run, dy, data=True)[0][1].pairs()
    Rq, Rg = tangent(q, len(E)).transpose(1, 2, 0, 3), g.du.transpose(1, 0, 3, 2)
    return *map(library(Rq).ascontiguousarray, (Rq, Rg)), after


def _add_step(U, P_t, P, g, Rg, Rq):
    """U[j,i,k,q] += sum_n P_t[n,j] sum_u (Rg[n,i,k,u] P[n,u,q] + g[n,u,k] Rq[n,u,i,q])."""
    (J, K, G), (N, T, _, H) = U.shape[:3], Rq.shape
    V = (Rg.reshape(N, K * G, T) @ P).reshape(N, K, G, J)
    X = np.swapaxes(g, -1, -2) @ Rq.reshape(N, T, K * H)
    V[..., J - H:] += X.reshape(N, G, K, H).swapaxes(1, 2)
    U += (P_t.T @ V.reshape(N, -1)).reshape(U.shape)


def _places(G, I, J):
    """Where (j, i) of the joint patches lies in (vec W_ih, vec W_hh)."""
    j, i = np.arange(J)[:, None], np.arange(G)
    return np.where(j < I, i * I + j, G * I + i * (J - I) + (j - I)).reshape(-1)
