"""Solutions of the exercises on quasi-Newton updates and conjugate gradients."""

import numpy as np


def bfgs(H, s, y):
    """H+ = (I - rho s y^T) H (I - rho y s^T) + rho s s^T."""
    if s @ y <= 0:
        return H.copy()
    rho = 1 / (s @ y)
    left = np.eye(len(s)) - rho * np.outer(s, y)
    return left @ H @ left.T + rho * np.outer(s, s)


def damped_pair(H, s, y, lam):
    """s until s.y >= 0.2 y.Hy, then y until s.y >= sqrt(lam) s.s."""
    Hy, mu1, mu2 = H @ y, 0.2, np.sqrt(lam)
    if s @ y < mu1 * (y @ Hy):
        t = (1 - mu1) * (y @ Hy) / (y @ Hy - s @ y)
        s = t * s + (1 - t) * Hy
    if s @ y < mu2 * (s @ s):
        t = (1 - mu2) * (s @ s) / (s @ s - s @ y)
        y = t * y + (1 - t) * s
    return s, y


def cg(A, b, steps):
    """Conjugate gradients from x = 0, up to a direction of curvature <= 0."""
    x, r = np.zeros_like(b), b.copy()
    p = r.copy()
    for _ in range(steps):
        Ap = A @ p
        if p @ Ap <= 0:                                       # where r is 0, this is 0, too
            break
        t = (r @ r) / (p @ Ap)
        x = x + t * p
        new = r - t * Ap
        p = new + (new @ new) / (r @ r) * p
        r = new
    return x
