"""Traces and diagonals from products with random vectors, with standard errors.

With E[w w^T] = I, tr B = E[w^T B w], and diag B = E[w * B w].  Of one vector,

    Var w^T B w = 2 (|B|_F^2 - sum_i B_ii^2)        signs ("rademacher")
                  2 |B|_F^2                         normal ("gaussian")
                  2 P/(P + 2) (|B|_F^2 - (tr B)^2/P)  of length sqrt(P) ("sphere"),

so that signs are exact on diagonal matrices and the sphere on multiples of I.  For any projector
Q Q^T that is independent of w,

    tr B = tr Q^T B Q + E[u^T B u],  u = (I - Q Q^T) w,

and nothing is left to chance where Q spans the range of B.  Hutch++ [MMMW21] makes Q of vectors of
their own.  XTrace [ETW24] makes Y = B W do for both: for the estimate with w_i, Q_i spans
Y without its column i, and the m estimates are averaged.  With Y = Q C,

    Q_i Q_i^T = Q (I - s s^T) Q^T,   s the unit vector with C^T s ~ e_i;

if column i depends on the others, there is no such s and nothing is to be removed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_whole, require_choice, require_generator
from ..arrays.transfer import alongside
from .operand import exponent, lengths, product, require_symmetric_products

PROBES = ("rademacher", "gaussian", "sphere")


@dataclass(frozen=True, eq=False)
class Estimate:
    """A value, its standard error as the same draws tell it, and the products with B it took.

    The error is infinite where all draws are one vector of signs, up to sign.
    """

    value: Any
    standard_error: Any
    products: int


def trace(B, products, rng, method="xtrace", probes="rademacher"):
    """An unbiased estimate of tr B from products with random vectors.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    products : int
        Products with B, at most: hutchinson takes all (2 or more), hutch++ a multiple of 3
        (6 or more), xtrace an even number (4 or more).
    rng : numpy.random.Generator
    method : "hutchinson" [Hut89], "hutch++" [MMMW21] or "xtrace" [ETW24]
        The second is exact on matrices of rank <= products/3, the third of rank < products/2, for
        almost all draws.
    probes : "rademacher", "gaussian" or "sphere"
        How vectors are drawn: signs; normal; normal, and scaled to E|w|^2 within what is left to
        chance, which is exact on multiples of I.

    Returns
    -------
    Estimate

    Raises
    ------
    TypeError, ValueError
        As `ref.eigenvalues`; and if rng is no generator, for another name, too few products, or a
        product that is not finite.
    """
    apply = product(B)
    count = _count(products, method, TRACES)
    require_choice("probes", probes, PROBES)
    require_generator(rng)
    W = draw(rng, B, count, probes)
    return TRACES[method][0](apply, W, probes)


def diagonal_estimate(B, products, rng, method="hutchinson"):
    """An unbiased estimate of diag B (P,), with a standard error for each entry.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    products : int
        Products with B, at most: 2 or more, or for xdiag an even number, 4 or more.
    rng : numpy.random.Generator
        Draws signs.
    method : "hutchinson" [BKS07] or "xdiag" [ETW24]
        Of the first, entry i has variance sum_(j != i) B_ij^2/products: exact on diagonal matrices.
        The second is exact on matrices of rank < products/2, for almost all draws.

    Returns
    -------
    Estimate
    """
    apply = product(B)
    count = _count(products, method, DIAGONALS)
    require_generator(rng)
    return DIAGONALS[method][0](apply, draw(rng, B, count, "rademacher"))


def draw(rng, B, count, probes):
    """Random vectors (P, count) as columns, with E[w w^T] = I."""
    shape = B.shape[0], count
    if probes == "rademacher":
        return alongside((2 * rng.integers(2, size=shape) - 1).astype(B.dtype), B)
    W = alongside(rng.standard_normal(shape).astype(B.dtype), B)
    return W if probes == "gaussian" else scaled(W, len(W))


def scaled(U, dimension):
    """Columns of U at the length sqrt(dimension); 0 stays 0."""
    size = (U * U).sum(0)
    return U * np.sqrt(dimension / np.where(size > 0, size, 1)).astype(U.dtype)


# ---- traces: (apply, W (P, m), probes) -> Estimate ----

def hutchinson(apply, W, probes):
    """The mean of w^T B w."""
    return averaged((W * apply(W)).sum(0), W.shape[1], alike(W))


def hutch_plus_plus(apply, W, probes):
    """tr Q^T B Q + mean u^T B u: Q spans B times the first half of W, u is from the second."""
    half = W.shape[1] // 2
    Q, G = np.linalg.qr(apply(W[:, :half]))[0], W[:, half:]
    U = G - Q @ (Q.T @ G)
    if probes == "sphere":
        U = scaled(U, len(Q) - Q.shape[1])
    return averaged(np.trace(Q.T @ apply(Q)) + (U * apply(U)).sum(0), 2 * half + Q.shape[1],
                    alike(G) and Q.shape[1] < len(Q))


def xtrace(apply, W, probes):
    """The mean of tr Q_i^T B Q_i + u_i^T B u_i, u_i = (I - Q_i Q_i^T) w_i; B u_i is at hand."""
    Y = apply(W)
    Q, S = leave_one_out(Y)
    Z = apply(Q)
    T, M = Q.T @ Z, Q.T @ W
    M = M - S * (S * M).sum(0)                          # Q_i Q_i^T w_i = Q M[:, i]
    U, BU = W - Q @ M, Y - Z @ M
    left = (U * BU).sum(0)
    if probes == "sphere":                              # u at the length that it has on average
        size, rank = (U * U).sum(0), Q.shape[1] - (S * S).sum(0)
        left = left * (len(Q) - rank) / np.where(size > 0, size, 1)
    return averaged(np.trace(T) - (S * (T @ S)).sum(0) + left, W.shape[1] + Q.shape[1], alike(W))


# ---- diagonals: (apply, W (P, m) of signs) -> Estimate ----

def hutchinson_diagonal(apply, W):
    """The mean of w * B w."""
    return averaged(W * apply(W), W.shape[1], alike(W))


def xdiag(apply, W):
    """The mean of diag(Q_i Q_i^T B) + w_i * (I - Q_i Q_i^T) B w_i."""
    Y = apply(W)
    require_symmetric_products(W, Y)                    # else Q * B Q is no diag(Q Q^T B)
    Q, S = leave_one_out(Y)
    Z, QS, C = apply(Q), Q @ S, Q.T @ Y
    outside = Y - Q @ C + QS * (S * C).sum(0)
    each = (Q * Z).sum(1)[:, None] - QS * (Z @ S) + W * outside
    return averaged(each, W.shape[1] + Q.shape[1], alike(W))


# ---- what they share ----

def leave_one_out(Y):
    """Q (P, r), a basis of Y (P, m), and S (r, m): Q (I - s_i s_i^T) Q^T is for Y without column i.

    s_i = 0 if that column depends on the others.
    """
    Q, sizes, V = np.linalg.svd(np.ldexp(Y, -exponent(Y.ravel())), full_matrices=False)
    eps = np.finfo(Y.dtype).eps
    kept = sizes > max(Y.shape) * eps * sizes[0]
    Q, sizes, V = Q[:, kept], sizes[kept], V[kept]
    S = V / sizes[:, None]                              # C^+T for C = diag(sizes) V: C^T S = V^T V
    S = S / np.sqrt(np.where(S.any(0), (S * S).sum(0), 1))
    return Q, np.where((V * V).sum(0) > 1 - eps ** 0.5, S, 0)


def alike(W):
    """Whether the columns are one vector of signs up to sign, by which chance cannot be judged."""
    return len(W) > 1 and bool((W * W[0] == W[:, :1] * W[0, 0]).all())


def averaged(each, products, alike=False):
    """The mean over the last axis, and sqrt(sum of squared deviations/(m (m - 1)))."""
    value, m = each.mean(-1), each.shape[-1]
    error = lengths((each - value[..., None]).T) / (m * (m - 1)) ** 0.5
    return Estimate(value, error + error.dtype.type(np.inf) if alike else error, products)


# name -> (estimator, of how many products one vector is, how many vectors at least)
TRACES = {"hutchinson": (hutchinson, 1, 2), "hutch++": (hutch_plus_plus, 3, 2),
          "xtrace": (xtrace, 2, 2)}
DIAGONALS = {"hutchinson": (hutchinson_diagonal, 1, 2), "xdiag": (xdiag, 2, 2)}


def _count(products, method, table):
    """How many vectors the products suffice for; of Hutch++, for Q and for what is left."""
    require_choice("method", method, table)
    _, cost, least = table[method]
    if not is_whole(products, cost * least):
        raise ValueError(f"products must be a whole number of at least {cost * least} for "
                         f"{method}, got {products!r}.")
    return products // cost * (2 if method == "hutch++" else 1)
