"""Faults of second derivatives: Hessians, products with them, their diagonals."""

import numpy as np

from ...arrays import functions as F
from ...derivatives.jacobian import jacobian
from ...derivatives.routes import gradient, hvp
from ...network.normalise import mean
from . import points, structured
from .exhibit import exhibit
from .planting import frozen, hessian_of, sloped, softmax, spoiled, with_loss

V = dict(arguments=lambda objective, theta: (points.data(theta.size),))
BENDS = ("second derivative lost",)


@exhibit("K23", "PennyLaneAI/pennylane#1436", "v contracted twice: |v|^2 too much",
         "hvp", points.dense, ("|v|^2",), **V)
def contracted_twice(objective, theta, v):
    """Right for unit v alone."""
    return (v @ v) * hvp(objective, theta, v)


@exhibit("K29", "patrick-kidger/equinox#801", "relu'' = 1 where relu' is",
         "hessian", lambda: points.dense("ReLU"), ("second derivative like the first",))
def bent_relu(objective, theta):
    """The slope is given a slope of its own."""
    return hessian_of(sloped(objective, lambda x, y, dy: dy * F.where(
        F.positive(x), 1 + x - frozen(x), 0)), theta)


@exhibit("K31", "pbrod/numdifftools#51", "differences with f(x + d_j) twice",
         "hessian", points.quadratic, ("symmetric part",))
def duplicated_difference(objective, theta):
    """(f(x + d_i + d_j) - 2 f(x + d_j) + f(x))/h^2: not symmetric."""
    h, P = 0.5, theta.size
    steps = h * np.eye(P)
    one, both = objective.value(theta + steps), objective.value(
        theta + steps[:, None] + steps).reshape(P, P)
    return (both - 2 * one + objective.value(theta)) / h ** 2


@exhibit("K35", "JuliaDiff/DifferentiationInterface.jl#1014", "a term of the product rule lost",
         "hessian", lambda: points.dense("SiLU"), ("product rule cut short",))
def lost_product(objective, theta):
    """(x f)'' = x f'' without 2 f'."""
    def back(x, y, dy):
        s, kept = F.sigmoid(x), frozen(x)
        return dy * (F.sigmoid(kept) + kept * s * (1 - s))
    return hessian_of(sloped(objective, back), theta)


@exhibit("K41", "HomebrewML/HeavyBall#51", "squared gradients in place of v * H v",
         "hessian_diagonal", points.dense, ("squared mean gradient",))
def squared_gradient(objective, theta):
    """g * g."""
    return objective.grad(theta) ** 2


@exhibit("K41b", "lessw2020/Best-Deep-Learning-Optimizers#9", "the estimate averaged over blocks",
         "hessian_diagonal", points.dense, ("mean over rows",))
def averaged_blocks(objective, theta):
    """The mean of each row of W in all its places."""
    d, layout = np.diagonal(hessian_of(objective, theta)), objective.net.layout
    return layout.pack([np.broadcast_to(M.mean(1, keepdims=True), M.shape)
                        for M in layout.unpack(d)])


@exhibit("K49", "tensorflow/tensorflow#14641", "the loss has no second derivative: no Gauss-Newton",
         "hessian", points.dense, ("residual part",), seen=True)
def residual_alone(objective, theta):
    """H - J^T (diag p - p p^T) J."""
    J, p = jacobian(objective, theta), softmax(objective.outputs(theta))
    S = p[:, :, None] * np.eye(p.shape[-1]) - p[:, :, None] * p[:, None]
    return hessian_of(objective, theta) - np.einsum("ncp,ncd,ndq->pq", J, S, J) / len(J)


@exhibit("K53", "dmlc/xgboost#10105", "negative second derivatives clipped to 0",
         "hessian_diagonal", points.dense, ("negative entries clipped",))
def clipped(objective, theta):
    """max(h, 0)."""
    return np.maximum(np.diagonal(hessian_of(objective, theta)), 0)


@exhibit("D01", "tensorflow/tensorflow#7403", "the gradient of the loss is a constant",
         "hvp", points.dense, ("residual part",), seen=True, **V)
def detached_loss(objective, theta, v):
    """Differentiated again, p - e gives nothing."""
    return hvp(with_loss(objective, lambda loss, z, y: loss.gradient(frozen(z), y)), theta, v)


