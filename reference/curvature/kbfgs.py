"""K-BFGS: the inverses Ha, Hg of the Kronecker factors, updated by BFGS [GRB20].

Per weight layer, s = W p the pre-activation and g = d loss_n/ds its gradient per example, bars for
means over the batch, + for the point after the step on the same batch:

    A  <- 0.9 A + 0.1 mean(p p^T)                  the input factor, damped: A_LM = A + sqrt(lam) I
    Hg <- BFGS(Hg; s, y),  s ~ sbar - sbar+, y ~ gbar - gbar+, averaged, then damped twice
    Ha <- BFGS(Ha; Ha pbar, A_LM Ha pbar)          "Hessian action": drives Ha to A_LM^-1

and the direction of the step is D = -Hg M Ha, M the (averaged) gradient as a matrix. A, s and y
are averaged alike over the steps, 0.9 of the past and 0.1 of now.  Means of p and s are
sum_n w_n a_n/sum_n w_n, gbar is sum_n w_n g_n/R, the gradient of L: so Hg is on the scale of the
inverse of K-FAC's G in any reduction, and ignored examples count nowhere.

A matrix used at T places per example, of which [GRB20] does not speak: A, pbar and sbar are means
over places too, gbar is the sum over places, dL/db of a bias b.  Then y = G s, G K-FAC's, on a
linear network above which no matrix moves: Hg (x) Ha is on the scale of the inverse of the block.

K-BFGS(L) keeps no Hg but the last pairs that made it (limited_memory.py), which is the same matrix
as long as no pair is forgotten; all else is as above.

Differs from the authors' code:
1. sqrt(lam) >= 1, where their second damping has a pole, is refused;
2. s = y = 0 is left alone, where their damping divides 0 by 0.
"""

from dataclasses import dataclass
from typing import Any

from ..arrays import functions as F
from ..arrays.checks import is_finite, require_theta, shown
from ..arrays.linalg import inverse, symmetric
from ..arrays.transfer import follows
from .bfgs import double_damping, guarded_bfgs_inverse, hessian_action, root
from .damping import damped_inverse
from .kbfgs_pass import passed
from .kfac import input_factor
from .kron import Kron
from .limited_memory import LimitedMemory, guarded_append, limited

DECAY = 0.9                            # of the past in the averages [GRB20]


@dataclass(frozen=True, eq=False)
class Factors:
    """What K-BFGS keeps of one layer: A, the inverses Ha and Hg, and the averaged pair s, y.

    In K-BFGS(L) Hg is a LimitedMemory, which `kron` and `block` make dense.
    """

    A: Any
    Ha: Any
    Hg: Any
    s: Any
    y: Any

    def kron(self):
        """Hg (x) Ha: the inverse of the block, which acts on the gradient."""
        return Kron(self.Hg.dense() if _is_limited(self.Hg) else self.Hg, self.Ha)

    def block(self):
        """Hg^-1 (x) Ha^-1, the approximation of the block: Hg^-1 s = y damped, Ha^-1 ~ A_LM."""
        direct = self.Hg.inv() if _is_limited(self.Hg) else symmetric(inverse(self.Hg))
        return Kron(direct, symmetric(inverse(self.Ha)))


# ---- one step ----

@follows
def initial_factors(objective, theta, lam, memory=None):
    """A from one pass over `objective`, Ha = A_LM^-1, Hg = I, for every weight matrix.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    lam : float
        Damping, 0 < lam < 1.
    memory : int, optional
        K-BFGS(L): Hg is kept as the last `memory` pairs, 100 in [GRB20].  K-BFGS if omitted.

    Returns
    -------
    list of Factors

    Raises
    ------
    TypeError, ValueError
        If lam or memory is out of range, or theta is no float array (P,) of finite numbers.
    numpy.linalg.LinAlgError
        If A + sqrt(lam) I is singular to working precision, naming a usable damping.
    """
    _require_damping(lam)
    require_theta(objective, theta)
    first = []
    for p, _, s, _ in passed(objective, theta).means:
        A = input_factor(objective, p)
        zero, Hg = 0 * s, _eye(s) if memory is None else limited(s, memory)
        first.append(Factors(A, inverse_damped(A, lam), Hg, zero, zero))
    return first


