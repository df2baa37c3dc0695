"""Structural damping: steps that move the hidden states of recurrent layers cost more [MS12]."""

from dataclasses import replace

import numpy as np

from ..curvature.gauss_newton import gauss_newton
from ..network.compose import Sequential
from ..network.losses import SquaredError
from ..network.objective import Objective
from ..network.recurrent import Recurrent


def hidden_curvature(objective, theta):
    """v -> D v, D = (1/R) sum_nt w_n J_nt^T J_nt (P, P), J_nt = dh_nt/dtheta [MS12].

    D is the curvature at d = 0 of the distance (1/R) sum_nt w_n |h_nt(theta + d) - h_nt(theta)|^2/2
    between the hidden states h of all recurrent layers, a Gauss-Newton matrix of the network up to
    there, and exact.

    Parameters
    ----------
    objective : Objective
        R is N for either mean, else 1.
    theta : array (P,)

    Returns
    -------
    callable
        v (P,) -> D v (P,).

    Raises
    ------
    ValueError
        If no layer of the network is an RNN, LSTM or GRU; those within other layers are not seen.

    Notes
    -----
    The states are those that a layer hands on: h of an LSTM, and not its c.
    """
    nets = hidden_prefixes(objective.net)
    if not nets:
        raise ValueError("structural damping is of the hidden states of recurrent layers, and none "
                         f"is a layer of its own in {objective.net}; take structural=0.")
    parts = [_distance(objective, net, theta) for net in nets]

    def product(v):
        total = np.zeros_like(v)
        for G in parts:
            total[:G.shape[0]] += G @ v[:G.shape[0]]
        return total
    return product


def hidden_prefixes(net):
    """The network up to each recurrent layer, and to each level of a stack: outputs are h_t.

    Their matrices are the first of theta: tied matrices lie where they are met first.
    """
    return [Sequential(*net.layers[:i], _levels(layer, k + 1))
            for i, layer in enumerate(net.layers) if isinstance(layer, Recurrent)
            for k in range(layer.layers)]


def _levels(layer, count):
    """The lowest levels of a stack, with the states of all steps."""
    states = tuple(a[:count * (1 + layer.bidirectional)] for a in layer.states)
    initial = None if not states else states if layer.cell.states > 1 else states[0]
    return replace(layer, layers=count, last=False, initial=initial)


def _distance(objective, net, theta):
    """The Gauss-Newton matrix of |h - h(theta)|^2/2, whose h(theta) is a constant."""
    own = theta[:net.layout.size]
    reduction = "sum" if objective.reduction == "sum" else "mean"
    h = net.forward(own, objective.x)[-1]
    return gauss_newton(Objective(net, SquaredError(), objective.x, h, objective.weights,
                                  reduction), own)
