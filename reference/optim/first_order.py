"""Gradient descent with momentum, RMSprop and Adam: one moment of the gradient each, or two.

    heavy ball    m <- beta m + g                        d = -m                        [Pol64]
    average       m <- beta m + (1 - beta) g             d = -m
    RMSprop       v <- alpha v + (1 - alpha) g^2         d = -g/(sqrt(v) + eps)        [TH12]
    Adam          both averages, each over 1 - beta^k    d = -m/(sqrt(v) + eps)        [KB15]

theta <- theta + t d, all operations entry by entry, all averages from zero, k counted from 1.  A
heavy ball of length (1 - beta) t takes the same steps as an average of length t.
"""

from dataclasses import dataclass
from typing import Any

from ..arrays import functions as F
from .refusals import require_fraction, require_one_of, require_positive

EPSILONS = {
    "outside": lambda v, eps: v ** 0.5 + eps,
    "inside": lambda v, eps: (v + eps) ** 0.5,
}
MOMENTUM = {"heavy ball": lambda beta: 1, "average": lambda beta: 1 - beta}     # what weighs g
SQUARED = ("gradient", "momentum")


@dataclass(frozen=True, eq=False)
class Moments:
    """m and v (P,), of the gradient and of its square, and k, the number of steps taken."""

    m: Any
    v: Any
    k: int = 0


@dataclass(frozen=True)
class SGD:
    """theta <- theta - t m, m <- beta m + g or beta m + (1 - beta) g, from m = 0 [Pol64].

    Parameters
    ----------
    length : float
        t > 0.
    momentum : float
        0 <= beta < 1; 0 is gradient descent, in either form.
    form : "heavy ball" or "average"
        g is added, as in torch.optim.SGD, or averaged.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range.
    """

    length: float
    momentum: float = 0.0
    form: str = "heavy ball"

    State = Moments

    def __post_init__(self):
        require_positive(self, "length")
        require_fraction(self, "momentum")
        require_one_of(self, "form", MOMENTUM)

    def init(self, objective, theta):
        """m = 0; v is not used."""
        return Moments(F.zeros_like(theta), None)

    def step(self, objective, theta, state):
        """One gradient; theta, state, info."""
        g = objective.grad(theta)
        m = self.momentum * state.m + MOMENTUM[self.form](self.momentum) * g
        return _moved(self, objective, theta, g, -m, Moments(m, None, state.k + 1))


@dataclass(frozen=True)
class RMSprop:
    """theta <- theta - t m/(sqrt(v) + eps), v <- alpha v + (1 - alpha) g^2 [TH12].

    Without momentum m = g, and this is torch.optim.RMSprop; with it, m <- beta m + (1 - beta) g.

    Parameters
    ----------
    length : float
        t > 0.
    decay : float
        0 <= alpha < 1.
    epsilon : float
        eps > 0.
    placement : "outside" or "inside"
        sqrt(v) + eps, or sqrt(v + eps).
    momentum : float
        0 <= beta < 1.  Here the average is divided by sqrt(v); torch.optim.RMSprop averages what
        has been divided.
    squared : "gradient" or "momentum"
        v of g, or of m.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range.
    """

    length: float = 0.01
    decay: float = 0.99
    epsilon: float = 1e-8
    placement: str = "outside"
    momentum: float = 0.0
    squared: str = "gradient"

    State = Moments

    def __post_init__(self):
        require_positive(self, "length", "epsilon")
        require_fraction(self, "decay", "momentum")
        require_one_of(self, "placement", EPSILONS)
        require_one_of(self, "squared", SQUARED)

    def init(self, objective, theta):
        """m = v = 0."""
        return Moments(F.zeros_like(theta), F.zeros_like(theta))

    def step(self, objective, theta, state):
        """One gradient; theta, state, info."""
        g = objective.grad(theta)
        m = _average(state.m, g, self.momentum)
        v = _average(state.v, _squared(self, g, m), self.decay)
        d = -m / EPSILONS[self.placement](v, self.epsilon)
        return _moved(self, objective, theta, g, d, Moments(m, v, state.k + 1))


@dataclass(frozen=True)
class Adam:
    """theta <- theta - t m^/(sqrt(v^) + eps), m^ = m/(1 - beta1^k), v^ = v/(1 - beta2^k) [KB15].

    Parameters
    ----------
    length : float
        t > 0.
    beta1, beta2 : float
        0 <= beta < 1, of m and of v.
    epsilon : float
        eps > 0.
    placement : "outside" or "inside"
        sqrt(v^) + eps, as in [KB15, algorithm 1] and torch.optim.Adam, or sqrt(v^ + eps).  With
        eps beside sqrt(v) before correction, as some write it, eps would shrink by
        sqrt(1 - beta2^k).
    squared : "gradient" or "momentum"
        v of g, or of m before its correction.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range.
    """

    length: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    placement: str = "outside"
    squared: str = "gradient"

    State = Moments

    def __post_init__(self):
        require_positive(self, "length", "epsilon")
        require_fraction(self, "beta1", "beta2")
        require_one_of(self, "placement", EPSILONS)
        require_one_of(self, "squared", SQUARED)

    def init(self, objective, theta):
        """m = v = 0."""
        return Moments(F.zeros_like(theta), F.zeros_like(theta))

    def step(self, objective, theta, state):
        """One gradient; theta, state, info."""
        g, k = objective.grad(theta), state.k + 1
        m = _average(state.m, g, self.beta1)
        v = _average(state.v, _squared(self, g, m), self.beta2)
        m_hat, v_hat = m / (1 - self.beta1 ** k), v / (1 - self.beta2 ** k)
        d = -m_hat / EPSILONS[self.placement](v_hat, self.epsilon)
        return _moved(self, objective, theta, g, d, Moments(m, v, k))


def baseline_rmsprop(length, epsilon=1e-8):
    """RMSprop as the baseline of K-BFGS's public code [GRB20]: m by 0.9, v of m by 0.9."""
    return RMSprop(length, 0.9, epsilon, momentum=0.9, squared="momentum")


def baseline_adam(length, epsilon=1e-8):
    """Adam as the baseline of K-BFGS's public code [GRB20]: beta2 = 0.9, v of m."""
    return Adam(length, 0.9, 0.9, epsilon, squared="momentum")


# ---- shared ----

def _average(a, b, beta):
    return beta * a + (1 - beta) * b


def _squared(optimizer, g, m):
    """What v averages."""
    return g * g if optimizer.squared == "gradient" else m * m


def _moved(optimizer, objective, theta, g, d, state):
    info = {"loss": objective.value(theta), "gradient": g, "direction": d,
            "length": optimizer.length, "slope": g @ d}
    return theta + optimizer.length * d, state, info