@exhibit("D01b", "tensorflow/tensorflow#5876", "the same, where it is all there is",
         "hvp", points.softmax_regression, ("residual part", "0"), seen=True, **V)
def nothing(objective, theta, v):
    """0 of softmax regression."""
    return np.zeros_like(theta)


@exhibit("D03", "tensorflow/tensorflow#11091", "elu'' without the factor from above",
         "hvp", lambda: points.dense("ELU"), ("second derivative without upstream",), **V)
def no_upstream(objective, theta, v):
    """R{dx} = R{dy} f' + f'' R{x}, without dy."""
    return hvp(sloped(objective, lambda x, y, dy: dy * frozen(elu_slope(x)) + elu_slope(x)
                      - frozen(elu_slope(x))), theta, v)


def elu_slope(x):
    """1, or e^x."""
    return F.where(F.positive(x), 1, F.exp(F.negative_part(x)))


@exhibit("D07", "pytorch/pytorch#106789", "factors of a product recovered by division",
         "gradient", lambda: points.resting("SiLU"), ("slope 0 at 0",))
def divided_product(objective, theta):
    """sigma(x) = y/x, and 0 where x = 0."""
    def back(x, y, dy):
        s = F.sigmoid(x)
        return dy * (F.where(x == 0, 0, s) + x * s * (1 - s))
    return sloped(objective, back).grad(theta)


@exhibit("D09", "pytorch/pytorch#1712", "the second time back, maxima are elsewhere",
         "hvp", structured.pooled, ("maxima misplaced at second order",), **V)
def wrong_winners(objective, theta, v):
    """Tangents of dy go to the last place of each window."""
    return hvp(spoiled(objective, 1, _to_the_last), theta, v)


def _to_the_last(layer, Ws, trace, dy, uses, dx):
    tangent = dy - frozen(dy)
    last = tangent[..., None] * np.eye(3)[2]
    return uses, frozen(dx) + F.reshape(last, tangent.shape[:-1] + (9,))


@exhibit("D11", "pytorch/pytorch#76185", "saved activations are constants",
         "hvp", points.dense, BENDS, **V)
def saved_output(objective, theta, v):
    """tanh' = 1 - y^2 with y saved."""
    return hvp(sloped(objective, lambda x, y, dy: dy * (1 - frozen(y) ** 2)), theta, v)


@exhibit("D13", "pytorch/pytorch#4422", "statistics are constants the second time",
         "hvp", points.normalised, ("statistics constant at second order",), **V)
def constant_statistics(objective, theta, v):
    """The gradient's x_hat and r have no tangent."""
    def back(layer, Ws, trace, dy, uses, dx):
        x_hat, r = map(frozen, trace.kept)
        g = dy * Ws[0][..., 0]
        return uses, r * (g - mean(g, (-2,)) - x_hat * mean(g * x_hat, (-2,)))
    return hvp(spoiled(objective, 1, back), theta, v)


@exhibit("D15", "chainer/chainer#4114", "a function without a second derivative cuts the graph",
         "hvp", points.deep, ("detached", "0"), **V)
def cut(objective, theta, v):
    """What comes back through the first activation is a constant."""
    return hvp(spoiled(objective, 1, lambda layer, Ws, trace, dy, uses, dx: (
        uses, frozen(dx))), theta, v)


@exhibit("K33", "casadi/casadi#2585", "the derivative of one primitive has the wrong sign",
         "gradient", lambda: points.dense("Sine"), ("slope reversed", "-1"), seen=True)
def negated(objective, theta):
    """sin' = -cos."""
    return sloped(objective, lambda x, y, dy: -dy * F.cos(x)).grad(theta)


@exhibit("N03", "scipy/scipy#12487", "a step of differences that is not that of the entry",
         "gradient", points.quadratic, ("one-sided difference",))
def absolute_step(objective, theta):
    """(f(x + h e_i) - f(x))/h with h = 1/8."""
    h = 0.125
    return (objective.value(theta + h * np.eye(theta.size)) - objective.value(theta)) / h


@exhibit("N05", "JuliaMath/Calculus.jl#81", "x is not restored after the differences",
         "gradient", points.dense, ("changes its inputs",))
def not_restored(objective, theta):
    """theta keeps the last step."""
    g = gradient(objective, theta)
    theta[-1] += 1e-6
    return g
