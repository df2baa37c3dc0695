"""Damping of G (x) A: the rules by name, and what can be inverted.

A Kronecker rule adds a shift to each factor, and is one line of RULES: (G, A, lam) -> (s, t),

    (G + s I)^-1 (x) (A + t I)^-1,      so that G (x) A gains  s I (x) A + t G (x) I + s t I.

"exact" adds lam I and "marquardt" lam diag(G (x) A) to the product itself; neither is a Kronecker
product, and `Kron.inv` takes eigenvectors for them.
"""

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_finite, require_choice, shown
from ..arrays.linalg import cholesky, eigh, inverse, symmetric
from ..arrays.namespace import library
from ..arrays.precision import eps
from ..arrays.transfer import to_host

# ---- the rules ----


def mean_eigenvalue(M):
    """tr M/n: the trace norm of M (x) I over its order, for semidefinite M."""
    return np.trace(M) / len(M)


def root_mean_square(M):
    """|M|_F/sqrt(n), of the eigenvalues."""
    return ((M * M).sum() / len(M)) ** 0.5


def spectral_norm(M):
    """The largest |eigenvalue|; float32 and float64 only."""
    return np.abs(eigenpairs(M)[0]).max()


def balance(G, A, size=mean_eigenvalue):
    """pi = sqrt(size(A)/size(G)); 1 if one is not positive, where the ratio says nothing.

    A trap: a factor that is 0 but for rounding has a positive size, as G of a convolution before
    GroupNorm in setting "reduce": tr G of 1e-28 makes pi 1e13, where an exact 0 makes it 1.  The
    factors alone do not tell it from small gradients, which differ by a scale of L; pass "shifts".
    """
    a, g = size(A), size(G)
    return (a / g) ** 0.5 if F.positive(a) and F.positive(g) else 1


def _balanced(size):
    """(sqrt(lam)/pi, sqrt(lam) pi), pi^2 = |A (x) I|/|I (x) G| in some norm [MG15, sec. 6.3]."""
    def rule(G, A, lam):
        pi = balance(G, A, size)
        return lam ** 0.5 / pi, lam ** 0.5 * pi
    return rule


RULES = {
    "pi": _balanced(mean_eigenvalue),
    "pi frobenius": _balanced(root_mean_square),
    "pi spectral": _balanced(spectral_norm),
    "factored": lambda G, A, lam: (lam ** 0.5, lam ** 0.5),
    "per factor": lambda G, A, lam: (lam, lam),
    "shifts": lambda G, A, pair: pair,
}
ON_THE_PRODUCT = ("exact", "marquardt")


def require_damping(damping, rule):
    """A Python number, or a pair of them for "shifts"; errors for what is no damping or rule."""
    require_choice("rule", rule, (*RULES, *ON_THE_PRODUCT))
    if rule != "shifts":
        return _require_number(damping)
    if not isinstance(damping, (tuple, list)) or len(damping) != 2:
        raise ValueError("the rule 'shifts' takes damping=(on G, on A), a pair, "
                         f"got {shown(damping)}.")
    return tuple(map(_require_number, damping))


def _require_number(damping):
    number = to_host(damping).item() if getattr(damping, "shape", None) == () else damping
    if not is_finite(number) or number < 0:
        raise ValueError("damping must be a number, finite and not negative, got "
                         f"{shown(damping)}.")
    return number


def shifts_of(G, A, damping, rule):
    """(s, t) of a Kronecker rule, in the precision of A."""
    return RULES[rule](G, A, like(A, damping))


def like(M, numbers):
    """Numbers in the precision of M, which then widen nothing."""
    if isinstance(numbers, tuple):
        return tuple(like(M, number) for number in numbers)
    if isinstance(numbers, np.longdouble) and M.dtype.kind in "fc":
        numbers = numbers.astype(M.dtype)
    return M[0, 0] * 0 + numbers


# ---- inverses ----

def damped_inverse(name, M, shift):
    """(M + shift I)^-1, symmetric to the last bit; refuses what would have no correct digit."""
    damped = M + shift * library(M).eye(len(M), dtype="int8")       # so small that no float widens
    proven = None if library(M) is np else _with_digits(damped)     # at a tenth of the time there
    if proven is not None:
        return proven
    if M.dtype != object:
        values = eigenvalues_shown(damped)
        if not values[0] > len(M) * np.finfo(M.dtype).eps * max(values[-1], 0):
            raise np.linalg.LinAlgError(singular(f"factor {name} ({len(M)}, {len(M)})",
                                                 values[-1], values[0], room(len(M), M.dtype)))
    inverted = symmetric(inverse(damped))
    if M.dtype == np.longdouble and not has_digit(damped, inverted):    # of which values know less
        raise np.linalg.LinAlgError(singular(f"factor {name} ({len(M)}, {len(M)})", values[-1],
                                             1 / one_norm(inverted), room(len(M), M.dtype)))
    return inverted


def _with_digits(A):
    """A^-1, symmetric, where factorisations and norms tell what eigenvalues would; else None."""
    if A.dtype.kind != "f":
        return None
    try:
        cholesky(A)
        inverted = symmetric(inverse(A))
    except np.linalg.LinAlgError:
        return None
    return inverted if has_digit(A, inverted) else None


def has_digit(A, inverted):
    """Whether |A|_1 |A^-1|_1 < 1/(n eps)."""
    return one_norm(A) * one_norm(inverted) * len(A) * eps(A.dtype) < 1


def one_norm(A):
    """The largest sum of |A_ij| in a column."""
    return np.abs(A).sum(0).max()


def eigenvalues_shown(M):
    """Eigenvalues (ascending) of Re M in float32 or float64, as messages have them."""
    return np.linalg.eigvalsh(M.real.astype(np.float32 if eps(M.dtype) > 1e-10 else float))


def eigenpairs(M):
    """Eigenvalues (ascending) and eigenvectors of a real symmetric factor."""
    if M.dtype.kind == "c":
        raise TypeError(f"a factor holds {M.dtype}, of which eigh would take the Hermitian part; "
                        "take complex steps through rules without eigenvectors, as 'pi'.")
    return eigh(M)


def unit_diagonal(name, M):
    """d (n,) with d_i d_j M_ij of unit diagonal: 1/sqrt(M_ii)."""
    diagonal = np.diagonal(M)
    bad = np.flatnonzero([not entry > 0 for entry in diagonal] if M.dtype == object
                         else ~(diagonal > 0))
    if bad.size:
        raise np.linalg.LinAlgError(
            f"the diagonal of {name} has {bad.size} entries that are not positive, the first "
            f"[{bad[0]}] = {diagonal[bad[0]]:.1e}, to which 'marquardt' adds nothing; damp by "
            "another rule.")
    return diagonal ** -0.5


def room(n, dtype):
    """What to add for an inverse with digits, relative to the largest of n eigenvalues."""
    return max(1e-6, 100 * n * eps(dtype))


def singular(name, largest, smallest, room):
    """What to say of a matrix with these extreme eigenvalues that cannot be inverted."""
    if smallest < -room * max(largest, 0):
        return (f"the {name} is indefinite (eigenvalues from {smallest:.1e} to {largest:.1e}): "
                "take the factors of the Fisher matrix, which are semidefinite, or far more "
                "damping.")
    condition = "infinite" if smallest <= 0 else f"{largest / smallest:.1e}"
    usable = max(room * largest, 2 * np.finfo(largest.dtype).tiny) if largest > 0 else room
    return (f"the {name} has condition number {condition} (eigenvalues from {smallest:.1e} to "
            f"{largest:.1e}); add damping, for instance {usable:.1e}.")
