"""The exercises on methods: a BFGS update, K-BFGS's damped pair, conjugate gradients."""

import numpy as np

from . import slips_method as of
from . import solutions_method as solutions
from .exercise import Exercise, Stage
from .formula import Formula
from .words import number


# ---- points ----

def definite(rng, n, floor=1.0):
    """A matrix with eigenvalues from `floor` up."""
    M = rng.standard_normal((n, n))
    return M @ M.T / n + floor * np.eye(n)


def pair(n, curved):
    """H, s, y with s.y > 0, or below 0."""
    def draw(rng):
        s, y = rng.standard_normal((2, n))
        return [definite(rng, n), s if (s @ y > 0) == curved else -s, y]
    return draw


def along(n, share, lam):
    """H, s, y, lam with s.y = share y.Hy."""
    def draw(rng):
        H, s, y = definite(rng, n), 3 * rng.standard_normal(n), rng.standard_normal(n)
        s = s + (share * (y @ H @ y) - s @ y) / (y @ y) * y
        return [H, s, y, lam]
    return draw


def system(n, steps, signs=None):
    """A, b and the number of steps; A of chosen signs of eigenvalues, if given."""
    def draw(rng):
        if signs is None:
            return [definite(rng, n, 0.5), rng.standard_normal(n), steps]
        Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        return [Q * np.array(signs) @ Q.T, Q @ (1 + rng.random(n)), steps]
    return draw


def dimension(H, s, *rest):
    """n."""
    return {"n": len(s)}


def secant(point, arrays):
    """H+ y = s, where H+ is one that must have it."""
    (H, s, y), (after,) = point, arrays
    return [f"H+ y must be s = {number(s)}; yours is {number(after @ y)}."
            ] if s @ y > 0 and not np.allclose(after @ y, s) else []


METHOD_EXERCISES = (
    Exercise("bfgs", "BFGS update of an inverse", 8, "bfgs(H, s, y) -> H+", """
H (n, n) is symmetric, near the inverse of a Hessian; s (n,) is a step, y (n,) the change of the
gradient. H+ = (I - rho s y^T) H (I - rho y s^T) + rho s s^T, rho = 1/(s.y). Derive: H+ y = s.
If s.y <= 0, return H: no positive definite matrix could do that.
""", ("Compute s.y first, then the two outer products s y^T and s s^T with numpy.outer.",
      "Check H+ @ y against s, and H+ against its transpose: both must agree to rounding.",
      "In one dimension H+ = s/y, whatever H was.",
      "Ask for s.y > 0 before dividing by it."),
             Formula(("H", "s", "y"), {"H+": ("row", "column")}, of.bfgs, dimension,
                     of.BFGS, secant),
             (Stage("the worked example", lambda rng: [np.diag([1.0, 2.0]), np.array([1.0, 1.0]),
                                                       np.array([3.0, 1.0])], 0),
              Stage("five unknowns", pair(5, True), 1), Stage("one unknown", pair(1, True), 2),
              Stage("no curvature: s.y < 0", pair(5, False), 3),
              Stage("s.y = y.Hy/10000", lambda rng: along(5, 1e-4, 1)(rng)[:3], 3),
              Stage("s.y = 0", lambda rng: [definite(rng, 2), np.array([1.0, 0.0]),
                                            np.array([0.0, 1.0])], 3)),
             (solutions.bfgs,)),
    Exercise("damped_pair", "K-BFGS's damped pair", 8, "damped_pair(H, s, y, lam) -> (s, y)", """
K-BFGS changes s and y until s.y > 0 [GRB20], first s and then y:
    if s.y < mu1 y.Hy:  s <- t s + (1 - t) H y, t such that s.y becomes mu1 y.Hy, mu1 = 0.2
    if s.y < mu2 s.s:   y <- t y + (1 - t) s, t such that s.y becomes mu2 s.s, mu2 = sqrt(lam)
Derive both t. H (n, n) is an inverse, s, y (n,), 0 < lam < 1.
""", ("First t: (t s + (1 - t) Hy).y = mu1 y.Hy is linear in t.",
      "First t = (1 - mu1) y.Hy/(y.Hy - s.y), second t = (1 - mu2) s.s/(s.s - s.y), with the s "
      "just made.",
      "Where s.y is large enough already, nothing changes.",
      "The second damping acts where lam is large: mu2 = sqrt(lam)."),
             Formula(("H", "s", "y", "lam"), {"s": ("entry",), "y": ("entry",)},
                     of.damped_pair, dimension, of.PAIR),
             (Stage("the worked example", lambda rng: [np.diag([2.0, 1.0]), np.array([-1.0, 0.0]),
                                                       np.array([1.0, 1.0]), 0.01], 0),
              Stage("five unknowns, both dampings", along(5, -0.5, 0.81), 1),
              Stage("curvature enough", lambda rng: [np.eye(3), np.array([1.0, 2.0, 0.5]),
                                                     np.array([2.0, 2.0, 1.0]), 0.01], 2),
              Stage("s.y > 0, but below 0.2 y.Hy", along(5, 0.1, 0.01), 2),
              Stage("the second damping alone", along(5, 0.25, 0.9), 3),
              Stage("one unknown", along(1, -0.5, 0.25), 1)),
             (solutions.damped_pair,)),
    Exercise("cg", "conjugate gradients with a guard", 9, "cg(A, b, steps) -> x", """
Minimise x.Ax/2 - b.x by conjugate gradients from x = 0, and return x after `steps` steps.
A (n, n) is symmetric, b (n,). Stop before that, and return the x reached, at a direction with
p.Ap <= 0, or where the residual is 0.
""", ("The first direction is b itself: x = t b, t = b.b/(b.Ab).",
      "r = b - A x, p <- r + beta p with beta = (new r.r)/(old r.r), t = r.r/(p.Ap).",
      "Where r is 0, x is the solution, and t would be 0/0: return before.",
      "Ask for p.Ap before you divide by it; if it is not positive, return x."),
             Formula(("A", "b", "steps"), {"x": ("entry",)}, of.cg,
                     lambda A, b, steps: {"n": len(b)}, of.CG),
             (Stage("the worked example", lambda rng: [
                  np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]]),
                  np.array([1.0, 2.0, 0.0]), 1], 0),
              Stage("three steps for seven unknowns", system(7, 3), 1),
              Stage("one unknown", system(1, 1), 1),
              Stage("solved after one step, three asked", lambda rng: [
                  2 * np.eye(3), rng.integers(1, 9, 3) * 1.0, 3], 2),
              Stage("b = 0", lambda rng: [np.eye(3), np.zeros(3), 2], 2),
              Stage("curvature turns negative", system(7, 7, (4, 3, 2, 1, 1.5, 2.5, -1)), 3)),
             (solutions.cg,)))
