"""Where the difference is: names of entries, errors by layer, the first wrong layer backwards."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Entry:
    """One entry by name, what they say and what we say, and the tolerance there."""

    name: str
    theirs: float
    ours: float
    bound: float


def names_of_theta(net):
    """["0.weight[0, 0]", ...] (P,), by the names that `net.named` gives."""
    found = np.empty(net.layout.size, object)
    for name, entries in net.entries().items():
        for index in np.ndindex(entries.shape):
            found[entries[index]] = f"{name}[{', '.join(map(str, index))}]"
    return found


def labels(case, axis, size):
    """What the entries along an axis are called."""
    kind, l = axis
    if kind == "theta":
        names, layout = names_of_theta(case.objective.net), case.objective.net.layout
        return names if l is None else names[layout.slices[l]]
    return [f"{kind} {i}" for i in range(size)]


def worst_entry(case):
    """The Entry that is most tolerances away."""
    excess = [np.abs(t - p.array) / np.where(b > 0, b, np.finfo(float).tiny)
              for t, p, b in zip(case.theirs, case.pieces, case.tolerance.bounds)]
    k = int(np.argmax([e.max(initial=0) for e in excess]))
    piece, place = case.pieces[k], np.unravel_index(np.argmax(excess[k]), excess[k].shape)
    parts = [str(labels(case, axis, size)[i])
             for axis, size, i in zip(piece.axes, piece.array.shape, place)]
    head = f"{piece.slot} of matrix {piece.layer}: " if piece.layer is not None else ""
    return Entry(head + ", ".join(parts) if parts else "the number", float(case.theirs[k][place]),
                 float(piece.array[place]), float(case.tolerance.bounds[k][place]))


def by_matrix(case):
    """{l: share of the entries of matrix l that are off}, where theirs has our shapes."""
    layout, wrong = case.objective.net.layout, {}
    for theirs, piece, bound in zip(case.theirs, case.pieces, case.tolerance.bounds):
        off = ~(np.abs(theirs - piece.array) <= bound)
        if piece.layer is not None:
            wrong[piece.layer] = max(wrong.get(piece.layer, 0.0), float(off.mean()))
            continue
        axes = [i for i, axis in enumerate(piece.axes) if axis[0] == "theta"]
        for l, s in enumerate(layout.slices) if axes else ():
            part = off[tuple(s if i in axes else slice(None) for i in range(off.ndim))]
            wrong[l] = max(wrong.get(l, 0.0), float(part.mean()) if part.size else 0.0)
    return wrong


def first_wrong(case):
    """The last matrix that is off, the first that backpropagation meets, by name; None if none."""
    wrong = [l for l, share in by_matrix(case).items() if share]
    if not wrong:
        return None
    net, l = case.objective.net, max(wrong)
    s = net.layout.slices[l]
    names = sorted({name for name, entries in net.entries().items()
                    if ((entries >= s.start) & (entries < s.stop)).any()})
    return " and ".join(names)
