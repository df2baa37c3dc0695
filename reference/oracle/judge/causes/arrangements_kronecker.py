"""Orders of Kronecker factors, and where A has the constant 1."""

import numpy as np

from ..hypotheses import CONVENTION, ERROR, arrangement


def _slotted(case, arrays):
    return (len(arrays) == len(case.pieces) > 1
            and {piece.slot for piece in case.pieces} == {"G", "A"})


@arrangement("A before G", CONVENTION, "A comes before G")
def _exchanged(case, arrays):
    if not _slotted(case, arrays):
        return None
    return [arrays[i ^ 1] for i in range(len(arrays))]


@arrangement("all G, then all A", CONVENTION, "all G come before all A")
def _all_G(case, arrays):
    return [*arrays[::2], *arrays[1::2]] if _slotted(case, arrays) and len(arrays) > 2 else None


@arrangement("all A, then all G", CONVENTION, "all A come before all G")
def _all_A(case, arrays):
    return [*arrays[1::2], *arrays[::2]] if _slotted(case, arrays) and len(arrays) > 2 else None


BACK = "State the order, or reverse the list before you compare."


@arrangement("last matrix first", CONVENTION, "the matrices are in reverse order", BACK)
def _reversed(case, arrays):
    if _slotted(case, arrays):
        return _pairs(arrays[::2][::-1], arrays[1::2][::-1]) if len(arrays) > 2 else None
    layers = {piece.layer for piece in case.pieces} - {None}
    return arrays[::-1] if len(arrays) == len(layers) > 1 else None


@arrangement("A before G, last matrix first", CONVENTION,
             "A comes before G, and the matrices are in reverse order", BACK, 1.5)
def _exchanged_reversed(case, arrays):
    return arrays[::-1] if _slotted(case, arrays) and len(arrays) > 2 else None


CROSSED = ("G are in the order of the backward pass, A in that of the forward pass: each G is with "
           "another matrix's A", "Reverse the list of G.")


@arrangement("G reversed", ERROR, *CROSSED)
def _crossed(case, arrays):
    crosses = _slotted(case, arrays) and len(arrays) > 2
    return _pairs(arrays[::2][::-1], arrays[1::2]) if crosses else None


@arrangement("A before G, G reversed", ERROR, *CROSSED, 1.5)
def _exchanged_crossed(case, arrays):
    crosses = _slotted(case, arrays) and len(arrays) > 2
    return _pairs(arrays[1::2], arrays[::2][::-1]) if crosses else None


def _pairs(first, second):
    """One of each in turn."""
    return [a for pair in zip(first, second) for a in pair]


def _on_columns(case, arrays, move):
    """move(array, axis) along every axis of inputs."""
    if len(arrays) != len(case.pieces):
        return None
    found, moved = [], False
    for a, piece in zip(arrays, case.pieces):
        fits = a.shape == piece.array.shape
        for axis, (kind, l) in enumerate(piece.axes):
            if fits and kind == "column" and has_bias(case, l):
                a, moved = move(a, axis), True
        found.append(a)
    return found if moved else None


def has_bias(case, l):
    """Whether the last column of W_l is a bias."""
    return all((p[..., -1] == 1).all() for p, _ in case.uses[l])


@arrangement("bias column first", CONVENTION, "the constant 1 is the first input, not the last")
def _bias_first(case, arrays):
    return _on_columns(case, arrays, lambda a, axis: np.roll(a, 1, axis))


@arrangement("bias column missing", CONVENTION, "A has no row and column of the constant 1",
             "The bias is then a block of its own, with G alone; with it, append 1 to p.")
def _bias_missing(case, arrays):
    return _on_columns(case, arrays, lambda a, axis: np.delete(a, -1, axis))
