"""F^, K-FAC's approximation whose inverse, not whose matrix, is block-tridiagonal [MG15, sec. 4.3].

F^ agrees with F~ (see `between`) on the blocks of |l - m| <= 1, and its inverse has no others: as a
covariance, of a chain in which layer l depends on layer l + 1 alone, with regression Psi and
conditional covariance Sigma,

    Psi_l = F~_{l,l+1} F~_{l+1,l+1}^-1,    Sigma_l = F~_ll - Psi_l F~_{l+1,l+1} Psi_l^T,
    F^^-1 = Xi^T Lambda Xi,    Xi v = (v_l - Psi_l v_{l+1})_l,    Lambda = diag(Sigma_l^-1).

Psi is a Kronecker product, and so is every block of F^: F^_lm = Psi_l F^_{l+1,m} for l < m.  A
Sigma is the difference of two; with X, s of the pencil X^T G X = I, X^T C X = diag(s), and Y, t
likewise [MG15, app. B],

    (G (x) A - C (x) D)^-1 = (X (x) Y) diag(1/(1 - s_i t_j)) (X (x) Y)^T.

Damping adds to the diagonal factors by the rule "pi" before any of it [MG15, sec. 6.3]; F~ stays
positive definite, for both moments are, and their block-wise product then is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_whole, require_array
from ..arrays.linalg import grid, symmetric
from ..arrays.namespace import library
from ..arrays.precision import eps
from ..arrays.transfer import follows
from .between import factored
from .damping import eigenpairs, like, require_damping, room
from .kron import Kron


@follows
def kfac_tridiagonal(objective, theta, kind="type-2", rng=None, samples=1, setting="expand"):
    """F^ (P, P) with block-tridiagonal inverse, equal to F~ on blocks |l - m| <= 1 [MG15].

    Parameters
    ----------
    objective : Objective
        Its matrices, one group of rows each, are a chain in the order of the layout.
    theta : array (P,)
    kind, rng, samples
        As in `kfac`.
    setting : "expand" or "reduce"
        As in `kfac`; "expand", with which [MG15] agrees, is for T = 1.

    Returns
    -------
    KronTridiagonal
        With `damped`, `dense`, `inv` and `solve`.

    Raises
    ------
    ValueError
        For groups of rows, coupled examples, and "expand" where a matrix is used at several places.
    """
    part, layers = factored(objective, theta, kind, rng, samples, setting)
    return KronTridiagonal(tuple(Kron(part(l, l).G, part(l, l).A) for l in layers),
                           tuple(part(l, l + 1) for l in layers[:-1]))


@dataclass(frozen=True, eq=False)
class KronTridiagonal:
    """F^ (P, P) from F~'s diagonal blocks `krons` and those beside them, `beside[l]` = F~_{l,l+1}.

    Its inverse is block-tridiagonal; F^ itself is full.
    """

    krons: tuple
    beside: tuple
    __array_ufunc__ = None                      # array @ this is refused here, not by NumPy

    def __matmul__(self, v):
        raise TypeError("a KronTridiagonal has no product of its own; take .dense() @ v, and "
                        ".solve(v, damping) for its inverse.")

    __rmatmul__ = __matmul__

    def damped(self, damping):
        """With G_ll + sqrt(lam)/pi I and A_ll + sqrt(lam) pi I on the diagonal [MG15, sec. 6.3]."""
        return KronTridiagonal(tuple(_damped(K, damping) for K in self.krons), self.beside)

    def psi(self, l):
        """Psi_l = F~_{l,l+1} F~_{l+1,l+1}^-1, a KronRectangle; LinAlgError if that is singular."""
        if not (is_whole(l, 0) and l < len(self.beside)):
            raise ValueError(f"l must be a whole number below {len(self.beside)}, of a matrix that "
                             f"another one follows, got {l!r}.")
        return self.beside[l].times(self.krons[l + 1].inv())

    def conditional(self, l):
        """Sigma_l, the covariance of layer l given layer l + 1: a KronDifference."""
        psi = self.psi(l)
        return _given(self.krons[l], psi, self.beside[l], self.krons[l + 1])

    def dense(self):
        """F^ (P, P), every block a Kronecker product.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a factor between the first and the last matrix is singular: see `damped`.
        """
        layers = range(len(self.krons))
        upper = {(l, l): K for l, K in enumerate(self.krons)}
        upper.update({(l, l + 1): B for l, B in enumerate(self.beside)})
        for l in reversed(layers[:-2]):
            psi = self.psi(l)
            upper.update({(l, m): psi.times(upper[l + 1, m]) for m in layers[l + 2:]})
        return grid([[upper[l, m].dense() if l <= m else upper[m, l].dense().T for m in layers]
                         for l in layers])

    def inv(self, damping=0.0):
        """Xi^T Lambda Xi, the inverse of F^ damped as in `damped`: a TridiagonalInverse.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a damped factor, or a conditional covariance, is singular to working precision.
        TypeError
            For numbers without an eigendecomposition: longdouble, complex, balls.
        """
        krons = self.damped(damping).krons
        inverses = [K.inv() for K in krons]                     # the first, too, must be invertible
        psi = tuple(B.times(inverse) for B, inverse in zip(self.beside, inverses[1:]))
        sigma = map(_given, krons, psi, self.beside, krons[1:])
        return TridiagonalInverse(psi, (*(S.inv() for S in sigma), inverses[-1]))

    def solve(self, v, damping=0.0):
        """The damped inverse times v (..., P)."""
        return self.inv(damping).matvec(v)


def _damped(K, damping):
    root, pi = like(K.A, require_damping(damping, "pi")) ** 0.5, K.pi()
    return Kron(K.G + root / pi * F.identity(K.G), K.A + root * pi * F.identity(K.A))


def _given(K, psi, beside, after):
    """K - Psi F~_{l+1,l+1} Psi^T, since Psi F~_{l+1,l+1} is what stands beside K."""
    less = psi.times(beside.T)
    return KronDifference(K, Kron(symmetric(less.G), symmetric(less.A)), after)


@dataclass(frozen=True, eq=False)
class KronDifference:
    """G (x) A - C (x) D, positive definite: `kron` - `less`.

    after : what was inverted to make `less`, whose rounding is then in it.
    """

    kron: Kron
    less: Kron
    after: Kron

    def dense(self):
        """The (O I, O I) matrix."""
        return self.kron.dense() - self.less.dense()

    def inv(self):
        """(X (x) Y) diag(1/(1 - s t)) (X (x) Y)^T, a Congruence [MG15, app. B].

        Raises
        ------
        numpy.linalg.LinAlgError
            If some 1 - s t is not above the rounding of `less`, relative to the block it is taken
            from: n eps cond of each factor that is inverted for it.
        """
        (X, s), (Y, t) = (_pencil(self.kron.G, self.less.G), _pencil(self.kron.A, self.less.A))
        left = 1 - s[:, None] * t
        rounding = _rounding(self.kron) + _rounding(self.after)
        if not left.min() > rounding:
            raise np.linalg.LinAlgError(self._refusal(left, rounding))
        return Congruence(X, Y, 1 / left)

    def _refusal(self, left, rounding):
        usable = max(room(sum(left.shape), left.dtype), 10 * rounding)
        found = (f"(relative to the layer's own block, eigenvalues from {left.min():.1e} to "
                 f"{left.max():.1e}, and rounding of {rounding:.1e})")
        if left.min() < -usable:
            return (f"the conditional covariance is indefinite {found}: no covariance has these "
                    "blocks; take those of a Fisher matrix, or far more damping.")
        usable *= eigenpairs(self.kron.G)[0][-1] * eigenpairs(self.kron.A)[0][-1]
        return (f"the conditional covariance is singular {found}: some of a layer's gradients "
                f"follow from the next one's; add damping, for instance {usable:.1e}.")


def _rounding(K):
    """n eps cond of both factors: the relative error of what their inverses are in."""
    values = [eigenpairs(M)[0] for M in (K.G, K.A)]
    return sum(len(v) * eps(v.dtype) * v[-1] / v[0] for v in values)


def _pencil(G, C):
    """X, s with X^T G X = I and X^T C X = diag(s), for a positive definite G."""
    g, Q = eigenpairs(G)
    root = Q / g ** 0.5
    s, E = eigenpairs(symmetric(root.T @ C @ root))
    return root @ E, s


@dataclass(frozen=True, eq=False)
class Congruence:
    """(X (x) Y) diag(vec(values)) (X (x) Y)^T for any square X (O, O), Y (I, I)."""

    X: Any
    Y: Any
    values: Any

    @property
    def shape(self):
        """(O, I): of the matrices it acts on."""
        return self.values.shape

    def __matmul__(self, V):
        """X (values * (X^T V Y)) Y^T for V (..., O, I)."""
        return self.X @ (self.values * (self.X.T @ V @ self.Y)) @ self.Y.T


@dataclass(frozen=True, eq=False)
class TridiagonalInverse:
    """Xi^T Lambda Xi (P, P), from Psi_l and Sigma_l^-1, the last of which is F~_LL^-1."""

    psi: tuple
    precisions: tuple
    __array_ufunc__ = None                      # array @ this is refused here, not by NumPy

    def __matmul__(self, v):
        raise TypeError("a TridiagonalInverse acts on rows (..., P); take .matvec(v).")

    __rmatmul__ = __matmul__

    def matvec(self, v):
        """Xi^T Lambda Xi v, for v (..., P)."""
        V = _cut(v, [S.shape for S in self.precisions])
        y = [v - psi @ after for v, psi, after in zip(V, self.psi, V[1:])] + V[-1:]
        y = [S @ v for S, v in zip(self.precisions, y)]
        y = y[:1] + [v - psi.T @ before for v, psi, before in zip(y[1:], self.psi, y)]
        return np.concatenate([v.reshape(*v.shape[:-2], -1) for v in y], axis=-1)

    def dense(self):
        """The (P, P) matrix."""
        P = sum(O * I for O, I in (S.shape for S in self.precisions))
        A = self.precisions[-1].A
        return symmetric(self.matvec(library(A).eye(P, dtype=A.dtype)))


def _cut(v, shapes):
    """[V_l (..., O, I), ...] from v (..., P)."""
    require_array("v", v)
    ends = np.cumsum([O * I for O, I in shapes]).tolist()
    if v.shape[-1:] != (ends[-1],):
        raise ValueError(f"v has shape {v.shape}, but the matrix acts on vectors "
                         f"(..., {ends[-1]}).")
    return [part.reshape(*part.shape[:-1], *shape)
            for part, shape in zip(np.split(v, ends[:-1], axis=-1), shapes)]
