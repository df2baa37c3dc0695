"""Kronecker products G (x) A that act on matrices.

Row-major vec everywhere: (G (x) A) vec(V) = vec(G V A^T).  So numpy.kron(G, A) here is what papers
with column-major vec write A (x) G.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_finite, require_array, shown
from ..arrays.linalg import block_diag, symmetric
from .damping import (balance, damped_inverse, eigenpairs, like, require_damping, room, shifts_of,
                      singular, unit_diagonal)
from .entries import require_symmetric


@dataclass(frozen=True, eq=False)
class Kron:
    """G (x) A with G (O, O) and A (I, I), both symmetric: V (O, I) -> G V A^T.

    Raises
    ------
    TypeError, ValueError
        If a factor is no square, symmetric array of finite floating-point numbers.
    """

    G: Any
    A: Any

    def __post_init__(self):
        for name, M in (("G", self.G), ("A", self.A)):
            require_symmetric(name, M, "factor")

    @property
    def shape(self):
        """(O, I): of the matrices it acts on."""
        return len(self.G), len(self.A)

    def __matmul__(self, V):
        """G V A^T for V (..., O, I)."""
        _require_matrix(V, self.shape)
        return self.G @ V @ self.A.T

    def matvec(self, v):
        """The same on row-major vectors (..., O I)."""
        return _on_vectors(self, v)

    def dense(self):
        """The (O I, O I) matrix."""
        return np.kron(self.G, self.A)

    def inv(self, damping=0.0, rule="pi"):
        """The inverse, damped.

        Parameters
        ----------
        damping : float
            lam >= 0, finite; for "shifts" the pair (s, t).
        rule : str
            (G + s I)^-1 (x) (A + t I)^-1 with the shifts (s, t):

            - "pi": (sqrt(lam)/pi, sqrt(lam) pi), pi^2 = (tr A/I)/(tr G/O) [MG15, sec. 6.3];
            - "pi frobenius", "pi spectral": pi^2 = (|A|_F/sqrt(I))/(|G|_F/sqrt(O)), |A|_2/|G|_2;
            - "factored": (sqrt(lam), sqrt(lam));  "per factor": (lam, lam);  "shifts": as given.

            Or, by eigenvectors, what is no Kronecker product:

            - "exact": (G (x) A + lam I)^-1;
            - "marquardt": (G (x) A + lam diag(G (x) A))^-1 [Mar63].

        Returns
        -------
        Kron, KronEigen for "exact", KronScaled for "marquardt"

        Raises
        ------
        numpy.linalg.LinAlgError
            If what is to be inverted is singular to working precision, naming a usable damping,
            or indefinite.
        """
        damping = require_damping(damping, rule)
        if rule == "exact":
            return self.eigen().inv(damping)
        if rule == "marquardt":
            return self._marquardt(damping)
        s, t = shifts_of(self.G, self.A, damping, rule)
        return Kron(damped_inverse("G", self.G, s), damped_inverse("A", self.A, t))

    def _marquardt(self, damping):
        """D (D (G (x) A) D + lam I)^-1 D, D^-2 = diag(G) (x) diag(A)."""
        r, c = unit_diagonal("G", self.G), unit_diagonal("A", self.A)
        unit = Kron(self.G * r * r[:, None], self.A * c * c[:, None])
        return KronScaled(unit.eigen().inv(damping), r, c)

    def pi(self):
        """sqrt((tr A/I)/(tr G/O)); 1 if a trace is not positive, where the ratio says nothing."""
        return balance(self.G, self.A)

    def power(self, exponent):
        """G^exponent (x) A^exponent, for semidefinite factors; definite ones if exponent < 0."""
        return self.eigen().power(exponent)

    def eigen(self):
        """The same matrix in its eigenbasis; eigenvalues below rounding count as zero."""
        (g, Q), (a, U) = _spectrum(self.G), _spectrum(self.A)
        return KronEigen(Q, U, g[:, None] * a)


@dataclass(frozen=True, eq=False)
class KronBlocks:
    """diag(G_1 (x) A_1, G_2 (x) A_2, ...): one product for each group of rows of a matrix.

    Grouped convolutions and feature-wise scalings: rows of different groups meet patches of their
    own, and what couples two groups is left out.
    """

    blocks: tuple

    def __post_init__(self):
        for K in self.blocks:
            if not isinstance(K, (Kron, KronEigen, KronScaled)):
                raise TypeError(f"a block is a {type(K).__name__}; pass Kron(G, A).")
        if len({K.shape[1] for K in self.blocks}) != 1:
            raise ValueError(f"the blocks have shapes {[K.shape for K in self.blocks]}; they are "
                             "rows of one matrix, (O_1, I), (O_2, I), ...")

    @property
    def shape(self):
        """(O, I): of the matrices it acts on."""
        return sum(K.shape[0] for K in self.blocks), self.blocks[0].shape[1]

    def __matmul__(self, V):
        """Each group of rows of V (..., O, I) by its own product."""
        ends = np.cumsum([K.shape[0] for K in self.blocks])[:-1].tolist()
        _require_matrix(V, self.shape)
        rows = np.split(V, ends, axis=-2)
        return np.concatenate([K @ v for K, v in zip(self.blocks, rows)], axis=-2)

    def matvec(self, v):
        """The same on row-major vectors (..., O I)."""
        return _on_vectors(self, v)

    def dense(self):
        """The (O I, O I) matrix, zero between groups."""
        return block_diag([K.dense() for K in self.blocks])

    def inv(self, *damping, **options):
        """Each product's inverse, damped by itself, as `Kron.inv`: "pi" has a pi for each."""
        return KronBlocks(tuple(K.inv(*damping, **options) for K in self.blocks))

    def power(self, exponent):
        """Each product to the power, as `Kron.power`."""
        return KronBlocks(tuple(K.power(exponent) for K in self.blocks))

    def eigen(self):
        """The same matrix, each product in its eigenbasis."""
        return KronBlocks(tuple(K.eigen() for K in self.blocks))


