"""EKFAC gone wrong: other values in K-FAC's basis."""

from dataclasses import replace

import numpy as np

from ....curvature.ekfac import ekfac, rotated_squares
from ....curvature.kron import KronEigen
from ..hypotheses import ERROR, content
from ..kronecker import options_of, rebuilt, statistics, unlike


@content("EKFAC: K-FAC's values", ERROR, "the values are K-FAC's, products of eigenvalues",
         "Take second moments of the gradients in the basis.", ("ekfac", "ekfac_values"))
def _kfac_values(case):
    return _ekfac(case, lambda K, Q, U: np.outer(*(np.linalg.eigvalsh(M) for M in (K.G, K.A))))


@content("EKFAC: values outside the basis", ERROR,
         "the values are the block's diagonal in the standard basis",
         "Rotate the gradients first: Q^T g and U^T p.", ("ekfac", "ekfac_values"))
def _plain_values(case):
    return _ekfac(case, None, lambda g, p, Q, U: (g, p))


@content("EKFAC: basis transposed", ERROR, "gradients were rotated by Q g and U p",
         "Eigenvectors are columns: Q^T g and U^T p.", ("ekfac", "ekfac_values"))
def _transposed(case):
    return _ekfac(case, None, lambda g, p, Q, U: (g @ Q.T, p @ U.T))


@content("EKFAC: squares place by place", ERROR,
         "the values are sums of squares place by place, no square of the sum over places",
         "Sum the gradient of an example over its places before squaring.",
         ("ekfac", "ekfac_values"))
def _by_place(case):
    return _ekfac(case, None, lambda g, p, Q, U: (g @ Q, p @ U), by_place=True)


def _ekfac(case, values=None, rotate=None, by_place=False):
    eigen = ekfac(case.objective, case.theta, **options_of(case))
    if any(not isinstance(K, KronEigen) for K in eigen):
        return None
    krons, eigen = statistics(case.objective, case.theta, **options_of(case)), iter(eigen)
    if values is not None:
        changed = [replace(E, values=values(K, E.Q, E.U)) for K, E in zip(krons, eigen)]
    else:
        def make(p, g, middle, l):
            E = next(eigen)
            g, p = rotate(g, p, E.Q, E.U)
            if by_place:                           # each place an example of its own
                g, p, middle = _places_apart(g, p, middle)
            return replace(E, values=rotated_squares(p, g, middle))
        changed = rebuilt(case, make)
    return unlike(case, [K.values if case.subject.name == "ekfac_values" else K.dense()
                         for K in changed])


def _places_apart(g, p, middle):
    """(M, N, T, O) -> (M, N T, 1, O), and what belongs to an example repeated for its places."""
    T = p.shape[-2]
    g = g.reshape(len(g), -1, 1, g.shape[-1])
    return g, p.reshape(-1, 1, p.shape[-1]), None if middle is None else np.repeat(middle, T, 0)
