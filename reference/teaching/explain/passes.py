"""The steps that derivations share: forwards, the loss, and backwards, with one entry by hand."""

import numpy as np
from scipy.special import logsumexp

from ...network import uses
from ...network.affine import Dense
from ...network.elementwise import Elementwise
from ...network.objective import Objective
from .board import complex_step
from .numbers import number, products, shape_text, terms
from .step import step
from .textbook import softmax


# ---- forwards ----

def forward(board):
    """x_0 -> ... -> z."""
    way = [f"x_0 {shape_text(board.xs[0].shape)}"] + [
        f"{layer} -> {shape_text(x.shape)}" for layer, x in zip(board.net.layers, board.xs[1:])]
    return step(r"x_0 \to x_1 \to \dots \to x_L = z", f"Forwards, layer by layer: {'; '.join(way)}."
                " The last one is z, one row of outputs per example.", board.z,
                type(board.net).trace, board.forward_of(0))


def preactivation(board, l=0):
    """s = W p of a matrix, for the first of its groups of rows; no step where it tells no p."""
    if board.parts[l] is None:
        return []
    part, name = board.parts[l][0], f"W_{l + 1}"
    W = board.Ws[l][:part.g.shape[-1]]
    s, bias = part.p @ W.T, " The last entry of p is the constant 1 of the bias." * bool(
        (part.p[..., -1] == 1).all())
    return [step(rf"s_{{nt}} = W_{{{l + 1}}}\, p_{{nt}}",
                 f"{name} {shape_text(board.Ws[l].shape)} of {board.owners[l]} multiplies the "
                 f"patches p {shape_text(part.p.shape)}: examples, places, inputs.{bias} By hand, "
                 f"s[0, 0, 0] = sum_i {name}[0, i] p[0, 0, i] = {products(W[0], part.p[0, 0])} "
                 f"= {number(s[0, 0, 0])}.", s, uses.Use)]


# ---- the loss ----

def loss(board):
    """L, and loss_0 by hand."""
    losses, o = board.losses(board.z), board.objective
    L = o.weighted(losses).sum() + o.l2 / 2 * (board.theta @ board.theta)
    decay = r" + \frac{\lambda_2}{2} |\theta|^2" if o.l2 else ""
    return step(rf"L = \frac{{1}}{{R}} \sum_n w_n \mathrm{{loss}}_n{decay}",
                f"{o.loss.name} of each example, weighted; R = {number(board.R)} ({o.reduction}). "
                f"loss_n = {terms(losses)}. {_by_hand(board, losses)}",
                L, Objective.value, type(o.loss).value)


def _by_hand(board, losses):
    """loss of the first example from its outputs."""
    z, y = (a.reshape(-1, a.shape[-1])[0] for a in (board.z, board.targets))
    first = number(losses.reshape(-1)[0])
    if board.objective.loss.name == "CrossEntropy":
        return (f"By hand, loss_0 = log sum_c exp(z_c) - y.z = {number(logsumexp(z))} - "
                f"{number(y @ z)} = {first}.")
    if board.objective.loss.name == "SquaredError":
        return f"By hand, loss_0 = |z - y|^2/2 = ({terms((z - y) ** 2)})/2 = {first}."
    return f"loss_0 = {first} of z = {terms(z)}."


def cotangent(board):
    """dL/dz, entry (0, 0) by hand where the textbook has a formula."""
    return step(r"\frac{\partial L}{\partial z_n} = \frac{w_n}{R} "
                r"\frac{\partial\, \mathrm{loss}_n}{\partial z_n}",
                "The derivative of the loss by every output: here by the complex step "
                f"Im L(z + i h e)/h of the loss alone. {_first_slope(board)}", board.dz,
                Objective.dz, type(board.objective.loss).gradient)


def _first_slope(board):
    z, y = (a.reshape(-1, a.shape[-1])[0] for a in (board.z, board.targets))
    p = {"CrossEntropy": lambda z: softmax(z) * y.sum(), "SquaredError": lambda z: z}.get(
        board.objective.loss.name)
    if p is None:
        return ""
    share = board.objective.weighted(np.ones(board.z.shape[:-1])).reshape(-1)[0]
    name = "softmax(z)" if board.objective.loss.name == "CrossEntropy" else "z"
    return (f"By hand, entry 0 of example 0: w/R ({name} - y) = {number(share)} x "
            f"({number(p(z)[0])} - {number(y[0])}) = {number(share * (p(z)[0] - y[0]))}.")


def loss_hessian(board):
    """S, the second derivative of the loss by the outputs."""
    return step(r"S_n = \frac{w_n}{R} \frac{\partial^2\, \mathrm{loss}_n}{\partial z_n^2}",
                "How the slopes of the loss change with the outputs of their example: column by "
                "column, the complex step of dL/dz.", board.S,
                Objective.output_hessian, type(board.objective.loss).hessian)


# ---- backwards ----

