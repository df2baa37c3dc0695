"""Gauss-Newton in function space: the Gram matrix of the rows of S^(1/2) J, as small as N M.

With S_n = B_n B_n^T, the weights w_n/R included, and U = (J_1^T B_1, ..., J_N^T B_N) (P, N M),

    G = sum_n J_n^T S_n J_n = U U^T (P, P),         Gamma = U^T U = B^T (J J^T) B (N M, N M)

have the same eigenvalues but for zeros, and (Woodbury)

    (U U^T + lam I)^-1 b = (b - U (lam I + U^T U)^-1 U^T b)/lam.

U is never formed: its columns are backward passes of the columns of B, which the kernel of ntk.py
multiplies with each other; U^T b = B^T J b is one forward and U c one backward product.
"""

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_finite, plain, require_choice, require_finite, require_theta
from ..arrays.linalg import eigh, solve
from ..arrays.precision import eps
from ..arrays.transfer import follows
from ..derivatives import dual
from ..derivatives.directions import require_direction
from ..derivatives.routes import alike
from ..network.losses import diagonal
from .gauss_newton import output_fisher
from .memory import LIMIT
from .ntk import Rows, kernel, require_kernel_room
from .roots import as_cotangents, softmax_root

KINDS = ("ggn", "type-2")


@follows
def gram(objective, theta, kind="ggn", limit=LIMIT):
    """Gamma = B^T J J^T B (N M, N M), B B^T = S: Gauss-Newton's eigenvalues, but for zeros.

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    kind : "ggn" or "type-2"
        S is the Hessian of the loss in z, or the Fisher matrix of type 2; w_n/R included.
    limit : int
        Bytes that it and what it is made of may take: an estimate from shapes.

    Returns
    -------
    array (N M, N M)
        Row n M + a belongs to column a of B_n; M counts all outputs of an example.

    Raises
    ------
    TypeError
        If a layer with weights tells only the sum of its gradients, or S needs eigenvectors in
        numbers that have none.
    ValueError
        If a layer couples the examples, S is not positive semidefinite, or of another kind.
    MemoryError
        If it would take more than `limit`.

    Notes
    -----
    B is diag(sqrt(p)) - p sqrt(p)^T for cross-entropy, times sqrt(w_n/R), the diagonal root where S
    is diagonal, and Q sqrt(Lambda) with the eigenvectors Q of S otherwise.  Another root gives
    another Gamma, similar to this one.
    """
    return kernel(_rows(objective, theta, kind, limit)[0])


@follows
def gram_solve(objective, theta, b, damping, kind="ggn", limit=LIMIT):
    """(G + lam I)^-1 b, exactly, by one system of order N M (Woodbury).

    Parameters
    ----------
    objective : Objective
    theta : array (P,)
    b : array (P,) or (K, P)
    damping : float
        lam > 0.  For the objective's weight decay add its l2.
    kind, limit
        As in `gram`.

    Returns
    -------
    array, shape of b

    Raises
    ------
    TypeError, ValueError
        As `gram`, or if b is no such array of finite numbers, or damping is not positive and
        finite.
    MemoryError
        As `gram`.
    numpy.linalg.LinAlgError
        If the damping is so small that no digit is left: lam <= P eps |Gamma|.
    """
    damping = plain(damping)
    if not (is_finite(damping) and damping > 0):
        raise ValueError(f"damping must be positive and finite, got {damping!r}: Gauss-Newton has "
                         "rank N M at most.")
    require_theta(objective, theta)
    require_direction("b", b, theta)
    require_finite("b", F.primal(b))
    theta, b = alike(theta, b)
    rows, xs = _rows(objective, theta, kind, limit)
    D = F.reshape(rows.D, rows.D.shape[:2] + (-1,))                                   # (M, N, F)
    Jb = F.reshape(dual.jvp(objective, theta, b), b.shape[:-1] + D.shape[1:])
    Ub = F.reshape(F.einsum("mnf,...nf->...nm", D, Jb), b.shape[:-1] + (-1,))
    gamma = kernel(rows)
    _require_digits(gamma, damping, theta.size)
    damped = gamma + damping * (F.identity(gamma) + F.zeros_like(gamma))
    c = F.reshape(solve(damped, Ub.T).T, b.shape[:-1] + (D.shape[1], D.shape[0]))
    dz = F.reshape(F.einsum("mnf,...nm->...nf", D, c), b.shape[:-1] + xs[-1].shape)
    return (b - objective.net.vjp(theta, xs, dz)[0]) / damping


def _require_digits(gamma, damping, P):
    """LinAlgError if lam is lost in the rounding of G; balls prove their own digits."""
    if gamma.dtype == object:
        return
    size = np.abs(F.primal(gamma)).sum(0).max()
    least = P * eps(gamma.dtype) * size
    if not damping > least:
        raise np.linalg.LinAlgError(f"damping={damping:.3g} leaves no digit of (G + lam I)^-1 b, "
                                    f"G being of size {size:.3g}; take damping={2 * least:.3g}, "
                                    "or more.")


def _rows(objective, theta, kind, limit):
    """The rows of B^T J, and the trace."""
    require_theta(objective, theta)
    require_choice("kind", kind, KINDS)
    xs = objective.net.forward(theta, objective.x)
    z = xs[-1]
    D = as_cotangents(output_root(objective, z, kind), z)
    rows = Rows(objective.net, theta, objective.x, D)
    require_kernel_room(objective, theta, rows, rows, limit)
    return rows, xs


# ---- roots of S ----

def output_root(objective, z, kind="ggn"):
    """B (N, ..., C, C) with B B^T = S, the weights w_n/R included."""
    if objective.loss.name == "CrossEntropy":
        return softmax_root(objective, z)
    S = (objective.output_hessian(z) if kind == "ggn" else output_fisher(objective, z, "type-2"))
    _require_semidefinite(objective, S)
    if (S * (1 - F.identity(S)) == 0).all():
        return diagonal(F.sqrt(F.sum(S * F.identity(S), -1)))
    values, Q = eigh(S)
    return Q * np.sqrt(np.where(values > 0, values, 0))[..., None, :]


def _require_semidefinite(objective, S):
    values = np.linalg.eigvalsh(F.primal(S).astype(float))
    rounding = max(eps(F.primal(S).dtype), eps(float))
    worst = values[..., 0] + 10 * S.shape[-1] * rounding * values[..., -1]
    if not (worst >= 0).all():
        n = np.unravel_index(worst.argmin(), worst.shape)
        raise ValueError(f"the Hessian of {objective.loss!r} in z is indefinite, with eigenvalues "
                         f"from {values[n][0]:.1e} to {values[n][-1]:.1e} at example {n[0]}, and "
                         "has no root; take kind='type-2', or gauss_newton as it is.")
