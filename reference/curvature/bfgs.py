"""BFGS on an inverse matrix, and the dampings by which K-BFGS keeps it positive definite [GRB20].

H ~ B^-1 is updated such that H+ y = s, the secant equation, and stays positive definite if and only
if s.y > 0.  [GRB20] changes s and then y until s.y is large enough.
"""

import numpy as np

from ..arrays import functions as F
from ..arrays.linalg import symmetric

MU, SKIP = 0.2, 1e-4                   # [GRB20]: first damping, least curvature


def bfgs_inverse(H, s, y):
    """H+ = (I - rho s y^T) H (I - rho y s^T) + rho s s^T, rho = 1/(s.y): then H+ y = s.

    Written out as H + (rho^2 y.Hy + rho) s s^T - rho (s (Hy)^T + (Hy) s^T) [GRB20].
    """
    rho, Hy = 1 / (s @ y), H @ y
    cross = np.outer(s, Hy)
    return symmetric(H + (rho * rho * (y @ Hy) + rho) * np.outer(s, s) - rho * (cross + cross.T))


def enough_curvature(s, y, scale):
    """Whether s.y > 0 and s.y > 1e-4 |s|^2 |scale|."""
    curvature, least = s @ y, SKIP * (s @ s) * (scale @ scale) ** 0.5
    return bool(F.positive(curvature) & F.positive(curvature - least))   # one look at a device


def guarded_bfgs_inverse(H, s, y, scale):
    """BFGS unless s.y <= 1e-4 |s|^2 |scale|, or the result is not finite; then H itself."""
    if not enough_curvature(s, y, scale):
        return H
    updated = bfgs_inverse(H, s, y)
    return updated if np.isfinite(F.primal(updated)).all() else H


def powell(s, y, Hy, mu=MU):
    """s <- t s + (1 - t) Hy such that s.y >= mu y.Hy: Powell's damping on the inverse side."""
    sy, yHy = s @ y, y @ Hy
    if _exceeds(sy, mu * yHy) or not _exceeds(yHy, 0):
        return s
    t = (yHy - mu * yHy) / (yHy - sy)
    return t * s + (1 - t) * Hy


def levenberg_marquardt(s, y, mu):
    """y <- t y + (1 - t) s such that s.y >= mu s.s, for mu < 1."""
    sy, ss = s @ y, s @ s
    if _exceeds(sy, mu * ss) or not _exceeds(ss, 0):
        return y
    t = (ss - mu * ss) / (ss - sy)
    return t * y + (1 - t) * s


def double_damping(H, s, y, lam):
    """Powell's damping with mu = 0.2, then Levenberg-Marquardt's with mu = sqrt(lam) [GRB20]."""
    s = powell(s, y, H @ y)
    return s, levenberg_marquardt(s, y, root(lam, s))


def hessian_action(Ha, A_LM, pbar):
    """BFGS with s = Ha pbar and y = A_LM s: no difference of gradients is needed."""
    s = Ha @ pbar
    return guarded_bfgs_inverse(Ha, s, A_LM @ s, pbar)


def root(lam, like):
    """sqrt(lam) in the numbers of `like`."""
    return F.sqrt(lam + F.zeros_like(like[:1]))[0]


def _exceeds(a, b):
    """a > b; balls refuse to guess."""
    return bool(F.positive(a - b))
