"""The search: every content, arranged in every way, with every pattern of factors; ranked.

A factor may be one for the whole answer, one for each slot (all G, all A), or one for each piece;
the pattern with fewer numbers costs less, and a number with a name less than one without.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .approximations import approximation, as_stored
from .explanation import explained
from .factors import UNKNOWN, Factor, fitted, name
from .hypotheses import CONVENTION, ERROR, NOISE, PRECISION
from .nearness import coincide, is_within, is_zero, residual, same_entries
from .noise import estimate
from .segments import FEWEST, segmented

PATTERNS = ("one", "slot", "piece")
NEAR = 0.1                             # residual beyond which the nearest tells nothing


@dataclass(frozen=True)
class Diagnosis:
    """The best Explanation that fits, the next, and the nearest of those that do not.

    best is None if none fits; `nearest` is then what came closest.
    """

    best: Any
    runner_up: Any
    nearest: Any

    @property
    def text(self):
        """In words."""
        if self.best is None:
            return ("none of the known causes fits" + (
                f"; the nearest, {self.nearest.text}, leaves {self.nearest.residual:.1e}"
                if self.nearest and self.nearest.residual <= NEAR else ""))
        second = ("" if self.runner_up is None else
                  f"; next, {self.runner_up.text} ({self.runner_up.residual:.1e})")
        return f"{self.best.text} (residual {self.best.residual:.1e}){second}"


def diagnose(case):
    """The Diagnosis of a Case: what fits to rounding; else what is nearly so, and by what.

    Numbers that a lower precision holds exactly are judged by that, where nothing else fits.
    """
    found = exact(case)
    if found.best is not None:
        return found
    near = approximation(case, estimate)
    if near is not None:
        return replace(found, best=near)
    stored = as_stored(case)
    again = exact(stored[0]) if stored else found
    if again.best is not None:
        return replace(again, best=in_precision(again.best, stored[1]))
    return found


def in_precision(best, stored):
    """The Explanation, with the precision in which the numbers are stored."""
    kind = best.kind if best.kind in (ERROR, NOISE) else PRECISION
    return replace(best, kind=kind, cost=best.cost + 1,
                   text=f"stored in {stored}, and {best.text}")


def exact(case):
    """The Diagnosis by contents, arrangements and factors alone."""
    found = [one for content in case.contents if belongs(content, case)
             for one in explanations(case, content)]
    fitting = sorted((one for one in found if one.residual <= case.closeness and one.within),
                     key=lambda one: (one.cost, one.residual))
    nearest = min(found, key=lambda one: one.residual, default=None)
    best = fitting[0] if fitting else None
    second = next((one for one in fitting[1:] if one.text != best.text), None)
    return Diagnosis(best, second, nearest)


def belongs(content, case):
    """Whether a Content is about the subject."""
    return not content.subjects or case.subject.name in content.subjects


def explanations(case, content):
    """Yield an Explanation for every arrangement of a content that has their shapes."""
    try:
        arrays = content.arrays(case)
    except (TypeError, ValueError, NotImplementedError):
        return                                     # what this network, or this loss, has not
    if arrays is None or not all(np.isfinite(a).all() for a in arrays):
        return
    if content.name != "ours" and coincide(arrays, case.ours, case.closeness):
        return                                     # at this point it is no deviation
    alike = same_entries(case, arrays)
    for arrangement in case.arrangements:
        moved = None if arrangement.permutes and not alike else arrangement.apply(case, arrays)
        if moved is None or [a.shape for a in moved] != [a.shape for a in case.theirs]:
            continue
        if arrangement.name != "as it is" and all(map(np.array_equal, moved, arrays)):
            continue                               # it changes nothing here
        yield from scaled(case, content, arrangement, moved, moved_pieces(case, arrays, moved))
        if not arrangement.permutes and content.kind == CONVENTION:
            yield from segmented(case, content, arrangement, moved)


def moved_pieces(case, arrays, moved):
    """The Piece that each of the moved arrays is of: those of a list may have changed places."""
    found = [next((j for j, a in enumerate(arrays) if a is each), i)
             for i, each in enumerate(moved)]
    return [case.pieces[j] for j in found if j < len(case.pieces)]


def scaled(case, content, arrangement, pred, pieces):
    """Yield the Explanations by one factor, one per slot and one per piece."""
    if content.exact:
        yield explained(case, content, arrangement, {"": Factor(1.0)},
                        residual(case, pred, [1.0] * len(pred)), 0)
        return
    for pattern in PATTERNS:
        groups = grouped(pieces, pattern, len(pred))
        if groups is None:
            continue
        factors = {key: factor_of(case, pred, indices, pieces) for key, indices in groups.items()}
        if any(not f.named and sum(pred[i].size for i in groups[key]) < FEWEST
               for key, f in factors.items()):
            continue                               # any number is some multiple of another
        by_piece = [factors[key].value for i in range(len(pred))
                    for key, indices in groups.items() if i in indices]
        if content.name != "ours" and coincide([c * p for c, p in zip(by_piece, pred)], case.ours,
                                               case.closeness):
            continue                               # ours, in a roundabout way
        found = explained(case, content, arrangement, factors, residual(case, pred, by_piece),
                          PATTERNS.index(pattern))
        yield replace(found, within=content.name != "ours"
                      or is_within(case, arrangement, pred, by_piece))


def grouped(pieces, pattern, count):
    """{key: indices of pieces that share a factor}; None where a simpler pattern is the same."""
    if pattern == "one":
        return {"": range(count)}
    slots = [piece.slot for piece in pieces] if len(pieces) == count else [""] * count
    if pattern == "slot":
        keys = sorted(set(slots))
        return {key: [i for i, s in enumerate(slots) if s == key] for key in keys} \
            if len(keys) > 1 else None
    return {piece_name(pieces, i): [i] for i in range(count)} if count > 1 else None


def piece_name(pieces, i):
    """What a factor of one piece is called."""
    if i >= len(pieces):
        return f"array {i}"
    piece = pieces[i]
    return f"{piece.slot} of matrix {piece.layer}".strip()


def factor_of(case, pred, indices, pieces):
    """The named Factor of some pieces."""
    value = fitted([case.theirs[i] for i in indices], [pred[i] for i in indices])
    if not np.isfinite(value) or value == 0:
        zero = all(is_zero(case, case.theirs[i]) and is_zero(case, pred[i]) for i in indices)
        return Factor(1.0) if zero else Factor(np.nan, None, UNKNOWN)
    layers = {pieces[i].layer for i in indices if i < len(pieces)} - {None}
    constants = dict(case.constants)
    if len(layers) == 1:
        constants |= case.of_layer(*layers)
    return name(value, constants, case.closeness)
