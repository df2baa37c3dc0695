"""K-BFGS: the factors at the start, and after a step, with every inverse made by an inversion."""

import numpy as np

from ...curvature import bfgs, kbfgs, kbfgs_pass
from ...curvature import kfac as kron
from . import passes
from .board import Board
from .numbers import number, products
from .step import step


def means(board):
    """Per matrix mean(p p^T), pbar, sbar = W pbar, gbar = dL/ds summed over examples and places."""
    w, found = board.objective.example_weights, []
    w = np.ones(len(board.z)) if w is None else w
    for W, (part,) in zip(board.Ws, board.parts):
        share = np.broadcast_to(w[:, None], part.p.shape[:2]) / (w.sum() * part.p.shape[1])
        pbar = np.einsum("nt,nti->i", share, part.p)
        found.append((np.einsum("nt,nti,ntj->ij", share, part.p, part.p), pbar, W @ pbar,
                      part.g.sum((0, 1))))
    return found


def start(board, lam, memory=None):
    """A, Ha = A_LM^-1 and Hg = I of every matrix."""
    moments = [A for A, *_ in means(board)]
    inverses = [np.linalg.inv(A + np.sqrt(lam) * np.eye(len(A))) for A in moments]
    A, Ha, p = moments[0], inverses[0], board.parts[0][0].p
    damped = A + np.sqrt(lam) * np.eye(len(A))
    i, O = min(1, len(A) - 1), len(board.Ws[0])
    kept = "the identity" if memory is None else f"no pair of {memory} yet, which is the identity"
    return [passes.forward(board), *passes.preactivation(board),
            step(r"A = \mathrm{mean}_{nt}\, p_{nt} p_{nt}^T", "The second moment of the inputs of "
                 f"W_1. Entry (0, {i}) without weights: ({products(p[..., 0], p[..., i])})/"
                 f"{p[..., 0].size} = {number((p[..., 0] * p[..., i]).mean())}.", A,
                 kron.input_factor),
            step(r"A_{LM} = A + \sqrt{\lambda}\, I", f"Damped: sqrt({number(lam)}) = "
                 f"{number(np.sqrt(lam))} on the diagonal. The condition number falls from "
                 f"{np.linalg.cond(A):.1e} to {np.linalg.cond(damped):.1e}.", damped, bfgs.root),
            step(r"H_a = A_{LM}^{-1}", "Inverted once; from then on it is updated.", Ha,
                 kbfgs.inverse_damped),
            step(r"H_g = I", f"Nothing is known of the outputs of W_1: {kept}.", np.eye(O),
                 kbfgs.initial_factors)], _flat(moments, inverses, [
                     np.eye(len(W)) for W in board.Ws])


def _flat(*lists):
    """A_1, Ha_1, Hg_1, A_2, ..."""
    return [M for each in zip(*lists) for M in each]


def of_factors(factors):
    """The package's, in the same order."""
    return [M for f in factors for M in (f.A, f.Ha, f.kron().G)]


# ---- after a step ----

