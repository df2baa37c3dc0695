"""K-BFGS gone wrong: pairs, dampings and updates, alone and as a step leaves them for the next."""

import numpy as np

from ....curvature.bfgs import guarded_bfgs_inverse
from ....optim.kbfgs import KBFGS
from ..hypotheses import CONVENTION, ERROR, content
from ..kbfgs import NAMES, Rules, advance, stepped
from ..kronecker import unlike
from ..varied import Varied, variant


def ruled(name, kind, says, advice, cost=1.0, exact=False, **changes):
    """Registers other Rules for the subjects of K-BFGS, and for its steps."""
    rules = Rules(**changes)

    def arrays(case):
        pieces = case.subject.pieces(case.objective, case.theta, *case.given[2:],
                                     **case.options, advance=advance(rules))
        return unlike(case, [piece.array for piece in pieces])

    content(f"K-BFGS: {name}", kind, says, advice, NAMES, cost, exact)(arrays)
    variant(f"K-BFGS step: {name}", kind, says, advice, cost)(
        lambda optimizer: Varied(optimizer, stepped(rules)) if isinstance(optimizer, KBFGS)
        else None)


def _powell_sign(s, y, Hy, mu=0.2):
    """s <- t s - (1 - t) Hy."""
    if s @ y > mu * (y @ Hy):
        return s
    t = (1 - mu) * (y @ Hy) / (y @ Hy - s @ y)
    return t * s - (1 - t) * Hy


def _without_rho(H, s, y, scale):
    """V H V^T, V = I - rho s y^T: then H+ y = 0."""
    V = np.eye(len(s)) - np.outer(s, y) / (s @ y)
    return V @ H @ V.T


def _twice(H, s, y, scale):
    """BFGS where H is multiplied once more: H+ = V H^2 V^T + rho s s^T."""
    V = np.eye(len(s)) - np.outer(s, y) / (s @ y)
    return V @ H @ H @ V.T + np.outer(s, s) / (s @ y)


SIGN = "s <- t s + (1 - t) H y: both with plus."
ruled("Powell's sign", ERROR, "Powell's damping subtracts (1 - t) H y", SIGN, powell=_powell_sign)
ruled("no Powell", ERROR, "s is not damped: Powell's damping is missing",
      "Damp s before y [GRB20].", powell=lambda s, y, Hy: s)
ruled("no second damping", ERROR, "y is not damped: the second damping is missing",
      "Damp y after s [GRB20].", second=lambda s, y, mu: y)
ruled("no damping of pairs", ERROR, "neither s nor y is damped", "Damp s, then y [GRB20].",
      powell=lambda s, y, Hy: s, second=lambda s, y, mu: y, cost=1.5)
ruled("y + mu s", ERROR, "y is damped to y + mu s, always, not to a convex combination",
      "y <- t y + (1 - t) s where s.y < mu s.s.", second=lambda s, y, mu: y + mu * s)
ruled("y + mu s, where needed", ERROR, "y is damped to y + mu s, not to a convex combination",
      "y <- t y + (1 - t) s.",
      second=lambda s, y, mu: y if s @ y > mu * (s @ s) else y + mu * s)
ruled("damping without root", ERROR, "lam stands for sqrt(lam) in A_LM and in the second damping",
      "Take the root.", root=lambda lam: lam)
ruled("not averaged", ERROR, "s and y are not averaged over steps", "Average with 0.9 of the past.",
      average=lambda before, now, decay: now)
ruled("nothing averaged", CONVENTION, "A, s and y are not averaged, as for full batches",
      "Pass decay=0.", average=lambda before, now, decay: now,
      average_A=lambda before, now, decay: now)
ruled("A not averaged", ERROR, "A is of the last batch alone", "Average with 0.9 of the past.",
      average_A=lambda before, now, decay: now)
ruled("A kept", ERROR, "A stays as it was", "Average the batch in.",
      average_A=lambda before, now, decay: before)
ruled("weights exchanged", ERROR, "the past has weight 0.1 and the batch 0.9 in the averages",
      "decay is the weight of the past.",
      average=lambda before, now, decay: before + decay * (now - before),
      average_A=lambda before, now, decay: before + decay * (now - before))
ruled("s and y exchanged", ERROR, "s and y are exchanged", "H+ y = s for the inverse.",
      difference=lambda s, s_plus, g, g_plus: (g - g_plus, s - s_plus))
ruled("update with s and y exchanged", ERROR, "the update takes y for s: H+ s = y, the direct BFGS",
      "H+ y = s for the inverse.",
      update=lambda H, s, y, scale: guarded_bfgs_inverse(H, y, s, scale))
ruled("the sign of y", ERROR, "y has the wrong sign: s and y are differences of opposite order",
      "Both before minus after, or both after minus before.",
      difference=lambda s, s_plus, g, g_plus: (s - s_plus, g_plus - g))
ruled("after minus before", CONVENTION, "s and y are after minus before, the same pair",
      "Turn both signs.", 0.5, True,
      difference=lambda s, s_plus, g, g_plus: (s_plus - s, g_plus - g))
ruled("rho s s^T dropped", ERROR, "the term rho s s^T is missing, so that H+ y = 0",
      "H+ = V H V^T + rho s s^T.", update=_without_rho)
ruled("H multiplied twice", ERROR, "H was multiplied once more in the update",
      "H+ = V H V^T + rho s s^T.", update=_twice)
ruled("Hg not updated", ERROR, "the update of Hg is lost: Hg stays as it was",
      "Assign the result: an update in place may have gone to a temporary.",
      update=lambda H, s, y, scale: H)
ruled("Ha not updated", ERROR, "the update of Ha is lost: Ha stays as it was",
      "Assign the result: an update in place may have gone to a temporary.",
      action=lambda Ha, A_LM, p: Ha)
ruled("no update", ERROR, "the updates of Ha and Hg are lost: both stay as they were",
      "Assign the results: an update in place may have gone to a temporary.",
      1.25, update=lambda H, s, y, scale: H, action=lambda Ha, A_LM, p: Ha)
ruled("action of pbar", ERROR, "Ha is updated with s = pbar, not s = Ha pbar", "s = Ha pbar.",
      action=lambda Ha, A_LM, p: guarded_bfgs_inverse(Ha, p, A_LM @ p, p))
ruled("A late", ERROR, "Ha is updated with A of the step before", "Average A first.", late=True)