@follows
def update(objective, theta, theta_plus, factors, lam, decay=DECAY):
    """The factors after the step theta -> theta_plus on one batch, of either kind [GRB20, alg. 1].

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
    if not (is_finite(decay) and 0 <= decay < 1):
        raise ValueError(f"decay must be in [0, 1), got {shown(decay)}.")
    require_theta(objective, theta)
    require_theta(objective, theta_plus, "theta_plus")
    shapes = objective.net.layout.shapes
    if not (isinstance(factors, (list, tuple)) and all(hasattr(f, "Hg") for f in factors)):
        raise TypeError(f"factors is {shown(factors)}; begin with kbfgs_factors.")
    if [(len(old.Hg), len(old.Ha)) for old in factors] != list(shapes):
        raise ValueError(f"factors are for {[(len(old.Hg), len(old.Ha)) for old in factors]}, the "
                         f"weight matrices are {list(shapes)}; begin with kbfgs_factors.")
    there = passed(objective, theta_plus)
    return advanced(passed(objective, theta), there, factors, lam, (decay, decay))[0]


def advanced(here, there, factors, lam, decays, keep_A=False):
    """([Factors, ...], [pair, ...]) after the step between two Passes on one batch.

    A pair is a dict: s and y averaged, s_damped and y_damped, whether Hg and Ha took theirs, and
    the scales (gbar, pbar) that they were guarded by.

    decays : of A, and of s and y.
    keep_A : whether A stays, as in the first step after A was an average over all data.
    """
    both = [_advanced(here.objective, a, b, old, lam, decays, keep_A)
            for a, b, old in zip(here.means, there.means, factors)]
    return [new for new, _ in both], [pair for _, pair in both]


def _advanced(objective, here, there, old, lam, decays, keep_A):
    (p, pbar, s_here, g_here), (_, _, s_there, g_there), (of_A, of_pair) = here, there, decays
    A = old.A if keep_A else _average(old.A, input_factor(objective, p), of_A)
    s, y = (_average(before, a - b, of_pair) for before, a, b in
            ((old.s, s_here, s_there), (old.y, g_here, g_there)))
    s_damped, y_damped = double_damping(old.Hg, s, y, lam)
    update_Hg = guarded_append if _is_limited(old.Hg) else guarded_bfgs_inverse
    Hg = update_Hg(old.Hg, s_damped, y_damped, g_here)
    Ha = hessian_action(old.Ha, _damped(A, lam), pbar)
    pair = {"s": s, "y": y, "s_damped": s_damped, "y_damped": y_damped,
            "Hg_taken": Hg is not old.Hg, "Ha_taken": Ha is not old.Ha, "scales": (g_here, pbar)}
    return Factors(A, Ha, Hg, s, y), pair


def directions(gradients, factors):
    """[-Hg M Ha, ...] for the gradient of every weight matrix."""
    return [-(f.Hg @ M @ f.Ha) for M, f in zip(gradients, factors)]


@follows
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

def inverse_damped(A, lam):
    """A_LM^-1 = (A + sqrt(lam) I)^-1; refused where it would have no correct digit."""
    return damped_inverse("A", A, root(lam, A[0]))


def _average(before, now, decay):
    return now + decay * (before - now)


def _is_limited(H):
    return isinstance(H, LimitedMemory)


def _damped(A, lam):
    return A + root(lam, A[0]) * _eye(A[0])


def _eye(like):
    return F.identity(like) + F.zeros_like(like)


def _require_damping(lam):
    if not (is_finite(lam) and 0 < lam < 1):
        raise ValueError(f"K-BFGS needs 0 < lam < 1, got {shown(lam)}: its second damping has a "
                         "pole at sqrt(lam) = 1; rescale the loss instead.")
