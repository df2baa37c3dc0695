"""Derivatives example by example: gradients of loss_n (N, P) and Jacobians dz_n/dtheta (N, C, P).

For an affine layer s = W p the gradient of example n is sum_t g_nt p_nt^T: one contraction of the
cotangents met on a backward pass with the patches met on the forward pass (network/uses).
"""

from math import prod

from ..arrays import functions as F
from ..arrays.checks import require_theta
from ..arrays.namespace import library
from ..arrays.transfer import follows


def per_example(net, theta, xs, dz):
    """(dz_n/dtheta)^T dz_n (..., N, P), for cotangents dz (..., N, [T,] C), not summed over n.

    Raises
    ------
    TypeError
        If a layer with weights tells only the sum.
    ValueError
        If a layer couples the examples, as BatchNorm does in training.
    """
    require_single_examples(net)
    matrices = [use.each() for use in net.backward(theta, xs, dz)[0]]
    return F.concatenate([F.reshape(dW, dW.shape[:-2] + (prod(dW.shape[-2:]),))
                          for dW in matrices])


def require_single_examples(net):
    """ValueError if a layer couples the examples of a batch."""
    if net.couples:
        raise ValueError(f"{net.coupling} couples the examples of a batch: the loss of one "
                         "depends on all, and nothing is one example's alone; gradient, hvp and "
                         "jvp are exact.")


@follows
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
        `objective.example_weights`: class weights included, and 0 for ignored labels.  Of labels
        (N, T) each has its own, which are then in the row, and w_n is `objective.weights`.
    """
    require_theta(objective, theta)
    xs = objective.net.forward(theta, objective.x)
    dz = objective.loss.gradient(xs[-1], objective.beside(objective.targets, xs[-1]))
    own = objective.label_weights
    if own is not None and own.ndim > 1:
        dz = dz * F.constant(objective.beside(own, dz), dz)[..., None]
    return per_example(objective.net, theta, xs, dz)


@follows
def jacobian(objective, theta):
    """dz_n/dtheta (N, ..., C, P), by one backward pass of all unit cotangents at once.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)

    Returns
    -------
    array (N, C, P), or (N, T, C, P) for outputs at T places
    """
    require_theta(objective, theta)
    xs = objective.net.forward(theta, objective.x)
    rows = per_example(objective.net, theta, xs, unit_cotangents(xs[-1]))        # (M, N, P)
    return F.reshape(F.swapaxes(rows, -2, -3), xs[-1].shape + theta.shape)


def unit_cotangents(z):
    """One cotangent per entry of an example's output: (M, N, ...) for z (N, ...) of M each."""
    M = prod(z.shape[1:])
    return library(F.primal(z)).eye(M, dtype="int8").reshape((M, 1) + z.shape[1:]) + F.zeros_like(z)


def of_all_places(S, z):
    """S (N, T, C, C) as one matrix (N, T C, T C) per example: labels are independent given z."""
    T, C = prod(z.shape[1:-1]), z.shape[-1]
    if T == 1:
        return F.reshape(S, (len(z), C, C))
    S = F.reshape(S, (len(z), T, C, 1, C))
    whole = S * library(S).eye(T, dtype="int8")[:, None, :, None]
    return F.reshape(whole, (len(z), T * C, T * C))
