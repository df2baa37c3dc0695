"""Truths of the exercises on methods, and the slips that are told by name."""

import numpy as np

from ...curvature.bfgs import bfgs_inverse, double_damping, levenberg_marquardt, powell
from .formula import Slip


# ---- truths ----

def bfgs(H, s, y):
    """Written out, not as a product; H itself without curvature."""
    return bfgs_inverse(H, s, y) if s @ y > 0 else H


def damped_pair(H, s, y, lam):
    """(s, y)."""
    return double_damping(H, s, y, lam)


def krylov_basis(A, b, steps):
    """Orthonormal columns that span b, A b, ..., as many as `steps` or as there are."""
    Q = np.zeros((len(b), 0))
    for _ in range(min(steps, len(b))):
        v = b if Q.shape[1] == 0 else A @ Q[:, -1]
        w = v - Q @ (Q.T @ v)
        w = w - Q @ (Q.T @ w)
        if np.linalg.norm(w) <= 1e-10 * np.linalg.norm(v):
            break
        Q = np.column_stack([Q, w / np.linalg.norm(w)])
    return Q


def cg(A, b, steps):
    """Q (Q^T A Q)^-1 Q^T b, on the largest Krylov space on which A is positive definite."""
    Q = krylov_basis(A, b, steps)
    T = Q.T @ A @ Q
    T = (T + T.T) / 2
    k = next((k - 1 for k in range(1, len(T) + 1) if np.linalg.eigvalsh(T[:k, :k])[0] <= 0), len(T))
    return Q[:, :k] @ np.linalg.solve(T[:k, :k], Q[:, :k].T @ b)


# ---- slips ----

def sided(left, right, last):
    """A slip of BFGS: left H right + last, each of (s, y, rho, I); H where s.y <= 0."""
    def answer(H, s, y):
        rho, I = 1 / (s @ y), np.eye(len(s))
        return left(s, y, rho, I) @ H @ right(s, y, rho, I) + last(s, y, rho)
    return answer


def L(s, y, rho, I):
    """I - rho s y^T."""
    return I - rho * np.outer(s, y)


def R(s, y, rho, I):
    """I - rho y s^T."""
    return I - rho * np.outer(y, s)


def T(s, y, rho):
    """rho s s^T."""
    return rho * np.outer(s, s)


def direct(H, s, y):
    """BFGS's update of B, of the matrix and not its inverse."""
    Hs = H @ s
    return H + np.outer(y, y) / (s @ y) - np.outer(Hs, Hs) / (s @ Hs)


BFGS = (
    Slip("the term rho s s^T is missing", "Then H+ y = 0: add it.",
         sided(L, R, lambda s, y, rho: 0)),
    Slip("rho s s^T is subtracted", "Add it: H+ y = s must hold.",
         sided(L, R, lambda s, y, rho: -T(s, y, rho))),
    Slip("the two brackets are exchanged", "(I - rho s y^T) stands on the left.", sided(R, L, T)),
    Slip("s y^T is taken entry by entry, s * y.T", "y.T of a vector is y: numpy.outer(s, y).",
         sided(lambda s, y, rho, I: I - rho * s * y.T, lambda s, y, rho, I: I - rho * y * s.T,
               lambda s, y, rho: rho * s * s.T)),
    Slip("s y^T is taken entry by entry, s * y.T", "y.T of a vector is y: numpy.outer(s, y).",
         sided(lambda s, y, rho, I: I - rho * s * y, lambda s, y, rho, I: (I - rho * s * y).T, T)),
    Slip("only the left bracket is there", "H is changed from both sides, or H+ is not symmetric.",
         sided(L, lambda s, y, rho, I: I, T)),
    Slip("only the right bracket is there", "H is changed from both sides, or H+ is not symmetric.",
         sided(lambda s, y, rho, I: I, R, T)),
    Slip("rho is s.y, not 1/(s.y)", "rho = 1/(s.y).", lambda H, s, y: sided(
        lambda s, y, rho, I: L(s, y, s @ y, I), lambda s, y, rho, I: R(s, y, s @ y, I),
        lambda s, y, rho: T(s, y, s @ y))(H, s, y)),
    Slip("the last term is without rho", "rho s s^T.",
         sided(L, R, lambda s, y, rho: np.outer(s, s))),
    Slip("the last term is rho y y^T", "rho s s^T.",
         sided(L, R, lambda s, y, rho: rho * np.outer(y, y))),
    Slip("s and y are exchanged", "s is the step, y the change of the gradient: H+ y = s.",
         lambda H, s, y: bfgs_inverse(H, y, s)),
    Slip("it is the update of B, and H is its inverse", "Update H: (I - rho s y^T) H (...) + ....",
         direct),
    Slip("H is updated although s.y <= 0", "H+ would not be positive definite: return H.",
         lambda H, s, y: bfgs_inverse(H, s, y)),
    Slip("H is returned as it was", "Update it where s.y > 0.", lambda H, s, y: H))


