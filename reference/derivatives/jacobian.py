"""Derivatives example by example: gradients of loss_n (N, P) and Jacobians dz_n/dtheta (N, C, P).

For an affine layer s = W p the gradient of example n is sum_t g_nt p_nt^T: one contraction of the
cotangents met on a backward pass with the patches met on the forward pass.
"""

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_theta
from ..network.affine import Affine


def per_example(net, theta, xs, dz):
    """(dz_n/dtheta)^T dz_n (..., N, P), for cotangents dz (..., N, [T,] C), not summed over n.

    Raises
    ------
    TypeError
        If a layer with weights is not affine: its per-example gradient has no such form.
    """
    _, dxs = net.vjp(theta, xs, dz)
    rows = []
    for layer, x, dy in zip(net.layers, xs, dxs[1:]):
        if layer.shape is None:
            continue
        if not isinstance(layer, Affine):
            raise TypeError(f"{layer} is not affine: per-example gradients are not available.")
        rows.append(_rows(dy, layer.patches(x)))
    return F.concatenate(rows)


def _rows(g, p):
    """sum_t g_nt p_nt^T, flat: (..., N, O I)."""
    t = "t" * (p.ndim - 2)                                   # no time axis: one outer product
    dW = F.einsum(f"...n{t}o,n{t}i->...noi", g, p)
    return F.reshape(dW, dW.shape[:-2] + (-1,))


def per_example_gradients(objective, theta):
    """d loss_n/dtheta (N, P), without weights, 1/R or weight decay.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)

    Returns
    -------
    array (N, P)
        The gradient of L is sum_n w_n row_n/R + l2 theta, with w_n =
        `objective.example_weights`: class weights included, and 0 for ignored labels.
    """
    require_theta(objective, theta)
    xs = objective.net.forward(theta, objective.x)
    return per_example(objective.net, theta, xs,
                       objective.loss.gradient(xs[-1], objective.targets))


def jacobian(objective, theta):
    """dz_n/dtheta (N, C, P), by C backward passes at once.

    Parameters
    ----------
    objective : Objective
        With outputs of shape (N, C).
    theta : array (P,)

    Returns
    -------
    array (N, C, P)
    """
    require_theta(objective, theta)
    xs = objective.net.forward(theta, objective.x)
    N, C = _two_axes(xs[-1].shape)
    cotangents = np.eye(C, dtype="int8")[:, None, :] + F.zeros_like(xs[-1])   # (C, N, C)
    return F.swapaxes(per_example(objective.net, theta, xs, cotangents), -2, -3)


def _two_axes(shape):
    if len(shape) != 2:
        raise ValueError(f"jacobian needs outputs (N, C), got {shape}; "
                         "reshape them in the network.")
    return shape
