"""Second derivatives: H v, the Hessian, and the Hessian whose bends are made positive."""

import numpy as np

from ...curvature import bends as bending
from ...curvature import spectrum
from ...curvature.bends import PHI
from ...curvature.gauss_newton import gauss_newton as pulled_back
from ...curvature.positive_curvature import positive_curvature as bent_hessian
from ...derivatives import complex_step as steps
from ...derivatives.directions import along_axes, r_operator
from ...network import uses
from ...network.layout import Layout
from ...network.objective import Objective
from . import passes
from .board import complex_step
from .first import _directions
from .matrices import jacobian_step, sandwich
from .numbers import number, products, relative
from .step import step

LENGTH = 1e-5                          # of the difference quotients that are shown beside


# ---- H v ----

def hvp(board, v, **_):
    """Pearlmutter's operator R{} through the backward pass, in complex numbers."""
    Rz = complex_step(board.objective.outputs, board.theta, v).reshape(len(board.z), -1)
    Rdz = np.einsum("nmk,nk->nm", board.S, Rz)
    blocks, moved = _moved(board, v)
    Hv = passes.decayed(board, board.net.layout.pack(blocks), v)
    grad, t = board.objective.grad, LENGTH / (np.abs(v).max() or 1)
    quotient = (grad(board.theta + t * v) - grad(board.theta - t * v)) / (2 * t)
    apart = relative(quotient - Hv, Hv)
    return [passes.forward(board), _directions(board, v),
            step(r"R\{z_n\} = J_n v", "Forwards along v: how the outputs move.", Rz,
                 steps.derivative),
            step(r"R\left\{\frac{\partial L}{\partial z_n}\right\} = S_n R\{z_n\}",
                 "So the slopes of the loss move, with S the second derivative of the loss. Entry "
                 f"(0, 0): {products(board.S[0, 0], Rz[0])} = {number(Rdz[0, 0])}.", Rdz,
                 Objective.output_hessian), *moved,
            step(rf"H v = (\mathrm{{vec}}\, R\{{dW_1\}}, \dots){passes.decay_of(board, 'v')}",
                 "All matrices. A difference quotient of gradients along v is "
                 f"{apart:.0e} of its size away: that is the quotient's error.", Hv, Layout.pack,
                 r_operator)], [Hv]


def _moved(board, v):
    """R{dW} of every matrix, and the steps of the first and the last."""
    o, h = board.objective, 1e-20
    theta = board.theta + 1j * h * v
    xs = board.net.forward(theta, o.x)
    moved = board.net.backward(theta, xs, o.dz(xs[-1]))[0]
    blocks = [use.total().imag / h if parts is None else _sum_of_pairs(parts, use.pairs(), h)
              for parts, use in zip(board.parts, moved)]
    told = [_one_moved(board, moved, blocks, l, h) for l in dict.fromkeys((0, len(blocks) - 1))]
    return blocks, [each for steps_of in told for each in steps_of]


def _one_moved(board, moved, blocks, l, h):
    """R{g} and R{dW} of one matrix, with what each term adds to an entry."""
    if board.parts[l] is None:
        return []
    part, (p, g), name = board.parts[l][0], moved[l].pairs()[0], f"W_{l + 1}"
    Rp, Rg, i = p.imag / h + 0 * part.p, g.imag / h, min(1, p.shape[-1] - 1)
    of_g, of_p = (Rg[..., 0] * part.p[..., i]).sum(), (part.g[..., 0] * Rp[..., i]).sum()
    return [
        step(r"R\{g_{nt}\} = \frac{d}{d\epsilon}\, g_{nt}(\theta + \epsilon v)",
             f"Backwards along v, at {name}: the backward pass in complex numbers, its imaginary "
             "part over h.", Rg, type(board.net).pull_all),
        step(rf"R\{{dW_{{{l + 1}}}\}} = " r"\sum_{nt} \left(R\{g_{nt}\}\, p_{nt}^T + g_{nt}\, "
             r"R\{p_{nt}\}^T\right)", f"The product rule. Entry (0, {i}): {number(of_g)} of "
             f"gradients that move, and {number(of_p)} of patches that move, which is 0 where a "
             "matrix meets data.", blocks[l], uses.Use.total)]


def _sum_of_pairs(parts, moved, h):
    """sum R{g} p^T + g R{p}^T, group of rows by group."""
    def block(part, p, g):
        return (np.einsum("nto,nti->oi", g.imag / h, part.p)
                + np.einsum("nto,nti->oi", part.g, p.imag / h + 0 * part.p))
    return np.concatenate([block(part, p, g) for part, (p, g) in zip(parts, moved)])


# ---- H ----

