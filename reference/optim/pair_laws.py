"""What holds of the pairs s, y that update inverses by BFGS, and of the updates: see laws.py.

A pair is a dict of s and y; s_damped, y_damped where they are damped; Hg_taken, Ha_taken or taken,
whether it was used; and scales (gbar, pbar), those of K-BFGS's guards.
"""

import numpy as np

from ..curvature.bfgs import enough_curvature, root
from .laws import MARGIN, Finding, length, rounding, taken
from .matrix_laws import entry, products


def update_of(now, before):
    """(pairs, factors before, factors after, ago) of the last update that can be seen whole."""
    if "pairs" in now and "factors_after" in now:
        return now["pairs"], now["factors"], now["factors_after"], 0
    if "pairs" in before and "factors" in now:
        return before["pairs"], before.get("factors", now["factors"]), now["factors"], 1
    return (), (), (), 0


def inverse_of(factor):
    """Hg, or H."""
    return entry(factor, "Hg") if entry(factor, "Hg") is not None else entry(factor, "H")


# ---- the laws ----

def secant(now, before, options):
    """H+ y = s of a pair that is taken, (s, y) damped where they are; if not, H+ = H.  BFGS [NW06].

    To n eps (|H| + |H+|) |y| (|s| |y|/s.y)^2, by how the terms of the update cancel.
    """
    pairs, olds, news, ago = update_of(now, before)
    for l, (pair, old, new) in enumerate(zip(pairs, olds, news)):
        s, y, H, plus = *_damped(pair), inverse_of(old), inverse_of(new)
        if pair.get("Hg_taken", True):
            yield _update("H+ y - s", H, plus, s, y, l, ago)
        else:
            yield Finding("H+ - H", length(plus - H), "==", 0, f"matrix {l}", ago)


def skipped(now, before, options):
    """A pair is left out only if s.y <= 1e-4 |s|^2 |gbar|, or it is not finite [GRB20]."""
    for l, pair in enumerate(now["pairs"]):
        if "scales" in pair and not pair["Hg_taken"]:
            s, y = _damped(pair)
            admitted = bool(enough_curvature(s, y, pair["scales"][0]))
            yield Finding("admitted, left out", admitted, "==", False, f"matrix {l}")


def action(now, before, options):
    """Ha+ A_LM s = s, s = Ha pbar, A_LM = A+ + sqrt(lam) I of this step's A [GRB20].  As secant."""
    pairs, olds, news, ago = update_of(now, before)
    for l, (pair, old, new) in enumerate(zip(pairs, olds, news)):
        if pair.get("Ha_taken"):
            s = old.Ha @ pair["scales"][1]
            y = new.A @ s + root(now["damping"], s) * s
            yield _update("Ha+ A_LM s - s", old.Ha, new.Ha, s, y, l, ago)


def _update(name, old, new, s, y, l, ago):
    spread = (length(s) * length(y) / (s @ y)) ** 2
    room = rounding(old) * (length(old) + length(new)) * length(y) * spread
    return Finding(name, length(new @ y - s), "<=", room, f"matrix {l}", ago)


def powell(now, before, options):
    """s_damped.y = max(s.y, mu1 y.Hy), mu1 = options.mu1, if y.Hy > 0 [Pow78; GRB20]."""
    for l, (pair, factor) in enumerate(zip(now["pairs"], products(now["factors"]))):
        if "s_damped" in pair:
            s, y, damped = pair["s"], pair["y"], pair["s_damped"]
            Hy = inverse_of(factor) @ y
            bound = max(s @ y, options.mu1 * (y @ Hy)) if y @ Hy > 0 else s @ y
            room = rounding(y, Hy) * (length(s) + length(Hy)) * length(y)
            yield Finding("s_damped.y", abs(damped @ y - bound), "<=", room, f"matrix {l}")


def second_damping(now, before, options):
    """s.y_damped = max(s.y, sqrt(lam) s.s) for s = s_damped: so s.y >= sqrt(lam) s.s [GRB20]."""
    mu = root(now["damping"], now["direction"])
    for l, pair in enumerate(now["pairs"]):
        if "y_damped" in pair:
            s, y, damped = pair["s_damped"], pair["y"], pair["y_damped"]
            room = rounding(s) * length(s) * (length(s) + length(y)) / (1 - mu)
            yield Finding("s.y_damped", abs(s @ damped - max(s @ y, mu * (s @ s))), "<=", room,
                          f"matrix {l}")


def pair_curvature(now, before, options):
    """s.y > 0 of a pair that is taken, and s.y >= sqrt(lam) s.s if damped twice [NW06; GRB20]."""
    for l, pair in enumerate(now["pairs"]):
        s, y = _damped(pair)
        if "y_damped" in pair:
            mu, room = root(now["damping"], s), rounding(s) * length(s) * (length(s) + length(y))
            yield Finding("s.y", s @ y, ">=", mu * (s @ s) - room, f"matrix {l}")
        elif pair.get("taken", taken(now)):
            yield Finding("s.y", s @ y, ">", 0, f"matrix {l}")


def same_batch(now, before, options):
    """y = gbar - gbar+, or g+ - g, of two steps on one batch: what tells the sign of y.

    To n eps of the larger.  Only where all steps see the same batch and pairs are not averaged.
    """
    for l, pair in enumerate(before["pairs"]):
        if "scales" in pair:
            a, b = pair["scales"][0], now["pairs"][l]["scales"][0]
        elif np.size(pair["y"]) == now["gradient"].size:
            a, b = now["gradient"], before["gradient"]
        else:
            continue
        room = MARGIN * rounding(a) * (length(a) + length(b))
        yield Finding("y", length(pair["y"] - (a - b)), "<=", room, f"matrix {l}", 1)


def _damped(pair):
    return pair.get("s_damped", pair["s"]), pair.get("y_damped", pair["y"])