@dataclass(frozen=True, eq=False)
class KronEigen:
    """(Q (x) U) diag(vec(values)) (Q (x) U)^T with orthogonal Q (O, O), U (I, I), values (O, I)."""

    Q: Any
    U: Any
    values: Any

    @property
    def shape(self):
        """(O, I): of the matrices it acts on."""
        return self.values.shape

    def __matmul__(self, V):
        """Q (values * (Q^T V U)) U^T for V (..., O, I)."""
        _require_matrix(V, self.shape)
        return self.Q @ (self.values * (self.Q.T @ V @ self.U)) @ self.U.T

    def matvec(self, v):
        """The same on row-major vectors (..., O I)."""
        return _on_vectors(self, v)

    def dense(self):
        """The (O I, O I) matrix."""
        basis = np.kron(self.Q, self.U)
        return symmetric((basis * self.values.reshape(-1)) @ basis.T)

    def inv(self, damping=0.0, rule="exact"):
        """(this + damping I)^-1; a matrix that is no product of factors takes no other rule."""
        damping = require_damping(damping, rule)
        if rule != "exact":
            raise ValueError(f"a KronEigen has eigenvalues of its own and no factors to damp by "
                             f"{rule!r}; pass rule='exact', or invert the Kron.")
        damped = self.values + like(self.values, damping)
        if not damped.min() >= np.finfo(damped.dtype).tiny:         # whose inverse is finite
            raise np.linalg.LinAlgError(self._singular(damped.min()))
        return KronEigen(self.Q, self.U, 1 / damped)

    def power(self, exponent):
        """Each eigenvalue to the power."""
        if not is_finite(exponent):
            raise ValueError(f"exponent must be a finite number, got {shown(exponent)}.")
        smallest = self.values.min()
        if not (smallest > 0 or smallest == 0 <= exponent):
            raise np.linalg.LinAlgError(self._singular(smallest))
        return KronEigen(self.Q, self.U, self.values ** float(exponent))

    def _singular(self, smallest):
        return singular("product", self.values.max(), smallest,
                        room(sum(self.shape), self.values.dtype))


@dataclass(frozen=True, eq=False)
class KronScaled:
    """D K D with D = diag(rows) (x) diag(columns): V (O, I) -> r c^T * (K (r c^T * V))."""

    K: Any
    rows: Any
    columns: Any

    @property
    def shape(self):
        """(O, I): of the matrices it acts on."""
        return self.K.shape

    @property
    def scale(self):
        """r c^T (O, I)."""
        return self.rows[:, None] * self.columns

    def __matmul__(self, V):
        """r c^T * (K (r c^T * V)) for V (..., O, I)."""
        _require_matrix(V, self.shape)
        return self.scale * (self.K @ (self.scale * V))

    def matvec(self, v):
        """The same on row-major vectors (..., O I)."""
        return _on_vectors(self, v)

    def dense(self):
        """The (O I, O I) matrix."""
        d = self.scale.reshape(-1)
        return d[:, None] * self.K.dense() * d


def _on_vectors(product, v):
    require_array("v", v)
    O, I = product.shape
    if v.shape[-1:] != (O * I,):
        raise ValueError(f"v has shape {v.shape}, but the product acts on vectors "
                         f"(..., {O * I}).")
    return (product @ v.reshape(v.shape[:-1] + (O, I))).reshape(v.shape)


def _require_matrix(V, shape):
    if getattr(V, "shape", ())[-2:] != shape:
        raise ValueError(f"V has shape {getattr(V, 'shape', ())}, but the product acts on matrices "
                         f"(..., {shape[0]}, {shape[1]}); `matvec` takes flat ones.")


def _spectrum(M):
    """Eigenvalues, those within rounding of zero as zero, and eigenvectors."""
    values, vectors = eigenpairs(M)
    size = np.abs(values)
    return np.where(size > len(M) * np.finfo(M.dtype).eps * size.max(), values, 0), vectors
