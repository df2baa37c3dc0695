"""(B + lam D)^-1 b for whatever B is, D = I ("identity") or diag(B) ("marquardt") [Lev44; Mar63].

Where B has entries, by Cholesky's factor.  "marquardt" is "identity" in units in which the diagonal
is 1: with d = diag(B)^-1/2, x = d * (d B d + lam I)^-1 (d * b).  Block by block, if B is blocks; of
G (x) A by `Kron.inv`; and by products, if there is nothing else.
"""

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import aslinearoperator

from ..arrays import functions as F
from ..arrays import linalg
from ..arrays.checks import (is_finite, require_choice, require_finite, require_float,
                             require_whole, shown)
from ..arrays.krylov import cg, length, minres
from ..arrays.namespace import library
from .block_diagonal import Blockwise
from .damping import (eigenvalues_shown, has_digit, like, one_norm, require_damping, room,
                      unit_diagonal)
from .diagonal import diagonal
from .entries import require_symmetric
from .kron import Kron, KronBlocks, KronEigen
from .tridiagonal import KronTridiagonal

RULES = ("identity", "marquardt")
KRYLOV = {"cg": cg, "minres": minres}
BY_FACTORS = (Kron, KronBlocks, KronEigen)


def solve(B, b, damping=0.0, rule="identity", method=None, tol=None, maxiter=None):
    """x = (B + lam I)^-1 b, or (B + lam diag(B))^-1 b.

    Parameters
    ----------
    B : array (P, P), LinearOperator, Kron, or list
        Symmetric.  A list is a block-diagonal matrix, one block per weight matrix: what `kfac`,
        `ekfac` or `blocks` return.  What `block_diagonal` returns is solved block by block, too.
    b : array (P,) or (K, P)
        One right-hand side, or one per row.
    damping : float
        lam >= 0; a pair for "shifts".
    rule : str
        "identity" or "marquardt"; of Kronecker products any rule of `Kron.inv`, where "identity" is
        "exact".
    method : "cg" or "minres", optional
        By products alone, as a LinearOperator is always solved ("cg" if omitted); "minres" for an
        indefinite B + lam D.
    tol, maxiter
        By products: |b - (B + lam D) x| <= tol |b|, eps^(2/3) if omitted, within maxiter
        products for each b, 10 P if omitted.

    Returns
    -------
    array, as b

    Raises
    ------
    TypeError, ValueError
        For another rule or method, or if B, b, tol or maxiter are none.
    numpy.linalg.LinAlgError
        If B + lam D is not positive definite to working precision, naming its extreme eigenvalues
        and a usable damping, or the negative curvature that was met; or if `method` does not get to
        tol.

    Notes
    -----
    float32 and float64 by Cholesky's factor, longdouble by elimination.  Balls and complex numbers,
    which have no sign to look at, are solved whether or not B + lam D is definite.
    """
    _require_b(b)
    _require_limits(tol, maxiter)
    if isinstance(B, KronTridiagonal):
        raise TypeError("B is a KronTridiagonal, which has a damping of its own; take B.solve(b, "
                        "damping).")
    if isinstance(B, BY_FACTORS):
        B = [B]
    if isinstance(B, (list, tuple)):
        _require_no_method(method)
        return _by_blocks(B, b, damping, rule)
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}; Kronecker "
                         "products take others.")
    damping = require_damping(damping, "exact")
    if isinstance(B, Blockwise) and method is None:
        return _by_groups(B, b, damping, rule)
    if method is not None or hasattr(B, "matvec"):
        B = B if library(B) is not np else aslinearoperator(B)
        return _by_products(B, b, damping, rule, method or "cg", tol, maxiter)
    return _dense(B, b, damping, rule)


# ---- with entries ----

def _dense(B, b, damping, rule):
    require_symmetric("B", B)
    _require_size(b, len(B))
    B = F.constant(B, b)
    if rule == "identity":
        return _shifted(B, b, damping, "I")
    d = unit_diagonal("B", B)
    return d * _shifted(d[:, None] * B * d, d * b, damping, "diag(B)")


def _shifted(B, b, damping, D):
    """(B + lam I)^-1 b; D is what an error calls I."""
    damped = B + like(B, damping) * library(B).eye(len(B), dtype="int8")
    if damped.dtype.kind != "f":
        return linalg.solve(damped, b.T).T
    L = _factor(damped)
    if L is None:
        raise np.linalg.LinAlgError(_indefinite(B, damping, D))
    if damped.dtype == np.longdouble or library(damped) is not np:
        return linalg.solve(damped, b.T).T
    return scipy.linalg.cho_solve((L, True), b.T).T


def _factor(A):
    """Cholesky's lower factor, if it exists and has a digit: 1/condition > n eps."""
    try:
        L = linalg.cholesky(A)
        if A.dtype == np.longdouble or library(A) is not np:          # where LAPACK is not
            return L if has_digit(A, linalg.inverse(A)) else None
    except np.linalg.LinAlgError:
        return None
    pocon, = scipy.linalg.get_lapack_funcs(("pocon",), (L,))
    return L if pocon(L, one_norm(A), uplo="L")[0] > len(A) * np.finfo(A.dtype).eps else None


