"""K-BFGS's pairs and updates as subjects, and the bookkeeping of one step in replaceable pieces.

    RULES   what is done: difference, averages, Powell's damping, the second, update, action
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...curvature.bfgs import guarded_bfgs_inverse, levenberg_marquardt, powell
from ...curvature.kbfgs import Factors, initial_factors
from ...curvature.kbfgs import advanced as right
from ...curvature.kbfgs_pass import passed
from ...curvature.kfac import input_factor
from ...curvature.limited_memory import LimitedMemory, guarded_append
from .subjects import SUBJECTS, Piece, Subject

NAMES = ("kbfgs_pairs", "kbfgs_damped_pairs", "kbfgs_update")


# ---- subjects ----

def _advanced(objective, theta, theta_plus, damping=0.3, decay=0.9, factors=None, keep_A=False,
              advance=right):
    factors = initial_factors(objective, theta, damping) if factors is None else factors
    return advance(passed(objective, theta), passed(objective, theta_plus), factors, damping,
                   (decay, decay), keep_A)


def _pairs(names):
    def pieces(objective, theta, theta_plus, **options):
        return [Piece(pair[name], (("row", l),), name, l) for l, pair in
                enumerate(_advanced(objective, theta, theta_plus, **options)[1]) for name in names]
    return pieces


def _updated(objective, theta, theta_plus, **options):
    """A, Ha, Hg of each layer after the step."""
    found = []
    for l, f in enumerate(_advanced(objective, theta, theta_plus, **options)[0]):
        Hg = f.Hg.dense() if isinstance(f.Hg, LimitedMemory) else f.Hg
        found += [Piece(f.A, (("column", l),) * 2, "A", l),
                  Piece(f.Ha, (("column", l),) * 2, "Ha", l),
                  Piece(Hg, (("row", l),) * 2, "Hg", l)]
    return found


SUBJECTS.update({subject.name: subject for subject in (
    Subject("kbfgs_pairs", "K-BFGS pairs s, y", _pairs(("s", "y")), ("theta_plus",)),
    Subject("kbfgs_damped_pairs", "K-BFGS pairs, damped twice", _pairs(("s_damped", "y_damped")),
            ("theta_plus",)),
    Subject("kbfgs_update", "K-BFGS factors A, Ha, Hg after a step", _updated, ("theta_plus",)),
)})


# ---- one step's bookkeeping, in pieces ----

@dataclass(frozen=True)
class Rules:
    """What K-BFGS does with a step, one function for each thing."""

    difference: Callable = lambda s, s_plus, g, g_plus: (s - s_plus, g - g_plus)
    average: Callable = lambda before, now, decay: now + decay * (before - now)
    average_A: Callable = lambda before, now, decay: now + decay * (before - now)
    powell: Callable = lambda s, y, Hy: powell(s, y, Hy)
    second: Callable = levenberg_marquardt
    root: Callable = lambda lam: lam ** 0.5
    update: Callable = guarded_bfgs_inverse        # (H, s, y, scale) of Hg
    action: Callable = lambda Ha, A_LM, p: guarded_bfgs_inverse(Ha, Ha @ p, A_LM @ (Ha @ p), p)
    late: bool = False                             # whether the action takes A before its average


def advance(rules):
    """`curvature.kbfgs.advanced` by these Rules."""
    def advanced(here, there, factors, lam, decays, keep_A=False):
        both = [_one(here.objective, a, b, old, lam, decays, keep_A, rules)
                for a, b, old in zip(here.means, there.means, factors)]
        return [new for new, _ in both], [pair for _, pair in both]
    return advanced


def _one(objective, here, there, old, lam, decays, keep_A, rules):
    (p, pbar, s_here, g_here), (_, _, s_there, g_there) = here, there
    A = old.A if keep_A else rules.average_A(old.A, input_factor(objective, p), decays[0])
    differences = rules.difference(s_here, s_there, g_here, g_there)
    s, y = (rules.average(*both, decays[1]) for both in zip((old.s, old.y), differences))
    root = rules.root(lam)
    s_damped = rules.powell(s, y, old.Hg @ y)
    y_damped = rules.second(s_damped, y, root)
    limited = isinstance(old.Hg, LimitedMemory) and rules.update is guarded_bfgs_inverse
    Hg = (guarded_append if limited else rules.update)(old.Hg, s_damped, y_damped, g_here)
    of_A = old.A if rules.late else A
    Ha = rules.action(old.Ha, of_A + root * np.eye(len(A)), pbar)
    pair = {"s": s, "y": y, "s_damped": s_damped, "y_damped": y_damped,
            "Hg_taken": Hg is not old.Hg, "Ha_taken": Ha is not old.Ha, "scales": (g_here, pbar)}
    return Factors(A, Ha, Hg, s, y), pair


def stepped(rules):
    """The step of K-BFGS with these Rules for what it leaves behind."""
    def step(optimizer, objective, theta, state):
        after, left, info = optimizer.step(objective, theta, state)
        if info["accepted"]:
            decays = optimizer.decay, 0 if optimizer.full_batch else optimizer.decay
            factors, pairs = advance(rules)(passed(objective, theta), passed(objective, after),
                                            state.factors, optimizer.damping, decays, state.k == 0)
            left = replace(left, factors=factors)
            info = {**info, "factors_after": factors, "pairs": pairs}
        return after, left, info
    return step
