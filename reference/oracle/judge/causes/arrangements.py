"""Arrangements: axes moved or flattened, and theta's entries in the orders of other programs.

What applies to a case is listed once for it: `moves` of axes that can lead to their shapes, times
`orders` of theta that differ.  An order of theta orders the entries of every matrix, too.
"""

from itertools import permutations, product

import numpy as np

from ..hypotheses import CONVENTION, ERROR, Arrangement, family
from ..orders import OURS, is_bias, orders, says

STATE = "State the order, or permute with it before you compare."
KINDS_OF_AXES = {"theta": "parameters", "example": "examples", "place": "places",
                 "output": "outputs"}


@family
def arranged(case):
    """Every move of axes with every order of theta, but the one that changes nothing."""
    found = []
    for move, order in product(moves(case), theta_orders(case)):
        if move.name or order.name:
            found.append(_both(move, order))
    return found


def _both(move, order):
    texts = [each for each in (move.says, order.says) if each]
    return Arrangement("; ".join(filter(None, (order.name, move.name))),
                       max(move.kind, order.kind, key=(CONVENTION, ERROR).index),
                       ", and ".join(texts), order.advice or move.advice,
                       lambda case, arrays: _through(case, arrays, order, move),
                       move.cost + order.cost, permutes=True)


def _through(case, arrays, order, move):
    arrays = order.apply(case, arrays)
    return None if arrays is None else move.apply(case, arrays)


# ---- axes ----

def moves(case):
    """Arrangements that move axes: the identity first, named ""."""
    still = Arrangement("", CONVENTION, "", "", lambda case, arrays: arrays, 0.0)
    if len(case.theirs) != len(case.pieces):
        return [still]
    same = [t.ndim for t in case.theirs] == [a.ndim for a in case.ours]
    found = [still] if same else [_move(None)]
    if len(case.pieces) == 1:
        axes = case.pieces[0].axes
        found += [_move(turned, axes) for turned in permutations(range(len(axes)))
                  if list(turned) != sorted(turned)]
    return found


def _move(turned, axes=()):
    """Axes in another order, then whatever shape theirs has, if it holds as many numbers."""
    def apply(case, arrays):
        if turned is not None:
            if arrays[0].ndim != len(turned) or _is_symmetric(arrays[0], turned):
                return None
            arrays = [np.transpose(a, turned) for a in arrays]
        flat = [t.size == a.size for t, a in zip(case.theirs, arrays)]
        shapes = all(t.ndim != a.ndim or t.shape == a.shape for t, a in zip(case.theirs, arrays))
        return [a.reshape(t.shape) for t, a in zip(case.theirs, arrays)] \
            if all(flat) and shapes else None
    if turned is None:
        return Arrangement("reshaped", CONVENTION, "the entries are in the same order, in another "
                           "shape", "Reshape.", apply, 0.25)
    kinds = [KINDS_OF_AXES.get(axes[i][0], axes[i][0]) for i in turned]
    if len(set(kinds)) == 1:
        return Arrangement("transposed", ERROR, "it is transposed", "Transpose it.", apply, 1.0)
    return Arrangement(f"axes {', '.join(kinds)}", CONVENTION,
                       f"its axes are {', '.join(kinds)}", "Move the axes.", apply, 0.75)


def _is_symmetric(a, turned):
    return a.ndim == 2 and a.shape[0] == a.shape[1] and np.array_equal(a, a.T)


# ---- theta ----

def theta_orders(case):
    """Arrangements that order theta as others do: the identity first, named ""."""
    still = Arrangement("", CONVENTION, "", "", lambda case, arrays: arrays, 0.0)
    if not any(kind == "theta" for piece in case.pieces for kind, _ in piece.axes):
        return [still]
    found, seen = [still], set()
    for name, p in orders(case.objective.net, case.objective.x.shape[1:]).items():
        for part, keep, cost in parts(case):
            chosen = p[np.isin(p, keep)] if part else p
            if name + part == OURS or _key(case, chosen) in seen:
                continue
            seen.add(_key(case, chosen))
            found.append(_order(case, name, part, chosen, cost))
    return found


def _key(case, p):
    """What an order does to the pieces: orders of one matrix may coincide."""
    layers = {l for piece in case.pieces for kind, l in piece.axes if kind == "theta"}
    return tuple(_of(case, p, l).tobytes() for l in sorted(layers, key=str))


def _of(case, p, l):
    """The order of the entries of matrix l; of all of theta if None."""
    if l is None:
        return p
    s = case.objective.net.layout.slices[l]
    return p[(p >= s.start) & (p < s.stop)] - s.start


def parts(case):
    """(name, entries, cost) of what theirs may be about: all of theta, or its weights alone."""
    net = case.objective.net
    biases = {int(i) for name, a in net.entries().items() if is_bias(name) for i in a.ravel()}
    weights = np.array([i for i in range(net.layout.size) if i not in biases])
    sizes = {t.size for t in case.theirs}, {a.size for a in case.ours}
    if not biases or sizes[0] == sizes[1] or not weights.size:
        return [("", None, 0.0)]
    return [("", None, 0.0), ("no biases", weights, 1.0)]


def _order(case, name, part, p, cost):
    def apply(case, arrays):
        if len(arrays) != len(case.pieces):
            return None
        return [_taken(case, a, piece.axes, p) for a, piece in zip(arrays, case.pieces)]
    words = [] if name == OURS else [says(name)]
    words += ["biases are left out"] if part else []
    cost += 0.0 if name == OURS else 1.5 if ";" in name else 1.0
    names = [each for each in (name if name != OURS else "", part) if each]
    return Arrangement("; ".join(names), CONVENTION, ", and ".join(words), STATE if name != OURS
                       else "Hand over the biases, too.", apply, cost)


def _taken(case, a, axes, p):
    """The entries p along every axis of theta."""
    if a.ndim != len(axes):
        return a
    for i, (kind, l) in enumerate(axes):
        if kind == "theta":
            a = np.take(a, _of(case, p, l), axis=i)
    return a