def _indefinite(B, damping, D):
    values = eigenvalues_shown(B)
    smallest, largest = values[0], np.abs(values).max()
    above = room(len(B), values.dtype) * largest
    usable = 1.01 * max(0, -smallest) + above if largest > 0 else 1e-6
    return (f"B + {damping:.3g} {D} is not positive definite to working precision: eigenvalues of "
            f"B{' in units of its diagonal' if D != 'I' else ''} are from {smallest:.2e} to "
            f"{values[-1]:.2e}; take damping={usable:.3g}, or more.")


def _by_groups(B, b, damping, rule):
    """Block by block, whose places in theta are anywhere."""
    _require_size(b, B.shape[0])
    pieces = [_dense(block, b[..., g], damping, rule) for block, g in zip(B.blocks, B.groups)]
    return np.concatenate(pieces, axis=-1)[..., B.order]


def _by_blocks(parts, b, damping, rule):
    sizes = [_size(f"B[{i}]", part) for i, part in enumerate(parts)]
    _require_size(b, sum(sizes))
    pieces = np.split(b, np.cumsum(sizes)[:-1].tolist(), axis=-1)
    return np.concatenate([_one_block(part, piece, damping, rule)
                           for part, piece in zip(parts, pieces)], axis=-1)


def _one_block(part, b, damping, rule):
    if not isinstance(part, BY_FACTORS):
        return solve(part, b, damping, rule)
    return part.inv(damping, "exact" if rule == "identity" else rule).matvec(b)


def _size(name, part):
    if isinstance(part, BY_FACTORS):
        return part.shape[0] * part.shape[1]
    require_symmetric(name, part, "block")
    return len(part)


# ---- by products ----

def _by_products(B, b, damping, rule, method, tol, maxiter):
    require_choice("method", method, KRYLOV)
    require_float("b", b, "f")
    if B.dtype in (object, np.complex64, np.complex128, np.clongdouble):
        raise TypeError(f"B is an operator on {B.dtype}: iterations need real floats; solve with "
                        "dense(B).")
    if B.shape[0] != B.shape[1]:
        raise ValueError(f"B has shape {B.shape}; a square matrix is needed.")
    _require_size(b, B.shape[0])
    b = b.astype(np.result_type(B.dtype, b.dtype))
    damping = like(np.atleast_2d(b), damping)
    tol = float(np.finfo(b.dtype).eps) ** (2 / 3) if tol is None else tol
    D = 1 if rule == "identity" else diagonal(B)          # by which CG is preconditioned, too

    def product(v):
        return B @ v + damping * (D * v)
    aid = {"M": lambda r: r / D} if method == "cg" and np.all(np.greater(D, 0)) else {}
    rows = [KRYLOV[method](product, row, tol=tol, maxiter=maxiter, **aid)
            for row in b.reshape(-1, b.shape[-1])]
    for row, result in zip(b.reshape(-1, b.shape[-1]), rows):
        _require_converged(result, row, product, tol, method)
    return np.stack([result.x for result in rows]).reshape(b.shape)


def _require_converged(result, b, product, tol, method):
    if result.reason == "negative curvature":
        p = result.direction / length(result.direction)
        raise np.linalg.LinAlgError(
            f"after {result.iterations} products CG met a direction of curvature "
            f"{p @ product(p):.2e}: B + lam D is not positive definite; take more "
            "damping, or method='minres'.")
    size = length(result.residual) / length(b) if b.any() else 0
    if result.reason != "converged" or not size <= 10 * tol:
        why = ("; b has a part outside the range of B + lam D, which is singular"
               if result.reason == "singular" else "")
        raise np.linalg.LinAlgError(
            f"{method} left a residual of {size:.1e} |b| after {result.iterations} products, more "
            f"than tol = {tol:.1e}{why}; take more damping, a larger maxiter or a larger tol.")


# ---- checks ----

def _require_no_method(method):
    if method is not None:
        raise ValueError(f"method={method!r} is for operators and arrays; blocks are solved one by "
                         "one, by their entries: leave it out.")


def _require_b(b):
    require_float("b", b)
    if not b.size:
        raise ValueError(f"b has shape {b.shape}: there is nothing to solve for.")
    if b.dtype != object:
        require_finite("b", b)


def _require_limits(tol, maxiter):
    if tol is not None and not (is_finite(tol) and tol > 0):
        raise ValueError(f"tol must be a positive number, got {shown(tol)}.")
    if maxiter is not None:
        require_whole("maxiter", maxiter, 1)


def _require_size(b, P):
    if b.ndim not in (1, 2) or b.shape[-1] != P:
        raise ValueError(f"b has shape {b.shape}, but B acts on vectors ({P},); pass b ({P},), or "
                         f"(K, {P}) for several.")
