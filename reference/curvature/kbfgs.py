"""K-BFGS: the inverses Ha, Hg of the Kronecker factors, updated by BFGS [GRB20].

Per weight layer, s = W p the pre-activation and g = d loss_n/ds its gradient per example, bars for
means over the batch, + for the point after the step on the same batch:

    A  <- 0.9 A + 0.1 mean(p p^T)                  the input factor, damped: A_LM = A + sqrt(lam) I
    Hg <- BFGS(Hg; s, y),  s ~ sbar - sbar+, y ~ gbar - gbar+, averaged, then damped twice
    Ha <- BFGS(Ha; Ha pbar, A_LM Ha pbar)          "Hessian action": drives Ha to A_LM^-1

and the direction of the step is D = -Hg M Ha, M the (averaged) gradient as a matrix. A, s and y
are averaged alike over the steps, 0.9 of the past and 0.1 of now. With example weights all means
are weighted alike, mean(a) = sum_n w_n a_n/sum_n w_n, so that ignored examples count nowhere.

A matrix used at T places per example, of which [GRB20] does not speak: A, pbar and sbar are means
over places too, gbar is the mean over examples of the sum over places, dL/db of a bias b.  Then
y = G s on a deep linear network, G K-FAC's: Hg (x) Ha is on the scale of the inverse of the block.

Differs from the authors' code:
1. sqrt(lam) >= 1, where their second damping has a pole, is refused;
2. s = y = 0 is left alone, where their damping divides 0 by 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_finite, require_theta
from ..arrays.linalg import inverse, symmetric
from ..network.uses import flat
from .kfac import input_factor
from .kron import Kron

DECAY, MU, SKIP = 0.9, 0.2, 1e-4       # [GRB20]: averages, first damping, least curvature


@dataclass(frozen=True, eq=False)
class Factors:
    """What K-BFGS keeps of one layer: A, the inverses Ha and Hg, and the averaged pair s, y."""

    A: Any
    Ha: Any
    Hg: Any
    s: Any
    y: Any

    def kron(self):
        """Hg (x) Ha: the inverse of the block, which acts on the gradient."""
        return Kron(self.Hg, self.Ha)


# ---- BFGS on an inverse matrix ----

def bfgs_inverse(H, s, y):
    """H+ = (I - rho s y^T) H (I - rho y s^T) + rho s s^T, rho = 1/(s.y): then H+ y = s.

    Written out as H + (rho^2 y.Hy + rho) s s^T - rho (s (Hy)^T + (Hy) s^T) [GRB20].
    """
    rho, Hy = 1 / (s @ y), H @ y
    cross = np.outer(s, Hy)
    return symmetric(H + (rho * rho * (y @ Hy) + rho) * np.outer(s, s) - rho * (cross + cross.T))


def guarded_bfgs_inverse(H, s, y, scale):
    """BFGS unless s.y <= 1e-4 |s|^2 |scale|, or the result is not finite; then H itself."""
    curvature, least = s @ y, SKIP * (s @ s) * (scale @ scale) ** 0.5
    if not (_exceeds(curvature, 0) and _exceeds(curvature, least)):
        return H
    updated = bfgs_inverse(H, s, y)
    return updated if np.isfinite(F.primal(updated)).all() else H


def powell(s, y, Hy, mu=MU):
    """s <- t s + (1 - t) Hy such that s.y >= mu y.Hy: Powell's damping on the inverse side."""
    sy, yHy = s @ y, y @ Hy
    if _exceeds(sy, mu * yHy) or not _exceeds(yHy, 0):
        return s
    t = (yHy - mu * yHy) / (yHy - sy)
    return t * s + (1 - t) * Hy


def levenberg_marquardt(s, y, mu):
    """y <- t y + (1 - t) s such that s.y >= mu s.s, for mu < 1."""
    sy, ss = s @ y, s @ s
    if _exceeds(sy, mu * ss) or not _exceeds(ss, 0):
        return y
    t = (ss - mu * ss) / (ss - sy)
    return t * y + (1 - t) * s


def double_damping(H, s, y, lam):
    """Powell's damping with mu = 0.2, then Levenberg-Marquardt's with mu = sqrt(lam) [GRB20]."""
    s = powell(s, y, H @ y)
    return s, levenberg_marquardt(s, y, _root(lam, s))


def hessian_action(Ha, A_LM, pbar):
    """BFGS with s = Ha pbar and y = A_LM s: no difference of gradients is needed."""
    s = Ha @ pbar
    return guarded_bfgs_inverse(Ha, s, A_LM @ s, pbar)


# ---- one step ----

def initial_factors(objective, theta, lam):
    """A from one pass over `objective`, Ha = A_LM^-1, Hg = I, for every weight matrix.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    lam : float
        Damping, 0 < lam < 1.

    Returns
    -------
    list of Factors
    """
    _require_damping(lam)
    _require_point(objective, theta, "theta")
    first = []
    for p, s, _ in _means(objective, theta):
        A = input_factor(objective, p)
        zero = 0 * s
        first.append(Factors(A, symmetric(inverse(_damped(A, lam))), _eye(s), zero, zero))
    return first


