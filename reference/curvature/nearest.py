"""The Kronecker product nearest to a matrix, by rearrangement [VLP93].

Written as R[(o, o'), (i, i')] = B[(o, i), (o', i')], a Kronecker product has rank one:

    R(G (x) A) = vec(G) vec(A)^T,        |B - G (x) A| = |R(B) - vec(G) vec(A)^T|  (Frobenius).

So the leading singular vectors of R(B) are the factors of the nearest product, and the other
singular values its error.  For a symmetric B, R maps symmetric matrices to symmetric ones and skew
ones to skew ones; the factors here are symmetric, for which R's symmetric part is all that counts.
A semidefinite B makes vec(A) -> R vec(A) = sum over b of M_b A M_b^T (B = sum of b b^T, M_b = b as
a matrix) a map of semidefinite matrices to such: the best factors are semidefinite, and no skew
ones are better.
"""

import numpy as np

from ..arrays.checks import is_whole, require_finite, require_float
from ..arrays.linalg import LAPACK
from ..arrays.namespace import library
from ..arrays.precision import eps
from ..arrays.transfer import alongside
from .entries import require_entries, require_mirrored
from .kron import Kron


def nearest_kron(B, shape):
    """(Kron(G, A), |B - G (x) A|/|B|) with symmetric G, A that make it least (Frobenius) [VLP93].

    Parameters
    ----------
    B : array (O I, O I)
        Symmetric, float32 or float64: a diagonal block of a curvature matrix.
    shape : (O, I)
        Of the weight matrix, as in `net.layout.shapes`.

    Returns
    -------
    Kron
        Scaled so that tr G/O = tr A/I, and then pi = 1 in `Kron.inv`; |G| = |A| unless both traces
        are positive.  Semidefinite factors, to rounding, if B is: the nearest of all products.
        For an indefinite B a product of two skew-symmetric factors may be nearer.
        Where several products are nearest, the one whose A is closest to a multiple of I.
    float
        The relative residual, in [0, 1]; 0 for B = 0.

    Raises
    ------
    TypeError, ValueError
        If B is no finite symmetric array of that shape, or in another precision.
    """
    O, I = _require_block(B, shape)
    R = _rearranged(B, O, I)
    size = np.abs(R).max()
    if size == 0:
        return Kron(library(B).zeros((O, O), B.dtype), library(B).zeros((I, I), B.dtype)), 0.0
    R = R / size                                  # whose squares neither overflow nor vanish
    G, A = _balanced(*_leading(R, O, I))
    error = np.linalg.norm(R - G.reshape(-1, 1) * A.reshape(-1)) / np.linalg.norm(R)
    return Kron(size ** 0.5 * G, size ** 0.5 * A), float(error)


def kron_singular_values(B, shape):
    """s_1 >= s_2 >= ... of R(B) (O^2, I^2): B is a sum of Kronecker products of these sizes.

    Parameters
    ----------
    B : array (O I, O I)
        As in `nearest_kron`.
    shape : (O, I)

    Returns
    -------
    array (min(O^2, I^2),)
        |B|^2 = sum of s^2; sqrt(sum_{k > 1} s_k^2)/|B| is the residual of the nearest product, with
        symmetric factors or not.  As many are not 0 as products are needed to sum up to B.
    """
    O, I = _require_block(B, shape)
    return np.linalg.svd(_rearranged(B, O, I), compute_uv=False)


def _rearranged(B, O, I):
    return B.reshape(O, I, O, I).swapaxes(1, 2).reshape(O * O, I * I)


def _leading(R, O, I):
    """G = R vec(A), A = I projected on the leading right singular vectors, normalised.

    Equal singular values have no vectors of their own, and a mixture of semidefinite ones need not
    be semidefinite; what the positive map R^T R, applied for ever, leaves of I is.  Values that
    differ by less than sqrt(eps) count as equal: the vectors have errors of eps over the gap, so
    that neither these nor the loss of taking the lesser value exceed sqrt(eps).
    """
    (i, j, c), (o, u, r) = _upper(I, R), _upper(O, R)
    rows = R[o * O + u]
    S = r[:, None] * (rows[:, i * I + j] + rows[:, j * I + i]) / 2 * c
    _, s, vectors = np.linalg.svd(S, full_matrices=False)
    vectors = vectors[s >= s[0] * (1 - eps(S.dtype) ** 0.5)]
    along = vectors @ (i == j)
    a = along @ vectors if along.any() else vectors[0]
    a = a / np.linalg.norm(a)
    return _symmetric(S @ a / r, o, u), _symmetric(a / c, i, j)


def _upper(n, R):
    """Places i <= j of a symmetric matrix, and weights by which these entries have its norm."""
    i, j = (alongside(places, R) for places in np.triu_indices(n))
    return i, j, np.where(i == j, 1, 2 ** 0.5).astype(R.dtype)


def _symmetric(entries, i, j):
    M = library(entries).zeros((int(i[-1]) + 1,) * 2, entries.dtype)
    M[i, j] = entries
    M[j, i] = entries
    return M


def _balanced(G, A):
    """The same product, its scale split between the factors; for G = 0, two zeros."""
    g, a = np.linalg.norm(G), np.linalg.norm(A)
    if g == 0:
        return G, 0 * A
    traces, few = (np.trace(G), np.trace(A)), eps(G.dtype) ** 0.5
    if traces[0] > few * g and traces[1] > few * a:
        g, a = traces[0] / len(G), traces[1] / len(A)
    split = (a / g) ** 0.5
    return G * split, A / split


def _require_block(B, shape):
    pair = isinstance(shape, (tuple, list)) and len(shape) == 2
    if not (pair and all(is_whole(n, 1) for n in shape)):
        raise ValueError(f"shape must be (O, I), of the weight matrix, got {shape!r}.")
    require_entries("B", B)
    require_float("B", B, "f")
    if B.dtype not in LAPACK:
        raise TypeError(f"a singular value decomposition of {B.dtype} would lose digits; cast to "
                        "float64 explicitly.")
    O, I = shape
    if B.shape != (O * I, O * I):
        raise ValueError(f"B has shape {B.shape}, but a weight matrix {shape} has a block "
                         f"{(O * I, O * I)}.")
    require_finite("B", B)
    require_mirrored("B", B)
    return shape