def chain_rule(board):
    """[dL/dx_1, ..., dL/dx_L] of a chain: W_0^T g through Dense, f'(s) g through elementwise."""
    found, Ws = [board.dz], list(board.Ws)
    for layer, s in list(zip(board.net.layers, board.xs))[:0:-1]:
        if isinstance(layer, Dense):
            found.insert(0, found[0] @ Ws.pop()[:, :layer.inputs])
        else:
            found.insert(0, slope(layer, s) * found[0])
    return found


def slope(layer, s):
    """f'(s) = Im f(s + i h)/h."""
    return complex_step(lambda x: layer.forward(None, x), s, 1.0)


def slope_of_slope(layer, s):
    """f''(s) = Im f'(s + i h)/h."""
    return complex_step(lambda x: layer.slope(x, layer.forward(None, x)), s, 1.0)


def gradients_of(board, l):
    """g = dL/ds of matrix l, and how it came back to there."""
    if board.parts[l] is None:
        return []
    g, name = board.parts[l][0].g, f"W_{l + 1}"
    formula = r"g_{nt} = \left(\frac{\partial z_n}{\partial s_{nt}}\right)^T " \
              r"\frac{\partial L}{\partial z_n}"
    words = (f"How L changes with the pre-activations of {name}, {shape_text(g.shape)}: examples, "
             f"places, outputs.")
    if board.is_chain:
        formula, more = _along_chain(board, formula, l)
        return [step(formula, words + more, g, type(board.net).pull_all, Dense.input_vjp,
                     Elementwise.vjp)]
    return [step(formula, words + _through_J(board, l), g, type(board.net).pull_all,
                 type(board.owners[l]).pull)]


def _through_J(board, l):
    """The first entry of g as a sum over outputs, where dz/ds is known."""
    J = board.parts[l][0].J
    if J is None:
        return ""
    a, b = J[0, 0, 0], board.flat_dz[0]
    way = ("each pre-activation was moved by itself, by a complex step" if board.pushed else
           "the backward pass was run for every output by itself")
    return (f" The backward pass goes through every layer behind; here {way}. Entry (0, 0, 0) by "
            f"hand, a sum over outputs: {products(a, b)} = {number(a @ b)}.")


def _along_chain(board, formula, l):
    """The recursion that leads to g of a matrix in a chain, and its first entry by hand."""
    layers = board.net.layers
    dense = [i for i, layer in enumerate(layers) if isinstance(layer, Dense)]
    dxs, i = chain_rule(board), dense[l]
    if i == len(layers) - 1:
        return r"g_n = \frac{\partial L}{\partial z_n}", " It is the last: s = z, and g = dL/dz."
    if dense[l + 1:l + 2] != [i + 2]:
        return formula, " The cotangent comes back through every layer behind."
    f, dx, W, g = slope(layers[i + 1], board.xs[i + 1]), dxs[i + 1], board.Ws[l + 1], dxs[i + 2]
    at = (0,) * dx.ndim
    return rf"g_n = f'(s_n) \odot W_{{0,{l + 2}}}^T g_{{{l + 2},n}}", (
        f" Through W_(0,{l + 2}), W_{l + 2} without its bias column, and through {layers[i + 1]}: "
        f"entry 0 of example 0 is f'({number(board.xs[i + 1][at])}) sum_o W_{l + 2}[o, 0] g[o] = "
        f"{number(f[at])} x ({products(W[:, 0], g[at[:-1]])}) = {number(f[at] * dx[at])}.")


def matrix_gradient(board, l=0):
    """dW = sum_nt g p^T of one matrix, one entry by hand."""
    dW, name = matrix_gradients(board)[l], f"W_{l + 1}"
    if board.parts[l] is None:
        return step(r"\mathrm{vec}\, dW = \sum_n J_n^T \frac{\partial L}{\partial z_n}",
                    f"The layer of {name} is not affine: J by complex steps.", dW, uses.Total)
    part, i = board.parts[l][0], min(1, dW.shape[1] - 1)
    g, p = part.g[..., 0], part.p[..., i]
    return step(rf"\frac{{\partial L}}{{\partial W_{{{l + 1}}}}} = \sum_{{nt}} g_{{nt}}\, "
                r"p_{nt}^T",
                f"The outer products of gradients and patches, summed over examples and places; "
                f"the w_n/R of the mean is in g. Entry (0, {i}) of {name} by hand: sum_nt "
                f"g[n, t, 0] p[n, t, {i}] = {products(g, p)} = {number((g * p).sum())}.", dW,
                uses.Use.total)


def matrix_gradients(board):
    """[dW_1, ...] without weight decay."""
    rest = None
    found = []
    for l, parts in enumerate(board.parts):
        if parts is None and rest is None:
            rest = board.net.layout.unpack(np.einsum("nmp,nm->p", board.J, board.flat_dz))
        found.append(rest[l] if parts is None else np.concatenate(
            [np.einsum("nto,nti->oi", part.g, part.p) for part in parts]))
    return found


def decay_of(board, what, sign="+"):
    """The weight decay in a formula, where there is any."""
    return rf" {sign} \lambda_2 {what}" if board.objective.l2 else ""


def decayed(board, product, v):
    """product + l2 v."""
    return product + board.objective.l2 * v
