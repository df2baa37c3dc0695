"""Views: whole subjects, and parts of them, that an array of given shapes may be."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .orders import is_bias
from .subjects import SUBJECTS

TITLES = {"value": "the loss", "gradient": "the gradient", "hessian": "the Hessian H",
          "gauss_newton": "the Gauss-Newton matrix G", "fisher_type2": "the Fisher matrix (type 2)",
          "fisher_empirical": "the empirical Fisher matrix"}
WHOLE = ("hessian", "gauss_newton", "fisher_type2", "fisher_empirical")
PLAIN = ("value", "gradient", "per_example_gradients", "jacobian")
LISTS = ("kfac", "kfac_inverse", "ekfac")
PRODUCTS = ("jvp", "vjp", "hvp", "ggnvp")


@dataclass(frozen=True)
class View:
    """A name, a title for people, the pieces as a function, its subject, and a cost.

    arrays : ours, for comparison with other views.
    """

    name: str
    title: str
    pieces: Callable
    of: str
    arguments: tuple = ()
    cost: float = 0.0
    arrays: tuple = ()


def views(objective, theta, arguments, theirs):
    """Every View whose arrays hold as many numbers as theirs, biases left out or not."""
    sizes, found = [t.size for t in theirs], []
    for view in _all(objective, theta, arguments):
        try:
            pieces = view.pieces(objective, theta, *view.arguments)
        except (TypeError, ValueError, NotImplementedError):
            continue                               # what this network, or this loss, has not
        arrays = tuple(p.array for p in pieces)
        if sizes in ([a.size for a in arrays], _without_biases(objective.net, pieces)):
            found.append(replace(view, arrays=arrays))
    return found


def _without_biases(net, pieces):
    """Sizes of the pieces without the entries of biases along the axes of theta."""
    kept = np.ones(net.layout.size, bool)
    for name, entries in net.entries().items():
        kept[entries] &= not is_bias(name)

    def length(size, axis):
        if axis[0] != "theta":
            return size
        return kept.sum() if axis[1] is None else kept[net.layout.slices[axis[1]]].sum()
    return [int(np.prod([length(*each) for each in zip(p.array.shape, p.axes)])) for p in pieces]


def _all(objective, theta, arguments):
    for name in PLAIN + WHOLE + PRODUCTS + LISTS:
        subject = SUBJECTS[name]
        if all(each in arguments for each in subject.arguments):
            given = tuple(arguments[each] for each in subject.arguments)
            whole = View(name, TITLES.get(name, f"the {subject.title}"), subject.pieces, name,
                         given)
            yield whole
            yield from _parts(whole, objective)


def _parts(whole, objective):
    """Diagonals and blocks of matrices, single pieces of lists, and their inverses."""
    layers = range(len(objective.net.layout.shapes))
    if whole.of in WHOLE:
        yield _part(whole, "diagonal", "the diagonal of {}", _diagonal, 0.25)
        for l in layers:
            yield _part(whole, f"block {l}", f"block {l} of {{}}", _block(l), 0.25)
            yield _part(whole, f"diagonal of block {l}", f"the diagonal of block {l} of {{}}",
                        lambda o, ps, l=l: _diagonal(o, _block(l)(o, ps)), 0.5)
    if whole.of in LISTS:
        for k in range((2 if whole.of == "kfac" else 1) * len(layers)):
            yield _single(whole, k, lambda a: a, "")
            yield _single(whole, k, _inverse, "the inverse of ")
        if whole.of == "kfac":
            for l in layers:
                yield _part(whole, f"G kron A {l}", f"K-FAC's G kron A of matrix {l}",
                            _product(l), 0.25)
    if whole.of == "gradient":
        for l in layers:
            yield _part(whole, f"matrix {l}", f"{{}}, matrix {l}", _entries(l), 0.25)


def _part(whole, name, title, take, cost):
    """A View of take(objective, pieces) of the whole."""
    def pieces(objective, *given):
        return take(objective, whole.pieces(objective, *given))
    return replace(whole, name=f"{whole.name}, {name}", title=title.format(whole.title),
                   pieces=pieces, cost=cost)


def _single(whole, k, change, before):
    """Piece k of a list, or a function of it."""
    def take(objective, pieces):
        return [replace(pieces[k], array=change(pieces[k].array))]
    l, slot = (k // 2, "GA"[k % 2]) if whole.of == "kfac" else (k, "block")
    what = f"K-FAC's {slot} of matrix {l}" if whole.of == "kfac" else f"{{}}, block {l}"
    return _part(whole, f"{before}{slot} {l}", before + what, take, 0.25 + bool(before))


def _inverse(a):
    if np.linalg.cond(a) > 1e10:
        raise ValueError("singular to working precision: no inverse to compare with.")
    return np.linalg.inv(a)


def _diagonal(objective, pieces):
    piece, = pieces
    return [replace(piece, array=np.diagonal(piece.array), axes=piece.axes[:1])]


def _block(l):
    def take(objective, pieces):
        piece, s = pieces[0], objective.net.layout.slices[l]
        return [replace(piece, array=piece.array[s, s], axes=(("theta", l),) * 2, layer=l)]
    return take


def _entries(l):
    def take(objective, pieces):
        piece, s = pieces[0], objective.net.layout.slices[l]
        return [replace(piece, array=piece.array[s], axes=(("theta", l),), layer=l)]
    return take


def _product(l):
    def take(objective, pieces):
        G, A = pieces[2 * l:2 * l + 2]
        return [replace(G, array=np.kron(G.array, A.array), axes=(("theta", l),) * 2, slot="")]
    return take