def hessian(board, **_):
    """Column by column, by complex steps of the gradient."""
    H, G = _hessian(board), sandwich(board.J, board.S)
    decay = board.objective.l2 * np.eye(len(H))
    w = np.linalg.eigvalsh((H + H.T) / 2)
    return [passes.forward(board), passes.cotangent(board), passes.loss_hessian(board),
            jacobian_step(board),
            step(r"G = \sum_n J_n^T S_n J_n", "The part of H in which the loss is bent and the net "
                 "is straight: Gauss-Newton.", G, pulled_back),
            step(rf"H - G{passes.decay_of(board, 'I', '-')} = "
                 r"\sum_n \sum_c \frac{\partial L}{\partial z_{nc}} "
                 r"\frac{\partial^2 z_{nc}}{\partial \theta^2}", "The part in which the net is "
                 "bent, weighed by slopes of the loss: small where the fit is good. It is "
                 f"{number(relative(H - G - decay, H))} of |H| here.",
                 H - G - decay, bending.bends),
            step(r"H e_k = \frac{1}{h}\, \Im \frac{\partial L}{\partial \theta}(\theta + i h e_k)",
                 "Column by column, P gradients in complex numbers. Asymmetry of the result: "
                 f"{np.abs(H - H.T).max():.0e}. H[0, 0] as a second difference of L alone: "
                 f"{number(_second_difference(board))}.", H, Objective.grad, steps.derivative),
            step(r"u_k^T H u_k", "The eigenvalues, u_k the eigenvectors of length 1. "
                 f"{(w < -1e-12 * w[-1]).sum()} of {w.size} are negative, the least "
                 f"{number(w[0])}; the largest is {number(w[-1])}.", w, spectrum.eigenvalues)], [H]


def _hessian(board):
    return along_axes(lambda E: complex_step(board.objective.grad, board.theta, E), board.theta)


def _second_difference(board):
    t, e, L = 1e-4, np.eye(1, board.theta.size)[0], board.objective.value
    return (L(board.theta + t * e) - 2 * L(board.theta) + L(board.theta - t * e)) / t ** 2


# ---- bends made positive ----

def positive_curvature(board, phi="abs"):
    """J^T S J + sum_e (ds_e/dtheta)^T diag(phi(b_e)) (ds_e/dtheta)."""
    G = sandwich(board.J, board.S)
    bends, moved = [bend.reshape(len(board.z), -1) for bend in _bends(board)], _moves(board)
    B = G + sum((np.einsum("nep,ne,neq->pq", Rs, PHI[phi](b), Rs, optimize=True)
                 for b, Rs in zip(bends, moved)), np.zeros_like(G))
    w = np.linalg.eigvalsh((B + B.T) / 2)
    found = [passes.forward(board), passes.loss_hessian(board), jacobian_step(board),
             step(r"G = \sum_n J_n^T S_n J_n", "Gauss-Newton: the loss is bent, the net is "
                  "straight.", G, pulled_back)]
    if bends:
        b, Rs = bends[0], moved[0]
        found += [
            step(r"b_e = f''(s_e)\, \frac{\partial L}{\partial x_e}", "The bend of each unit of "
                 f"the first elementwise layer. {(b < 0).sum()} of {b.size} are negative: there H "
                 "may curve down.", b, bending.bends),
            step(r"\phi(b_e)", f"What phi = {phi!r} makes of them.", PHI[phi](b),
                 bending.require_phi),
            step(r"\frac{\partial s_e}{\partial \theta}", "How these pre-activations depend on "
                 "theta, parameter by parameter.", Rs, steps.derivative)]
    return [*found, step(
        r"B = G + \sum_{n,e} \left(\frac{\partial s_{e}}{\partial \theta}\right)^T \phi(b_e)\, "
        r"\frac{\partial s_{e}}{\partial \theta}", "The sum over units and elementwise layers. Its "
        f"least eigenvalue is {number(w[0]) if abs(w[0]) > 1e-12 * w[-1] else 0}, "
        f"the largest {number(w[-1])}.", B, bent_hessian)], [B]


def _bends(board):
    """[f''(s_e) dL/dx_e, ...]: by the chain rule of a chain, elsewhere as the package has them."""
    if not board.is_chain:
        return bending.bends(board.objective, board.theta, board.xs)
    return [passes.slope_of_slope(layer, s) * dx for layer, s, dx in
            zip(board.net.layers, board.xs, passes.chain_rule(board)) if not layer.shapes]


def _moves(board):
    """[ds_e/dtheta (N, E, P), ...] of the elementwise layers."""
    h, N = 1e-20, len(board.z)
    columns = [board.bent(board.theta + 1j * h * e) for e in np.eye(board.theta.size)]
    return [np.stack([s.imag.reshape(N, -1) / h for s in moved], -1) for moved in zip(*columns)]