def update(objective, theta, theta_plus, factors, lam, decay=DECAY):
    """The factors after the step theta -> theta_plus on one batch [GRB20, alg. 1].

    Parameters
    ----------
    objective : Objective
        The batch, the same at both points.
    theta, theta_plus : array (P,)
    factors : list of Factors
        From `initial_factors`, or from the step before.
    lam : float
        Damping, 0 < lam < 1.
    decay : float
        Weight of the past in the averages of A, s and y, 0 <= decay < 1; 0 in full-batch mode.

    Returns
    -------
    list of Factors

    Raises
    ------
    TypeError, ValueError
        If lam, decay or the number of factors is out of range, or a theta is no float array (P,)
        of finite numbers.
    """
    _require_damping(lam)
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}.")
    _require_point(objective, theta, "theta")
    _require_point(objective, theta_plus, "theta_plus")
    shapes = objective.net.layout.shapes
    if [(len(old.Hg), len(old.Ha)) for old in factors] != list(shapes):
        raise ValueError(f"factors are for {[(len(old.Hg), len(old.Ha)) for old in factors]}, the "
                         f"weight matrices are {list(shapes)}; begin with kbfgs_factors.")
    pairs = zip(_means(objective, theta), _means(objective, theta_plus), factors)
    return [_updated(objective, here, there, old, lam, decay) for here, there, old in pairs]


def _updated(objective, here, there, old, lam, decay):
    (p, s_here, g_here), (_, s_there, g_there) = here, there
    def average(before, now):
        return now + decay * (before - now)
    A = average(old.A, input_factor(objective, p))
    s, y = average(old.s, s_here - s_there), average(old.y, g_here - g_there)
    Hg = guarded_bfgs_inverse(old.Hg, *double_damping(old.Hg, s, y, lam), g_here)
    pbar = _mean(p, objective.beside(objective.example_weights, p))
    return Factors(A, hessian_action(old.Ha, _damped(A, lam), pbar), Hg, s, y)


def directions(gradients, factors):
    """[-Hg M Ha, ...] for the gradient of every weight matrix."""
    return [-(f.kron() @ M) for M, f in zip(gradients, factors)]


def step(objective, theta, factors, lam, length):
    """theta + length D along K-BFGS's direction of the plain gradient, and the updated factors.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    factors : list of Factors
    lam, length : float
        Damping and step length.
    """
    layout = objective.net.layout
    D = layout.pack(directions(layout.unpack(objective.grad(theta)), factors))
    theta_plus = theta + length * D
    return theta_plus, update(objective, theta, theta_plus, factors, lam)


# ---- pieces ----

def _means(objective, theta):
    """Per weight layer: patches p (N, T, I), the mean over n, t of s, and over n of sum_t g."""
    net, w = objective.net, objective.beside(objective.example_weights, theta)
    if net.couples:
        raise ValueError(f"{net.coupling} couples the examples of a batch: K-BFGS takes "
                         "means over examples, and there are none; evaluate BatchNorm with running "
                         "statistics.")
    if w is not None and w.ndim > 1:
        raise ValueError(f"K-BFGS takes one weight per example (N,), got weights {w.shape}: labels "
                         "at T places cannot be weighted or ignored here.")
    xs = net.forward(theta, objective.x)
    y = objective.beside(objective.targets, xs[-1])
    uses, _ = net.backward(theta, xs, objective.loss.gradient(xs[-1], y))
    return [_means_of(W, use.pairs(), w) for W, use in zip(net.layout.unpack(theta), uses)]


def _means_of(W, pairs, w):
    """p, and the means of s = W p and of g, the latter summed over places."""
    if len(pairs) > 1:
        raise ValueError("K-BFGS needs matrices that all their rows share: no grouped convolution "
                         "or normalisation layer with weights.")
    p, g = pairs[0]
    return p, W @ _mean(p, w), _mean(g, w) * g.shape[-2]


def _mean(a, w):
    """sum_nt w_n a_nt/sum_nt w_n for a (N, T, D)."""
    if w is None:
        return F.sum(flat(a), -2) / (a.shape[-3] * a.shape[-2])
    w = F.constant(w, a)
    return F.sum(flat(a * w[:, None, None]), -2) / (F.sum(w, -1) * a.shape[-2])


def _root(lam, like):
    """sqrt(lam) in the numbers of `like`."""
    return F.sqrt(lam + F.zeros_like(like[:1]))[0]


def _damped(A, lam):
    return A + _root(lam, A[0]) * _eye(A[0])


def _eye(like):
    return F.identity(like) + F.zeros_like(like)


def _exceeds(a, b):
    """a > b; balls refuse to guess."""
    return bool(F.positive(a - b))


def _require_point(objective, theta, name):
    require_theta(objective, theta, name)
    require_finite(name, F.primal(theta))


def _require_damping(lam):
    if not 0 < lam < 1:
        raise ValueError(f"K-BFGS needs 0 < lam < 1, got {lam}: its second damping has a pole at "
                         "sqrt(lam) = 1; rescale the loss instead.")
