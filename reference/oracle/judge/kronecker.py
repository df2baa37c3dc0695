"""What can be checked of a Kronecker factorisation, as views of [Kron(G, A), ...].

    kfac, kfac_A, kfac_G      the factors            kfac_factor_inverses      damped by a rule
    kfac_blocks               G (x) A, dense         kfac_inverse              the same, dense
    kfra, kflr                others' factors        kfac_direction            F~^-1 g (P,)

`seen` shows any other factors by the view of a case, so that each way to get factors wrong is
written once, for all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from ...curvature import kfac as moments
from ...curvature.averaged import kfra
from ...curvature.ekfac import ekfac
from ...curvature.kfac import kfac, kflr
from ...derivatives.routes import gradient
from ...optim.factored import times
from .subjects import SUBJECTS, THETA, Piece, Subject

SAME = 1e-10                           # relative: two contents this near are one


def groups(K):
    """The products that a matrix has: one, or one per group of its rows."""
    return getattr(K, "blocks", (K,))


# ---- views: (objective, theta, [operator, ...]) -> pieces ----

def factor_pieces(objective, theta, krons, slots="GA"):
    """G_1, A_1, G_2, ... or one kind of them."""
    axis = {"G": "row", "A": "column"}
    return [Piece(getattr(K, slot), ((axis[slot], l),) * 2, slot, l)
            for l, of_matrix in enumerate(krons) for K in groups(of_matrix) for slot in slots]


def block_pieces(objective, theta, krons):
    """One dense matrix (O I, O I) per weight matrix."""
    return [Piece(K.dense(), (("theta", l),) * 2, "block", l) for l, K in enumerate(krons)]


def direction_piece(objective, theta, inverses):
    """F~^-1 g (P,)."""
    return [Piece(times(inverses, gradient(objective, theta), objective.net.layout), (THETA,))]


@dataclass(frozen=True)
class View:
    """`shown(objective, theta, operators)` -> pieces; `inverse`: of damped inverses."""

    title: str
    shown: Callable
    inverse: bool = False
    krons: Callable = None


def statistics(objective, theta, kind="type-2", setting="expand", seed=None, rng=None, samples=1):
    """`kfac`; a seed instead of a Generator draws the same labels at every call."""
    rng = rng if seed is None else np.random.default_rng(seed)
    return kfac(objective, theta, kind, rng, samples, setting)


VIEWS = {
    "kfac": View("K-FAC factors G, A", factor_pieces),
    "kfac_A": View("K-FAC factors A", partial(factor_pieces, slots="A")),
    "kfac_G": View("K-FAC factors G", partial(factor_pieces, slots="G")),
    "kfac_blocks": View("K-FAC, one matrix per layer", block_pieces),
    "kfac_factor_inverses": View("K-FAC factors, inverted", factor_pieces, True),
    "kfac_inverse": View("K-FAC inverse, damped", block_pieces, True),
    "kfac_direction": View("K-FAC's inverse times the gradient", direction_piece, True),
    "kflr": View("KFLR factors G, A", factor_pieces, krons=kflr),
    "kfra": View("KFRA factors C, A", factor_pieces, krons=kfra),
}
INVERSES = tuple(name for name, view in VIEWS.items() if view.inverse)
NAMES = (*VIEWS, "ekfac", "ekfac_values")


def _pieces(view):
    def plain(objective, theta, **options):
        return view.shown(objective, theta, (view.krons or statistics)(objective, theta, **options))

    def inverted(objective, theta, damping, rule="pi", **options):
        krons = statistics(objective, theta, **options)
        return view.shown(objective, theta, [K.inv(damping, rule) for K in krons])

    return inverted if view.inverse else plain


def _values(objective, theta, **options):
    """The values (O, I) of each matrix, both bases in ascending order of K-FAC's eigenvalues."""
    return [Piece(K.values, (("row", l), ("column", l)), "values", l)
            for l, of_matrix in enumerate(ekfac(objective, theta, **options))
            for K in groups(of_matrix)]


SUBJECTS.update({name: Subject(name, view.title, _pieces(view),
                               ("damping",) if view.inverse else (),
                               {"kfac": kfac, "kflr": kflr, "kfra": kfra}.get(name))
                 for name, view in VIEWS.items()})
SUBJECTS["ekfac_values"] = Subject("ekfac_values", "EKFAC's values in its basis", _values)


# ---- other factors, by the view of a case ----

def options_of(case):
    """Options of the statistics alone."""
    return {name: value for name, value in case.options.items() if name != "rule"}


@lru_cache(maxsize=4)                              # of one case: every content asks for them
def ours(case):
    """[Kron(G, A), ...] as the case's options have them."""
    view = VIEWS[case.subject.name]
    return (view.krons or statistics)(case.objective, case.theta, **options_of(case))


def seen(case, krons, invert=None):
    """Arrays of these factors as the subject shows them; None if they are ours.

    invert : callable (K, lam, l) -> the damped inverse; that of the case's rule if omitted.
    """
    view = VIEWS.get(case.subject.name)
    if view is None:
        return None
    if view.inverse:
        lam, rule = case.arguments["damping"], case.options.get("rule", "pi")
        invert = invert or (lambda K, lam, l: K.inv(lam, rule))
        krons = [_inverted(K, lam, l, invert) for l, K in enumerate(krons)]
        if any(K is None for K in krons):
            return None
    return unlike(case, [piece.array for piece in view.shown(case.objective, case.theta, krons)])


def _inverted(of_matrix, lam, l, invert):
    found = [invert(K, lam, l) for K in groups(of_matrix)]
    if any(K is None for K in found):
        return None
    return found[0] if len(found) == 1 else type(of_matrix)(tuple(found))


def unlike(case, arrays):
    """The arrays, or None where they are ours: no explanation then."""
    if [a.shape for a in arrays] == [a.shape for a in case.ours] and all(
            np.linalg.norm(a - b) <= SAME * np.linalg.norm(b) for a, b in zip(arrays, case.ours)):
        return None
    return arrays


def rebuilt(case, make, **options):
    """[Kron, ...] by make(p, g, middle, l), of patches p (N, T, I), gradients g (M, N, T, O)."""
    given = {"kind": "type-2", "seed": None, "rng": None, "samples": 1, **options_of(case),
             **options}
    rng = given["rng"] if given["seed"] is None else np.random.default_rng(given["seed"])
    uses, middle = moments.statistics(case.objective, case.theta, given["kind"], rng,
                                            given["samples"])
    return [moments.product([make(p, g, middle, l) for p, g in use.pairs()])
            for l, use in enumerate(uses)]


def mapped(krons, function):
    """function(Kron, l) for the product of every group of rows."""
    return [moments.product([function(K, l) for K in groups(of_matrix)])
            for l, of_matrix in enumerate(krons)]