def update(board, theta_plus, factors, lam, decay=kbfgs.DECAY):
    """A, s, y, their dampings, and BFGS of every matrix."""
    here, there = means(board), means(Board(board.objective, theta_plus))
    found = [_updated(*three, lam, decay) for three in zip(here, there, factors)]
    (_, _, s0, g0), (_, _, s1, g1), new, old = here[0], there[0], found[0], factors[0]
    s, y, sp, yp = new["s"], new["y"], new["s_damped"], new["y_damped"]
    Hy = old.kron().G @ y
    a, b = (f"{number(decay)} of the past and {number(1 - decay)} of", " the difference")
    return [
        passes.forward(board),
        step(r"A \leftarrow \beta A + (1 - \beta)\, \mathrm{mean}\, p p^T", f"{a} the batch, "
             f"beta = {number(decay)}.", new["A"], kbfgs.update),
        step(r"s = \bar s - \bar s^+, \quad \bar s = W \bar p", "How the mean pre-activations of "
             f"W_1 moved, averaged with the past: {a}{b}. Entry 0 of the difference: "
             f"{number(s0[0])} - {number(s1[0])} = {number(s0[0] - s1[0])}.", s,
             kbfgs_pass.passed),
        step(r"y = \bar g - \bar g^+, \quad \bar g = \sum_{nt} g_{nt}", "How their gradient moved. "
             f"Entry 0: {number(g0[0])} - {number(g1[0])} = {number(g0[0] - g1[0])}. Curvature "
             f"s.y = {number(s @ y)}.", y, kbfgs_pass.passed),
        step(r"s \leftarrow t\, s + (1 - t)\, H_g y \quad \mathrm{until}\; s \cdot y \geq 0.2\, "
             r"y \cdot H_g y", f"Powell's damping: s.y = {number(s @ y)} against 0.2 y.Hg y = "
             f"{number(0.2 * y @ Hy)}: {'s stays' if np.array_equal(s, sp) else 's is mixed'}.",
             sp, bfgs.powell),
        step(r"y \leftarrow t\, y + (1 - t)\, s \quad \mathrm{until}\; s \cdot y \geq "
             r"\sqrt{\lambda}\, s \cdot s", "Levenberg-Marquardt's damping: "
             f"s.y = {number(sp @ y)} against {number(np.sqrt(lam) * sp @ sp)}: "
             f"{'y stays' if np.array_equal(y, yp) else 'y is mixed'}. So the curvature along "
             "s is at least sqrt(lam).", yp, bfgs.levenberg_marquardt),
        step(r"B^+ = B - \frac{B s s^T B}{s^T B s} + \frac{y y^T}{s \cdot y}, \quad "
             r"H_g = (B^+)^{-1}", "BFGS of the curvature itself, B = Hg^-1, inverted. "
             f"{_secant(new)}", new["Hg"], bfgs.bfgs_inverse),
        step(r"H_a: \quad s = H_a \bar p, \quad y = A_{LM} s", "The same update with the curvature "
             "of the input factor, which is known: no difference of gradients is needed.",
             new["Ha"], bfgs.hessian_action)], [
        M for each in found for M in (each["A"], each["Ha"], each["Hg"])], max(
        map(condition, here, there, found))


def condition(here, there, new):
    """By how much rounding may grow: in differences of nearly equal means, and in inversions."""
    lost = [(np.linalg.norm(a) + np.linalg.norm(b)) / (np.linalg.norm(a - b) or np.inf)
            for a, b in zip(here[2:], there[2:])]
    return max(1, *lost) * np.linalg.cond(new["Hg"])


def _secant(new):
    if not new["taken"]:
        return "Skipped: s.y is not above 1e-4 |s|^2 |gbar|."
    return (f"The secant equation Hg y = s holds to "
            f"{np.abs(new['Hg'] @ new['y_damped'] - new['s_damped']).max():.0e}.")


def _updated(here, there, old, lam, decay):
    """One matrix's new A, s, y, Ha and Hg, by direct updates."""
    (now, pbar, s0, g0), (_, _, s1, g1) = here, there
    A = decay * old.A + (1 - decay) * now
    s, y = decay * old.s + (1 - decay) * (s0 - s1), decay * old.y + (1 - decay) * (g0 - g1)
    Hg, a = old.kron().G, old.Ha @ pbar
    sp = _mixed(s, Hg @ y, s @ y, 0.2 * (y @ Hg @ y), y @ Hg @ y)
    yp = _mixed(y, sp, sp @ y, np.sqrt(lam) * (sp @ sp), sp @ sp)
    damped = (A + np.sqrt(lam) * np.eye(len(A))) @ a
    new_Hg, taken = _after(Hg, sp, yp, g0)
    return {"A": A, "s": s, "y": y, "s_damped": sp, "y_damped": yp, "Hg": new_Hg, "taken": taken,
            "Ha": _after(old.Ha, a, damped, pbar)[0]}


def _mixed(a, b, curvature, least, full):
    """t a + (1 - t) b, with t such that the curvature is the least that is allowed."""
    if curvature > least or full <= 0:
        return a
    t = (full - least) / (full - curvature)
    return t * a + (1 - t) * b


def _after(H, s, y, scale):
    """((H^-1 - B s s^T B/s^T B s + y y^T/s.y)^-1, True), or (H, False) without enough curvature."""
    if not s @ y > max(0, 1e-4 * (s @ s) * np.linalg.norm(scale)):
        return H, False
    B = np.linalg.inv(H)
    Bs = B @ s
    return np.linalg.inv(B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (s @ y)), True
