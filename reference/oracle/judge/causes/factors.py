"""What becomes of right Kronecker factors: parts, powers, averages that have only begun."""

import numpy as np

from ....curvature.kron import Kron
from .kronecker import of
from ..hypotheses import CONVENTION, ERROR, content
from ..kronecker import mapped, ours, unlike

def _each(name, kind, says, advice, on_G=None, on_A=None, **options):
    def krons(case):
        return mapped(ours(case), lambda K, l: Kron(on_G(K.G) if on_G else K.G,
                                                    on_A(K.A) if on_A else K.A))
    of(name, kind, says, advice, **options)(krons)


def _diagonal(M):
    return np.diag(np.diag(M))


def root(M):
    """M^(1/2) of a semidefinite M."""
    values, Q = np.linalg.eigh(M)
    noise = 64 * len(M) * np.finfo(M.dtype).eps * np.abs(values).max()
    return (Q * np.where(values > noise, values, 0) ** 0.5) @ Q.T


_each("kfac: diagonals", ERROR, "only the diagonals of the factors are there",
      "Keep the whole second moments.", _diagonal, _diagonal)
_each("kfac: diagonal of G", ERROR, "only the diagonal of G is there", "Keep all of G.", _diagonal)
_each("kfac: diagonal of A", ERROR, "only the diagonal of A is there", "Keep all of A.",
      on_A=_diagonal)
_each("kfac: square roots", ERROR, "theirs are square roots of the factors",
      "Multiply each root by its transpose, or compare powers.", root, root)
_each("kfac: squares", ERROR, "theirs are squares of the factors", "", lambda M: M @ M,
      lambda M: M @ M)
for _decay in (0.9, 0.95, 0.99, 0.999):
    _each(f"kfac: first average by {_decay}, from I", CONVENTION,
          f"factors are averaged with {_decay} of the past, from the identity",
          "Compare before averaging, or divide the start out.",
          *[lambda M, d=_decay: d * np.eye(len(M)) + (1 - d) * M] * 2, cost=1.5, exact=True)
    _each(f"kfac: first average by {_decay}, from 0", CONVENTION,
          f"factors are averaged with {_decay} of the past, from zero, and not de-biased",
          "Divide by 1 - decay^k, or compare before averaging.",
          *[lambda M, d=_decay: (1 - d) * M] * 2, cost=1.5, exact=True)


def _triangle(case, keep):
    if case.subject.name in ("kfac_factor_inverses", "kfac_direction"):
        return None
    return unlike(case, [keep(a) for a in case.ours])


for _name, _keep in (("upper", np.triu), ("lower", np.tril)):
    content(f"{_name} triangle", ERROR, f"only the {_name} triangle is filled",
            "Mirror it: M + M^T - diag(M).", ("kfac", "kfac_A", "kfac_G", "kflr", "kfra",
                                              "kfac_blocks", "kfac_inverse", "ekfac"))(
        lambda case, keep=_keep: _triangle(case, keep))


@content("Cholesky factors the wrong way round", ERROR,
         "theirs is L^T L of the Cholesky factor L, where L L^T is the matrix",
         "A draw is mean + L eps: for rows eps L^T, not eps L.",
         ("kfac", "kfac_A", "kfac_G", "kfac_blocks", "kfac_inverse", "ekfac"), cost=1.5)
def _turned(case):
    try:
        Ls = [np.linalg.cholesky(a) for a in case.ours]
    except np.linalg.LinAlgError:
        return None
    return unlike(case, [L.T @ L for L in Ls])


@content("kfac: damped", CONVENTION, "a multiple of I is added to each factor: they are damped",
         "Compare the factors before damping, or their inverses with 'kfac_factor_inverses'.",
         ("kfac", "kfac_A", "kfac_G", "kflr", "kfra"), cost=2.0, exact=True)
def _damped(case):
    if [t.shape for t in case.theirs] != [a.shape for a in case.ours]:
        return None
    shifts = [np.trace(t - a) / len(a) for t, a in zip(case.theirs, case.ours)]
    told = [s for s, a in zip(shifts, case.ours) if len(a) > 1]     # of 1 x 1 any would do
    if min(shifts) < 0 or not any(s > case.closeness * np.linalg.norm(a)
                                  for s, a in zip(told, case.ours)):
        return None
    return [a + s * np.eye(len(a)) for s, a in zip(shifts, case.ours)]
