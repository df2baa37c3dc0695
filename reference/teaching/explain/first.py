"""First derivatives: the loss, its gradient, of each example, J v, J^T u, and the complex step."""

import numpy as np

from ...derivatives import complex_step as steps
from ...derivatives import dual, finite_difference
from ...derivatives.jacobian import per_example
from ...network import uses
from ...network.layout import Layout
from ...network.objective import Objective
from . import passes
from .board import complex_step
from .numbers import number, products, relative, shape_text
from .step import step


def value(board):
    """L."""
    told = passes.loss(board)
    return [passes.forward(board), *passes.preactivation(board), told], [told.value]


def gradient(board, **_):
    """dL/dtheta."""
    g = _packed(board)
    last = len(board.Ws) - 1
    both = list(dict.fromkeys((last, 0)))
    return [passes.forward(board), *passes.preactivation(board), passes.loss(board),
            passes.cotangent(board),
            *(each for l in both for each in passes.gradients_of(board, l)),
            passes.matrix_gradient(board), _all(board, g)], [g]


def _packed(board):
    g = board.net.layout.pack(passes.matrix_gradients(board))
    return passes.decayed(board, g, board.theta)


def _all(board, g):
    decay = passes.decay_of(board, r"\theta")
    return step(rf"\frac{{\partial L}}{{\partial \theta}} = (\mathrm{{vec}}\, dW_1, \dots, "
                rf"\mathrm{{vec}}\, dW_{{{len(board.Ws)}}}){decay}",
                f"All {len(board.Ws)} matrices, each row by row, one after the other"
                f"{', and the weight decay' if board.objective.l2 else ''}.", g,
                Layout.pack, Objective.decayed)


def per_example_gradients(board):
    """d loss_n/dtheta, row by row."""
    own = board.objective.label_weights
    dz = board.objective.loss.gradient(board.z, board.targets)
    if own is not None and own.ndim > 1:
        dz = dz * own[..., None]
    dz = dz.reshape(len(dz), -1)
    g = np.einsum("nmp,nm->np", board.J, dz)
    found = [passes.forward(board), *passes.preactivation(board),
             step(r"\frac{\partial\, \mathrm{loss}_n}{\partial z_n}", "The slope of each example's "
                  "own loss: without weights and without the 1/R of the mean.", dz,
                  type(board.objective.loss).gradient),
             step(r"J_n = \frac{\partial z_n}{\partial \theta}", "The outputs of each example by "
                  "every parameter: here parameter by parameter, Im z(theta + i h e_k)/h.",
                  board.J, steps.derivative)]
    return found + [*_outer(board, dz), step(
        r"g_n = J_n^T \frac{\partial\, \mathrm{loss}_n}{\partial z_n}", "One row per example. "
        f"Entry (0, 0) by hand: {products(board.J[0, :, 0], dz[0])} = {number(g[0, 0])}. Their "
        "weighted mean, with weight decay, is the gradient of L.", g, per_example)], [g]


def _outer(board, dz):
    """sum_t g_nt p_nt^T of the first matrix."""
    part = board.parts[0] and board.parts[0][0]
    if not part or part.J is None:
        return []
    g = np.einsum("ntom,nm->nto", part.J, dz)
    return [step(r"\frac{\partial\, \mathrm{loss}_n}{\partial W_1} = \sum_t g_{nt}\, p_{nt}^T",
                 f"What backpropagation does instead: for W_1 {shape_text(board.Ws[0].shape)} one "
                 f"matrix per example, a sum over T = {g.shape[1]} places and not over n.",
                 np.einsum("nto,nti->noi", g, part.p), uses.Use.each)]


def jvp(board, v, **_):
    """J v, matrix by matrix."""
    Jv = complex_step(board.objective.outputs, board.theta, v)
    found = [passes.forward(board), *passes.preactivation(board), _directions(board, v),
             *_pushes(board, v)]
    return found + [step(r"R\{z\} = J v = \frac{1}{h}\, \Im z(\theta + i h v)",
                         "All matrices at once, by the complex step: h = 1e-20 or less, and no "
                         "subtraction.", Jv, steps.derivative, dual.jvp)], [Jv]


def _directions(board, v):
    """v as matrices."""
    V = board.net.layout.unpack(v)
    return step(r"v = (\mathrm{vec}\, V_1, \dots, \mathrm{vec}\, V_L)", "The direction has a "
                f"matrix for each: {', '.join(shape_text(W.shape) for W in V)}. R{{x}} is the "
                "derivative of x along v; data do not move, R{x_0} = 0.", V[0], Layout.unpack)


