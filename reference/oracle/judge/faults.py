"""Why an answer is no number, and why a second answer is another: causes that leave no residual.

    nan        pi = sqrt(tr A/tr G) of a factor that is zero;  division by s.y = 0
    later      damping added in place, which grows with each call;  sums that are never cleared
"""

import numpy as np
from scipy.optimize import minimize_scalar

from .kronecker import INVERSES, groups, statistics
from .subjects import SUBJECTS

NEAR = 1e-9                            # relative: a second answer that is explained
MOST = 1e6                             # times the damping: how far one may have drifted


def why_not_finite(subject, given, options):
    """Yield a line for each thing of the problem that a careless program divides 0 by 0 for."""
    objective, theta, *_ = given
    if subject.name in INVERSES:
        kept = {name: value for name, value in options.items() if name != "rule"}
        for l, of_matrix in enumerate(statistics(objective, theta, **kept)):
            for slot in "GA":
                if any(not np.trace(getattr(K, slot)) for K in groups(of_matrix)):
                    yield (f"factor {slot} of matrix {l} is zero: pi = sqrt(tr A/tr G) is 0/0 or "
                           "infinite there; take pi = 1")
    if subject.name in ("kbfgs_update", "kbfgs_damped_pairs"):
        pairs = SUBJECTS["kbfgs_pairs"].pieces(*given, **options)
        for l in sorted({piece.layer for piece in pairs if not piece.array.any()}):
            yield (f"s or y of matrix {l} is zero: BFGS divides by s.y; leave H as it is where s.y "
                   "is not above its least")


def why_later(case):
    """Yield a line on how the second of two identical calls follows from the first, if it does."""
    first, later = case.theirs, case.answer.later
    if later is None or [a.shape for a in first] != [a.shape for a in later]:
        return
    a, b = (np.concatenate([x.ravel() for x in arrays]) for arrays in (first, later))
    ratio = (a @ b) / ((a @ a) or 1.0)
    if abs(ratio - 1) > NEAR and np.linalg.norm(b - ratio * a) <= NEAR * np.linalg.norm(b):
        yield (f"the second answer is {ratio:.9g} times the first"
               + (": sums are not cleared between calls" if ratio == round(ratio) else ""))
    elif case.subject.name in INVERSES:
        yield from _drifted(case, b)


def _drifted(case, later):
    """Whether the second answer is ours at more damping."""
    lam = case.arguments["damping"]

    def off(log):
        pieces = case.subject.pieces(case.objective, case.theta, lam * np.exp(log), **case.options)
        ours = np.concatenate([piece.array.ravel() for piece in pieces])
        return np.linalg.norm(later - ours) / np.linalg.norm(later)

    found = minimize_scalar(off, bounds=(-np.log(MOST), np.log(MOST)), method="bounded",
                            options={"xatol": 1e-12})
    logs = [*np.log([2, 3, 4]), found.x]
    best = min(logs, key=off)
    if off(best) <= 1e-6:
        damping = lam * np.exp(best)
        yield (f"the second answer is ours with damping {damping:.6g}, {damping - lam:.6g} more "
               "than was asked for: damping is added in place, to what the next call begins with; "
               "add it to a copy")