def unguarded(s, y, Hy, mu):
    """The first damping, whatever the sign of y.Hy."""
    t = (1 - mu) * (y @ Hy) / (y @ Hy - s @ y)
    return s if s @ y >= mu * (y @ Hy) else t * s + (1 - t) * Hy


def other(first=0.2, second=np.sqrt, H_of=lambda H, s, y: H @ y):
    """A slip of the two dampings: another mu, or another vector for H y in the first."""
    def answer(H, s, y, lam):
        s = unguarded(s, y, H_of(H, s, y), first)
        return s, levenberg_marquardt(s, y, second(lam))
    return answer


def exchanged(H, s, y, lam):
    """Levenberg and Marquardt's damping first."""
    y = levenberg_marquardt(s, y, np.sqrt(lam))
    return powell(s, y, H @ y), y


def unconditional(H, s, y, lam):
    """Damped whether it is needed or not."""
    Hy, mu = H @ y, np.sqrt(lam)
    t = 0.8 * (y @ Hy) / (y @ Hy - s @ y)
    s = t * s + (1 - t) * Hy
    t = (1 - mu) * (s @ s) / (s @ s - s @ y)
    return s, t * y + (1 - t) * s


def old_s(H, s, y, lam):
    """The second damping with s as it was."""
    return powell(s, y, H @ y), levenberg_marquardt(s, y, np.sqrt(lam))


PAIR = (
    Slip("only the first damping is done", "Then damp y, with the s just made.",
         lambda H, s, y, lam: (powell(s, y, H @ y), y)),
    Slip("only the second damping is done", "First damp s, by y.Hy.",
         lambda H, s, y, lam: (s, levenberg_marquardt(s, y, np.sqrt(lam)))),
    Slip("the second damping is done first", "First s, then y with the s just made.", exchanged),
    Slip("mu of the second damping is lam, not sqrt(lam)", "mu2 = sqrt(lam).",
         other(second=lambda lam: lam)),
    Slip("mu of the second damping is 0.2, as of the first", "mu2 = sqrt(lam).",
         other(second=lambda lam: 0.2)),
    Slip("mu of the first damping is sqrt(lam), as of the second", "mu1 = 0.2.",
         lambda H, s, y, lam: other(first=np.sqrt(lam))(H, s, y, lam)),
    Slip("the second damping uses s as it was before the first", "Go on with the damped s.", old_s),
    Slip("the first damping uses y for H y, as if H were I", "y.Hy and (1 - t) Hy.",
         other(H_of=lambda H, s, y: y)),
    Slip("the first damping uses H s for H y", "H is an inverse: it multiplies y.",
         other(H_of=lambda H, s, y: H @ s)),
    Slip("it is damped although there is curvature enough", "Only if s.y is below the threshold.",
         unconditional),
    Slip("nothing is damped", "s.y is below 0.2 y.Hy: mix H y into s.",
         lambda H, s, y, lam: (s, y)))


def steepest(A, b, steps):
    """Exact steps along the residual."""
    x = 0 * b
    for _ in range(steps):
        r = b - A @ x
        x = x + r * (r @ r) / (r @ A @ r)
    return x


def through(A, b, steps):
    """CG that does not ask for the curvature."""
    x, r = 0 * b, b
    p = r
    for _ in range(steps):
        Ap = A @ p
        t = (r @ r) / (p @ Ap)
        x, new = x + t * p, r - t * Ap
        p, r = new + (new @ new) / (r @ r) * p, new
    return x


CG = (
    Slip("it is steepest descent: directions are residuals", "p <- r + beta p, beta = "
         "r+.r+/(r.r).", steepest),
    Slip("it takes one step too few", "range(steps) has `steps` steps: x changes in the first.",
         lambda A, b, steps: cg(A, b, steps - 1)),
    Slip("it takes one step too many", "Stop after `steps` steps.",
         lambda A, b, steps: cg(A, b, steps + 1)),
    Slip("it goes on where p.Ap <= 0", "There the model has no minimum along p: return x.",
         through),
    Slip("it is the exact solution", "Only `steps` steps are asked for.",
         lambda A, b, steps: np.linalg.solve(A, b)),
    Slip("it is b", "That is the first direction: go t = r.r/(p.Ap) along it.",
         lambda A, b, steps: b),
    Slip("it is the residual b - A x", "Return x.",
         lambda A, b, steps: b - A @ cg(A, b, steps)))
