"""EKFAC: the eigenbasis of K-FAC's factors, and the exact block's diagonal in it."""

import numpy as np

from ...curvature import ekfac as eigen
from ...curvature import kron as products_of
from . import passes
from .board import fresh
from .kronecker import blocks_of, factors, input_step, middle, middle_step, output_step
from .numbers import number, relative
from .step import step


def ekfac(board, kind="type-2", rng=None, samples=1, setting="expand"):
    """K-FAC's eigenbasis, the exact block's diagonal in it."""
    ours = eigen.ekfac(board.objective, board.theta, kind, fresh(rng), samples, setting)
    S = middle(board, kind, rng, samples)
    found = [[corrected(board, part, E, S) for part, E in zip(parts, getattr(E, "blocks", [E]))]
             for parts, E in zip(board.parts, ours)]
    (G, A), E, part = factors(board, board.parts[0][0], S, setting), ours[0], board.parts[0][0]
    E = getattr(E, "blocks", [E])[0]
    spread = np.diag(E.Q.T @ G @ E.Q)[:, None] * np.diag(E.U.T @ A @ E.U)
    off = max(_off_diagonal(E.Q.T @ G @ E.Q), _off_diagonal(E.U.T @ A @ E.U))
    values, whole = found[0][0]
    return [passes.forward(board), *passes.preactivation(board), middle_step(board, S, kind),
            input_step(board, A, setting), output_step(board, G, S, setting),
            step(r"G = Q\, \mathrm{diag}(g)\, Q^T, \quad A = U\, \mathrm{diag}(a)\, U^T",
                 f"The eigenvectors of both factors, as LAPACK chose them. Q^T G Q and U^T A U "
                 f"are diagonal to {off:.0e} of their size. K-FAC takes g_o a_i:", spread,
                 type(E), products_of.Kron.eigen),
            step(r"X_{nm} = Q^T \left(\sum_t \frac{\partial z_{nm}}{\partial s_{nt}}\, "
                 r"p_{nt}^T\right) U", "The gradients of W_1, seen in that basis: one matrix per "
                 "example and output.", _in_basis(part, E), eigen.rotated_squares),
            step(r"\mathrm{values} = \sum_n \sum_{mk} X_{nm} \odot S_{n,mk} X_{nk}",
                 "The diagonal of the exact block in that basis: the second moments that K-FAC "
                 f"only factors. The largest is {number(values.max())}, K-FAC's "
                 f"{number(spread.max())}.", values, eigen.ekfac),
            step(r"(Q \otimes U)\, \mathrm{diag}(\mathrm{values})\, (Q \otimes U)^T",
                 f"The matrix of W_1. {_beside(board, S, whole, np.kron(G, A))}", whole,
                 products_of.KronEigen)], [
        M for each in found for _, M in each]


def _off_diagonal(M):
    return np.abs(M - np.diag(np.diag(M))).max() / (np.abs(M).max() or 1)


def _in_basis(part, E):
    """X (N, M, O, I)."""
    gradients = np.einsum("ntom,nti->nmoi", part.J, part.p)
    return E.Q.T @ gradients @ E.U


def corrected(board, part, E, S):
    """(values, the matrix) of one group of rows."""
    X = _in_basis(part, E)
    values = np.einsum("nmoi,nmk,nkoi->oi", X, S, X, optimize=True)
    basis = np.kron(E.Q, E.U)
    return values, (basis * values.reshape(-1)) @ basis.T


def _beside(board, S, whole, K):
    exact = blocks_of(board, S)[0]
    if exact.shape != whole.shape:
        return "One for each group of rows."
    far = [relative(M - exact, exact) for M in (whole, K)]
    return f"It is {number(far[0])} of the exact block's length away, K-FAC {number(far[1])}."
