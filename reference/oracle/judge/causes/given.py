"""Contents: what was given, v or theta, is taken in the order of another program.

    theirs = f(theta, v[q]),  q the inverse of an order p: what they call v, v_theirs = v_ours[p]

If theirs is ordered by p, too, that is a convention; an error if only what was given is.
"""

import numpy as np

from ..hypotheses import CONVENTION, ERROR, Content, content_family
from ..orders import OURS, orders, says
from .arrangements import _taken

PRODUCTS = "hvp", "ggnvp", "jvp"
TORCH = "torch"
UNLIKE = "step", "trajectory"                      # whose answers are positions, not derivatives
DO = {TORCH: 'Declare convention="torch", or hand over v in ours: rows first, each bias behind its '
             "row."}
PERMUTE = "Hand over v in our order: rows first, each bias behind its row."
BUILD = "Make theta by net.from_named(named arrays), or ref.from_torch(module)."


@content_family
def directions(case):
    """v in each order: alone, and with the answer."""
    if case.subject.name not in PRODUCTS:
        return []
    found, named = [], case.subject.name == "jvp"
    for name, p in _orders(case):
        advice = DO.get(name, PERMUTE)
        found.append(Content(
            f"v in order {name}", CONVENTION if named else ERROR,
            f"v {'' if named else 'alone '}is taken in another order: {says(name)}", advice,
            _told(p), (), 1.0))
        if not named:
            found.append(Content(
                f"v and answer in order {name}", CONVENTION,
                f"v and the answer are in another order than ours: {says(name)}", advice,
                _told(p, answer=True), (), 1.5))
    return found


@content_family
def positions(case):
    """theta, and v if there is one, in PyTorch's order, with and without the answer."""
    p = dict(_orders(case)).get(TORCH)
    if p is None or case.subject.name in UNLIKE or case.options:
        return []
    given = "theta and v are" if "v" in case.arguments else "theta is"
    ordered = any(kind == "theta" for piece in case.pieces for kind, _ in piece.axes)
    found = [Content("theta in order torch", ERROR if ordered else CONVENTION,
                     f"{given} taken in another order: {says(TORCH)}", BUILD,
                     _told(p, theta=True), (), 1.75)]
    if ordered:
        found.append(Content("theta and answer in order torch", CONVENTION, f"{given} taken, and "
                             f"the answer given, in another order: {says(TORCH)}", BUILD,
                             _told(p, theta=True, answer=True), (), 2.0))
    return found


def _orders(case):
    """(name, p) of all orders that are not ours."""
    found = orders(case.objective.net, case.objective.x.shape[1:])
    return [(name, p) for name, p in found.items() if name != OURS]


def _told(p, theta=False, answer=False):
    """Arrays of the subject at v[q], and theta[q] if asked for; in the order p if `answer`."""
    q = np.argsort(p)

    def arrays(case):
        objective, at, *others = case.given
        others = [a[..., q] if name == "v" else a
                  for name, a in zip(case.subject.arguments, others)]
        pieces = case.subject.pieces(objective, at[q] if theta else at, *others, **case.options)
        return [_taken(case, each.array, each.axes, p) if answer else each.array
                for each in pieces]
    return arrays
