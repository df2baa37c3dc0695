"""The curvature matrices by name, whole or in blocks: the places of the map.

Monte-Carlo Fisher matrices are not among them, since they depend on a generator, nor are those of
K-BFGS, which depend on the steps that were taken.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..curvature.averaged import bda_pch, kfra
from ..curvature.between import kfac_dense
from ..curvature.ekfac import ekfac
from ..curvature.gauss_newton import fisher, gauss_newton
from ..curvature.hessian import hessian
from ..curvature.kfac import kfac, kflr
from ..curvature.nearest import nearest_kron
from ..curvature.operator import blocks, dense
from ..curvature.positive_curvature import positive_curvature
from ..curvature.tridiagonal import kfac_tridiagonal


@dataclass(frozen=True)
class Matrix:
    """`make`: (objective, theta) -> the matrix (P, P) if `whole`, else the list of its blocks."""

    title: str
    make: Callable
    whole: bool = True


def _operator(operator, *arguments):
    return lambda objective, theta: dense(operator(objective, theta, *arguments))


def _products(krons, **options):
    return lambda objective, theta: [K.dense() for K in krons(objective, theta, **options)]


def _nearest(objective, theta):
    layout = objective.net.layout
    return [nearest_kron(B, shape)[0].dense()
            for B, shape in zip(blocks(gauss_newton(objective, theta), layout), layout.shapes)]


MATRICES = {
    "hessian": Matrix("Hessian of L, weight decay included", _operator(hessian)),
    "gauss-newton": Matrix("generalised Gauss-Newton matrix [Sch02]", _operator(gauss_newton)),
    "fisher": Matrix("Fisher matrix, type 2 [Mar20]", _operator(fisher)),
    "empirical fisher": Matrix("empirical Fisher matrix [KBH19]", _operator(fisher, "empirical")),
    "centred fisher": Matrix("covariance of the gradients", _operator(fisher, "centred")),
    "positive curvature": Matrix("positive-curvature Hessian, |bends| [CCC18]",
                                 _operator(positive_curvature)),
    "clipped": Matrix("positive-curvature Hessian, max(0, bends) [DHH20]",
                      _operator(positive_curvature, "clip")),
    "kfac": Matrix("K-FAC, type 2, expand [MG15]", _products(kfac), False),
    "kfac reduce": Matrix("K-FAC, type 2, reduce [EIT23]", _products(kfac, setting="reduce"),
                          False),
    "kflr": Matrix("KFLR, expand [BRB17]", _products(kflr), False),
    "kfra": Matrix("KFRA [BRB17]", _products(kfra), False),
    "bda-pch": Matrix("averaged positive curvature, |bends| [CCC18]", _products(bda_pch), False),
    "ekfac": Matrix("EKFAC, type 2, expand [GLB18]", _products(ekfac), False),
    "nearest kronecker": Matrix("Kronecker products nearest to Gauss-Newton's blocks [VLP93]",
                                _nearest, False),
    "kfac whole": Matrix("K-FAC of all blocks, type 2 [MG15, sec. 3]", kfac_dense),
    "tridiagonal kfac": Matrix("K-FAC with block-tridiagonal inverse, undamped [MG15, sec. 4.3]",
                               lambda o, t: kfac_tridiagonal(o, t).dense()),
}


def require_matrix(name):
    """The Matrix of that name; ValueError with the choices."""
    if not isinstance(name, str) or name not in MATRICES:
        raise ValueError(f"no matrix {name!r}; choose one of {', '.join(MATRICES)}.")
    return MATRICES[name]


def blocks_of(found, layout):
    """The diagonal blocks of what `Matrix.make` gave."""
    return found if isinstance(found, list) else [found[s, s] for s in layout.slices]