def _pushes(board, v):
    """What each matrix adds to J v through its own pre-activations."""
    if any(parts is None or any(part.J is None for part in parts) for parts in board.parts):
        return []
    V = board.net.layout.unpack(v)
    moves = [np.concatenate([part.p @ rows.T for part, rows in zip(parts, _rows(parts, W))], -1)
             for parts, W in zip(board.parts, V)]
    added = [sum(np.einsum("ntom,nto->nm", part.J, part.p @ rows.T)
                 for part, rows in zip(parts, _rows(parts, W)))
             for parts, W in zip(board.parts, V)]
    shares = ", ".join(f"{number(a[0, 0])} from W_{l + 1}" for l, a in enumerate(added))
    total = sum(added).reshape(board.z.shape)
    return [step(r"V_1\, p_{nt}", "The push of its own pre-activations when W_1 moves. By hand, "
                 f"entry (0, 0, 0): {products(V[0][0], board.parts[0][0].p[0, 0])} = "
                 f"{number(moves[0][0, 0, 0])}.", moves[0], board.forward_of(0)),
            step(r"R\{z_n\} = \sum_l \sum_t \frac{\partial z_n}{\partial s_{l,nt}}\, V_l\, "
                 r"p_{l,nt}", "Each push goes on to the outputs, and they add up. Output 0 of "
                 f"example 0: {shares}.", total, dual.jvp)]


def _rows(parts, W):
    """The rows of W that belong to each part."""
    ends = np.cumsum([part.g.shape[-1] for part in parts])[:-1]
    return np.split(W, ends)


def vjp(board, u):
    """J^T u."""
    flat = u.reshape(len(board.z), -1)
    product = np.einsum("nmp,nm->p", board.J, flat)
    found = [passes.forward(board), *passes.preactivation(board),
             step(r"u_n", "The cotangent that is put in at the outputs, in the place of dL/dz.", u,
                  type(board.net).pull_all), *_pulled(board, flat),
             step(r"J_n = \frac{\partial z_n}{\partial \theta}", "The whole Jacobian, which the "
                  "backward pass never forms: parameter by parameter.", board.J, steps.derivative)]
    v = np.cos(np.arange(board.theta.size))
    Jv = complex_step(board.objective.outputs, board.theta, v)
    return found + [step(r"J^T u = \sum_n J_n^T u_n", "A sum over examples and outputs. It is the "
                         f"transpose of J: for some v, u.(J v) = {number((u * Jv).sum())} and "
                         f"(J^T u).v = {number(product @ v)}.", product,
                         type(board.net).vjp)], [product]


def _pulled(board, u):
    part = board.parts[0] and board.parts[0][0]
    if not part or part.J is None:
        return []
    g = np.einsum("ntom,nm->nto", part.J, u)
    return [step(r"g_{nt} = \left(\frac{\partial z_n}{\partial s_{nt}}\right)^T u_n", "The "
                 "cotangent at the pre-activations of W_1.", g, type(board.net).pull_all),
            step(r"\sum_{nt} g_{nt}\, p_{nt}^T", "What W_1 gets of J^T u.",
                 np.einsum("nto,nti->oi", g, part.p), uses.Use.total)]


def complex_steps(board, v):
    """The derivative of L along v by the complex step, beside difference quotients."""
    f, h = board.objective.value, 1e-20
    moved = f(board.theta + 1j * h * v)
    slope, quotient = moved.imag / h, _quotients(f, board.theta, v)
    return [
        step(r"f(\theta + i h v) = f + i h\, f' v - \frac{h^2}{2} v^T f'' v - \dots",
             "Taylor's series along an imaginary step: the real part keeps f, the imaginary part "
             "is h f'v, and what is left out is h^2 times smaller.", f(board.theta),
             Objective.value),
        step(r"\Im f(\theta + i h v)", f"The forward pass in complex numbers, h = {h:g}: the real "
             f"part is still {number(moved.real)}.", moved.imag, Objective.value),
        step(r"\frac{1}{h}\, \Im f(\theta + i h v)", "Nothing is subtracted, so h may be tiny: "
             "there is no rounding to trade against.", slope, steps.derivative),
        step(r"\frac{f(\theta + h v) - f(\theta)}{h}", "A difference quotient loses digits either "
             "way: by truncation for large h, by cancellation for small. Its relative errors for "
             f"h = {', '.join(f'{h:g}' for h in LENGTHS)}: "
             f"{', '.join(f'{relative(q - slope, slope):.0e}' for q in quotient)}.",
             quotient, finite_difference.derivative)], [slope]


LENGTHS = (1e-2, 1e-5, 1e-8, 1e-11, 1e-14)


def _quotients(f, theta, v):
    return np.array([(f(theta + h * v) - f(theta)) / h for h in LENGTHS])
