"""KFRA: one averaged recursion from the outputs to the inputs, along a chain."""

import numpy as np

from ...curvature import averaged
from ...curvature import kfac as kron
from ...network.affine import Dense
from . import passes
from .step import step


def kfra(board):
    """One averaged recursion from the outputs to the inputs, along a chain."""
    averaged.kfra(board.objective, board.theta)                # which raises where it must
    w = kron.place_weights(board.objective, board.z.reshape(len(board.z), -1, board.z.shape[-1]))
    flat = [x.reshape(-1, x.shape[-1]) for x in board.xs]
    share = np.ones(len(flat[0])) if w is None else w.reshape(-1)
    share = share / share.sum()
    C, Ws = _mean_hessian(board), list(board.Ws)
    found, told = [], [passes.forward(board), passes.loss_hessian(board),
                       step(r"C(z) = \sum_n S_n", "One (C, C) matrix for the whole batch; w_n/R is "
                            "in S_n.", C, averaged.bda_pch)]
    for layer, x in list(zip(board.net.layers, flat))[::-1]:
        if isinstance(layer, Dense):
            p, W = np.c_[x, np.ones(len(x))] if layer.bias else x, Ws.pop()
            found[:0] = [C, (p * share[:, None]).T @ p]
            C = W[:, :layer.inputs].T @ C @ W[:, :layer.inputs]
            move, why = rf"C(x) = W_{{0,{len(Ws) + 1}}}^T C(s) W_{{0,{len(Ws) + 1}}}", (
                f"Back through {layer}, W_0 without the bias column. Before it, C(s) was the G of "
                f"W_{len(Ws) + 1}.")
        else:
            f = passes.slope(layer, x)
            m = (f * share[:, None]).T @ f
            C, move = m * C, r"C(s) = E[f'(s) f'(s)^T] \odot C(x)"
            why = f"Back through {layer}: the mean of slopes and not the slopes of each example."
        told.append(step(move, why, C, averaged.bda_pch))
    return [*told[:8], step(r"A_1 = \sum_n w_n p_n p_n^T / \sum_n w_n", "The second moment of the "
                            "inputs, as K-FAC's.", found[1], averaged.kfra)], found


def _mean_hessian(board):
    """sum_n S_n (C, C): of labels at places their sum."""
    C = board.z.shape[-1]
    S = board.S.reshape(len(board.z), -1, C, board.S.shape[1] // C, C)
    return np.einsum("ntctd->cd", S)
