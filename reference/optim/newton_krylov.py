"""Newton's method by conjugate gradients on complex-step products H v [SSZ20].

    H v = Im grad L(theta + i h v)/h,      d ~ -H^-1 g,      theta <- theta + t d

CG runs on the batch until a *disturbing direction* is met: one whose curvature is not positive, or
after which the model g.d + d.Hd/2 does not fall, or d does not descend.  The step length is set by
how far the loss is from its Taylor model.  Of [SSZ20] the abstract was read: the loop is ours in
its details, and so is every constant; `is_disturbing` and `choose` are there to be replaced.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any, Callable

from ..arrays import functions as F
from ..arrays.checks import shown
from ..arrays.krylov import length
from ..arrays.precision import eps
from ..derivatives.routes import hvp, offering
from .globalise import loss_at
from .refusals import (require_fraction, require_functions, require_not_negative,
                       require_positive, require_whole)

# ---- the Krylov loop ----


@dataclass(frozen=True, eq=False)
class Look:
    """What may be looked at before a CG step is taken: d <- d_next = d + (r.r/c) p.

    g (P,); p (P,), the conjugate direction, and c = p.Hp; d and d_next (P,); `change`, of the model
    g.d + d.Hd/2 by this step.  Where c = 0, d_next = d.
    """

    g: Any
    p: Any
    c: Any
    d: Any
    d_next: Any
    change: Any


@dataclass(frozen=True)
class Disturbing:
    """c <= threshold |p|^2, or the model does not fall, or g.d_next > -threshold |g| |d_next|.

    `threshold` is ours: in units of curvature in the first, a cosine in the last.
    """

    threshold: float = 1e-8

    def __post_init__(self):
        require_not_negative(self, "threshold")

    def __call__(self, look):
        """Whether to stop before this step."""
        p, d = look.p, look.d_next
        if not look.c > self.threshold * (p @ p) or not look.change < 0:
            return True
        return not look.g @ d <= -self.threshold * length(look.g) * length(d)


@dataclass(frozen=True, eq=False)
class Krylov:
    """d and Hd (P,), the residual -g - Hd, products taken, why it stopped, the last Look."""

    d: Any
    Hd: Any
    residual: Any
    iterations: int
    reason: str
    look: Any = None


def krylov(product, g, tolerance, maxiter, is_disturbing):
    """d with H d = -g by CG from 0, H v = product(v), as far as no direction disturbs [HS52].

    Returns
    -------
    Krylov
        "converged" if |r| <= tolerance |g|, "iterations", or "disturbing": then d is that before
        the direction, and -g if the first one disturbs.
    """
    d = Hd = F.zeros_like(g)
    r = p = -g
    rr, goal, look = r @ r, tolerance * tolerance * (g @ g), None
    for k in range(maxiter):
        if rr <= goal:
            return Krylov(d, Hd, r, k, "converged", look)
        q = product(p)
        c = p @ q
        a = rr / c if c != 0 else 0 * c
        look = Look(g, p, c, d, d + a * p, a * (a * c / 2 - r @ p))
        if is_disturbing(look) or c == 0:
            start = (p, q) if k == 0 else (d, Hd)
            return Krylov(*start, -g - start[1], k + 1, "disturbing", look)
        d, Hd, r = look.d_next, Hd + a * q, r - a * q
        rr, before = r @ r, rr
        p = r + (rr / before) * p
    return Krylov(d, Hd, r, maxiter, "converged" if rr <= goal else "iterations", look)


# ---- the step length ----

@dataclass(frozen=True)
class Length:
    """t; t to begin with the next time; L after it; whether it is taken; err; all t tried."""

    t: float
    next: float
    after: Any
    accepted: bool
    error: Any
    tried: tuple


@dataclass(frozen=True)
class ErrorMonitored:
    """t shrinks while err(t) > high or L does not fall, and may begin longer after err(t) < low.

        err(t) = |L(theta + t d) - m(t)|/|m(t) - L|,    m(t) = L + t g.d + (t^2/2) d.Hd

    All constants are ours: `high`, `low`; the factors `shrink` and `grow`; `longest`, the largest
    t, 1 so that Newton steps are taken as they are; `trials`; and `rounding`, the multiple of
    eps |L| below which differences of losses say nothing, and no err is read off them.
    """

    high: float = 0.5
    low: float = 0.1
    shrink: float = 0.5
    grow: float = 2.0
    longest: float = 1.0
    trials: int = 40
    rounding: float = 10.0

    def __post_init__(self):
        require_positive(self, "high", "low", "shrink", "longest")
        require_fraction(self, "shrink")
        require_not_negative(self, "grow", "rounding")
        require_whole(self, "trials")
        if not (self.low <= self.high and self.grow >= 1):
            raise ValueError(f"low = {self.low} and high = {self.high}, grow = {self.grow}; pass "
                             "low <= high, grow >= 1.")

    def __call__(self, value, loss, slope, curvature, t):
        """Length, for value(t) = L(theta + t d) and loss = value(0), from t on downwards."""
        unseen, tried = self.rounding * eps(loss.dtype) * abs(loss), []
        start = t = min(t, self.longest)
        for _ in range(self.trials if slope < 0 else 0):
            after, change = value(t), t * slope + t * t / 2 * curvature
            error = max(abs(after - loss - change) - unseen, 0) / abs(change) if change else inf
            tried.append(t)
            if error <= self.high and after <= loss + (unseen if abs(change) <= unseen else 0):
                longer = min(t * self.grow, self.longest) if error <= self.low else t
                return Length(t, longer, after, True, error, tuple(tried))
            t *= self.shrink
        return Length(0.0, start, loss, False, None, tuple(tried))


# ---- the optimiser ----

@dataclass(frozen=True)
class State:
    """t to begin with, and the number of steps taken."""

    length: float = 1.0
    k: int = 0


@dataclass(frozen=True)
class NewtonKrylov:
    """theta <- theta + t d, H d = -g by CG up to a disturbing direction, t by the model's error.

    Parameters
    ----------
    route : str
        To H v, as `hvp` takes it: "complex step" [SSZ20], "bicomplex" and "hyper-dual" (of the
        function alone, one direction per parameter), "dual", or another.  The steps are the same
        to rounding.
    tolerance, power : float
        CG stops at |r| <= min(tolerance, |g|^power) |g|: with power = 1 convergence is quadratic
        near a minimum, with 0 linear [NW06, theorem 7.2].  0 <= tolerance < 1: at 1 it would not
        begin.  Ours.
    maxiter : int
        Products per step at most.  Ours.
    is_disturbing : callable
        Look -> bool.
    choose : callable
        (value, loss, g.d, d.Hd, t) -> Length, as ErrorMonitored.

    Notes
    -----
    The products are those of the gradient's own batch.  info has the last Look of the loop as
    "look", and the Length as "search".

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range, or the route has no H v; from `step`, as `hvp`.
    TypeError
        If is_disturbing or choose cannot be called.
    """

    route: str = "complex step"
    tolerance: float = 0.1
    power: float = 1.0
    maxiter: int = 100
    is_disturbing: Callable = field(default_factory=Disturbing)
    choose: Callable = field(default_factory=ErrorMonitored)

    State = State

    def __post_init__(self):
        if self.route not in offering("hvp"):
            raise ValueError(f"route of NewtonKrylov is {shown(self.route)}; pass one of "
                             f"{', '.join(offering('hvp'))}.")
        require_fraction(self, "tolerance")
        require_not_negative(self, "power")
        require_whole(self, "maxiter")
        require_functions(self, "is_disturbing", "choose")

    def init(self, objective, theta):
        """t = 1 to begin with."""
        return State()

    def step(self, objective, theta, state):
        """theta, state, info; theta stays where d does not descend or no t is accepted."""
        loss, g = objective.value(theta), objective.grad(theta)
        inner = krylov(lambda v: hvp(objective, theta, v, self.route), g,
                       min(self.tolerance, float(length(g)) ** self.power), self.maxiter,
                       self.is_disturbing)
        slope, curvature = g @ inner.d, inner.d @ inner.Hd
        found = self.choose(lambda t: loss_at(objective, theta + t * inner.d), loss, slope,
                            curvature, state.length)
        info = {"loss": loss, "loss_after": found.after, "gradient": g, "direction": inner.d,
                "length": found.t, "accepted": found.accepted, "slope": slope,
                "curvature": curvature, "model": slope + curvature / 2,
                "iterations": inner.iterations, "reason": inner.reason, "look": inner.look,
                "search": found}
        return theta + found.t * inner.d, State(found.next, state.k + 1), info
