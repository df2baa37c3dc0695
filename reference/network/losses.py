"""Losses as a table: per line value, gradient and Hessian in z per example, and the model's
distribution to sample labels from.  Nothing here divides by N.

Each formula keeps its relative accuracy when the model is sure: p - y is never computed by
subtracting two numbers that agree.  Shapes: z (..., C) -> value (...), gradient (..., C),
Hessian (..., C, C).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import is_finite, is_whole, plain, require_generator, shown
from ..arrays.functions import exp, expm1, positive, sigmoid, sigmoid_slope, softplus, sum, where
from ..arrays.transfer import alongside, to_host
from . import targets


@dataclass(frozen=True)
class Line:
    """One line of the table; every function takes the loss's parameters last.

    value, gradient, hessian : (z, y) -> per example
    targets : (y, shape of z) -> (y as the formulas want it, example weights or None)
    sample : (rng, z) -> y drawn from the model's distribution; None where there is none
    fisher : (z, y) -> E[score score^T]; None where it equals the Hessian
    counted : (y) -> what each label adds to the denominator of a mean over labels; None: all 1
    """

    value: Callable
    gradient: Callable
    hessian: Callable
    targets: Callable
    sample: Optional[Callable] = None
    fisher: Optional[Callable] = None
    counted: Callable = lambda y, *_: None


@dataclass(frozen=True)
class Loss:
    """A line of LOSSES with its parameters: loss_n = value(z_n, y_n)."""

    name: str
    parameters: tuple = ()

    def __repr__(self):
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    @property
    def line(self):
        """The formulas."""
        if self.name not in LOSSES:
            raise ValueError(f"no loss {self.name!r}; choose one of {', '.join(LOSSES)}.")
        return LOSSES[self.name]

    def targets(self, y, shape):
        """y as the formulas want it and example weights (None if all 1); ValueError if invalid."""
        return self.line.targets(y, shape, *self.parameters)

    def counted(self, y):
        """What each of the data's labels adds to the denominator of a mean; None if all add 1."""
        return self.line.counted(y, *self.parameters)

    def value(self, z, y):
        """loss_n (...), one per example."""
        return self.line.value(z, F.constant(y, z), *self.parameters)

    def gradient(self, z, y):
        """d loss_n/dz (..., C)."""
        return self.line.gradient(z, F.constant(y, z), *self.parameters)

    def hessian(self, z, y):
        """d^2 loss_n/dz^2 (..., C, C)."""
        return self.line.hessian(z, F.constant(y, z), *self.parameters)

    def fisher(self, z, y):
        """E over the model's labels of score score^T (..., C, C)."""
        self._needs_distribution()
        formula = self.line.fisher or self.line.hessian
        return formula(z, F.constant(y, z), *self.parameters)

    def score(self, rng, z):
        """The gradient at labels drawn from the model: of mean 0 and covariance `fisher`.

        Labels that are real numbers, as z + noise, are drawn in the numbers of z.
        """
        self._needs_distribution()
        require_generator(rng)
        return self.line.gradient(z, self.line.sample(rng, z, *self.parameters), *self.parameters)

    def _needs_distribution(self):
        if self.line.sample is None:
            raise ValueError(f"{self} is no log-likelihood here: it has no Fisher matrix; "
                             "use the Gauss-Newton matrix.")


# ---- formulas of more than a line ----

def diagonal(v):
    """diag(v): (..., C) -> (..., C, C)."""
    return v[..., None] * F.identity(v)


def outer(v, w):
    """v w^T over the last axes."""
    return v[..., :, None] * w[..., None, :]


def _shifted(z):
    """The argmax as a mask, z_top - z, and the sum of exp(z - z_top) over all but the top."""
    top = F.first_maximum(z)
    gap = sum(where(top, z, 0), -1)[..., None] - z
    e = where(top, 0, exp(-gap))
    return top, gap, e, sum(e, -1)[..., None]


def softmax(z):
    """p = exp(z)/sum exp(z), and 1 - p without cancellation, nor in its derivatives."""
    top, _, e, rest = _shifted(z)
    p = where(top, 1, e) / (1 + rest)
    return p, where(top, rest / (1 + rest), 1 - p)


def _cross_entropy(z, q, *_):
    _, gap, _, rest = _shifted(z)
    return sum(q * (gap + F.log1p(rest)), -1)


def _cross_entropy_gradient(z, q, *_):
    """m p - q with m = sum q, as p (m - q) - q (1 - p)."""
    p, other = softmax(z)
    return p * (sum(q, -1)[..., None] - q) - q * other


def _cross_entropy_hessian(z, q, *_):
    """m (diag(p) - p p^T), the diagonal as p (1 - p)."""
    p, other = softmax(z)
    mass = sum(q, -1)[..., None, None]
    return mass * (diagonal(p * other) - outer(p, p) * (1 - F.identity(p)))


def _labels(drawn, z):
    """Whole numbers as constants beside z."""
    return F.fitted(alongside(drawn, F.primal(z)), z)


def _normal(rng, z):
    """Standard normal noise of z's shape, and precision if z has one."""
    noise = alongside(rng.standard_normal(z.shape), F.primal(z))
    return noise.astype(z.dtype) if z.dtype.kind == "f" else noise


def _sample_categorical(rng, z, *_):
    """One-hot labels by the Gumbel-max trick: argmax of z + Gumbel noise."""
    top = (to_host(F.primal(z)) + rng.gumbel(size=z.shape)).argmax(-1)
    return _labels(np.eye(z.shape[-1])[top], z)


def _sample_coins(rng, z):
    """1 with probability sigma(z)."""
    return _labels(rng.random(z.shape) < sigmoid(to_host(F.primal(z))), z)


def _sample_counts(rng, z):
    """Poisson with mean exp(z)."""
    return _labels(rng.poisson(np.float64(np.exp(to_host(F.primal(z))))), z)


def _poisson_gradient(z, y):
    """e^z - y, without cancellation near z = 0 and in the lower tail."""
    return where(y == 0, exp(z), expm1(z) - (y - 1))


def _huber(z, y, delta):
    r = F.magnitude(z - y)
    return sum(where(positive(r - delta), delta * (r - delta / 2), r * r / 2), -1)


def _huber_gradient(z, y, delta):
    r = z - y
    return where(positive(r - delta), delta, where(positive(-r - delta), -delta, r))


def _huber_hessian(z, y, delta):
    outside = positive(F.magnitude(z - y) - delta)
    return diagonal(where(outside, 0, F.ones_like(z)))


def _halves(z):
    """Mean and log variance."""
    C = z.shape[-1] // 2
    return z[..., :C], z[..., C:]


def _gaussian(z, y):
    mean, s = _halves(z)
    return sum((y - mean) * (y - mean) * exp(-s) + s, -1) / 2


def _gaussian_gradient(z, y):
    mean, s = _halves(z)
    r = y - mean
    return F.concatenate([-r * exp(-s), (1 - r * r * exp(-s)) / 2])


def _gaussian_hessian(z, y):
    mean, s = _halves(z)
    r, precision = y - mean, exp(-s)
    cross = diagonal(r * precision)
    upper = F.concatenate([diagonal(precision), cross])
    lower = F.concatenate([cross, diagonal(r * r * precision / 2)])
    return F.transpose(F.concatenate([F.transpose(upper), F.transpose(lower)]))


def _gaussian_fisher(z, y):
    mean, s = _halves(z)
    return diagonal(F.concatenate([exp(-s), F.ones_like(s) / 2]))


def _sample_gaussian(rng, z):
    mean, s = _halves(z)
    return mean + exp(s / 2) * _normal(rng, mean)


# ---- the table ----

LOSSES = {
    "CrossEntropy": Line(_cross_entropy, _cross_entropy_gradient, _cross_entropy_hessian,
                         targets.classes, _sample_categorical, counted=targets.counted),
    "BinaryCrossEntropy": Line(
        lambda z, y: sum(y * softplus(-z) + (1 - y) * softplus(z), -1),
        lambda z, y: (1 - y) * sigmoid(z) - y * sigmoid(-z),
        lambda z, y: diagonal(sigmoid_slope(z)),
        targets.probabilities, _sample_coins),
    "SquaredError": Line(
        lambda z, y: sum((z - y) * (z - y), -1) / 2, lambda z, y: z - y,
        lambda z, y: diagonal(F.ones_like(z)),
        targets.real, lambda rng, z: z + _normal(rng, z)),
    "Huber": Line(_huber, _huber_gradient, _huber_hessian, targets.real),
    "Poisson": Line(
        lambda z, y: sum(exp(z) - y * z, -1), _poisson_gradient,
        lambda z, y: diagonal(exp(z)), targets.counts, _sample_counts),
    "Gaussian": Line(_gaussian, _gaussian_gradient, _gaussian_hessian, targets.half,
                     _sample_gaussian, _gaussian_fisher),
}


def CrossEntropy(weights=None, smoothing=0.0, ignore=None):
    """-sum_c q_c log softmax(z)_c, for labels y (N,) or probabilities q (N, C).

    At T places: z (N, T, C), labels (N, T); loss_n is the sum over t.

    Parameters
    ----------
    weights : sequence of C floats, optional
        Class weights w: q_c is multiplied by w_c, after smoothing.  reduction="mean" still
        divides by N; "mean over labels", as PyTorch's mean, by the sum of the w_y.
    smoothing : float in [0, 1)
        q <- (1 - smoothing) q + smoothing/C.
    ignore : int, optional
        Labels of this number add nothing.  Examples count in N all the same; among labels, in
        "mean over labels", they do not.
    """
    if not (is_finite(smoothing) and 0 <= smoothing < 1):
        raise ValueError(f"smoothing must be in [0, 1), got {smoothing!r}.")
    if not (ignore is None or is_whole(ignore, -np.inf)):
        raise ValueError(f"ignore must be a whole number, a label, or None; got {ignore!r}.")
    return Loss("CrossEntropy", (_class_weights(weights), plain(smoothing), ignore))


def _class_weights(weights):
    """A tuple of Python numbers, or None."""
    if weights is None:
        return None
    single = tuple(map(plain, weights)) if isinstance(weights, Iterable) else (weights,)
    if not isinstance(weights, Iterable) or not all(is_finite(w) and w >= 0 for w in single):
        raise ValueError(f"class weights must be a sequence of finite numbers, one per class, not "
                         f"negative; got {shown(weights)}.")
    return single


def BinaryCrossEntropy():
    """sum_c -y_c log sigma(z_c) - (1 - y_c) log sigma(-z_c), for y (N, C) in [0, 1]."""
    return Loss("BinaryCrossEntropy")


def SquaredError():
    """|z - y|^2/2 for y (N, C): -log N(y; z, 1) up to a constant."""
    return Loss("SquaredError")


def Huber(delta=1.0):
    """sum_c r_c^2/2 where |r_c| <= delta, delta (|r_c| - delta/2) beyond, r = z - y (N, C)."""
    if not (is_finite(delta) and delta > 0):
        raise ValueError(f"delta must be positive and finite, got {delta!r}.")
    return Loss("Huber", (plain(delta),))


def Poisson():
    """sum_c exp(z_c) - y_c z_c for counts y (N, C): z is the log rate; log y! is left out."""
    return Loss("Poisson")


def Gaussian():
    """sum_c ((y_c - m_c)^2 exp(-s_c) + s_c)/2 for z = (m, s) (N, 2C), s the log variance."""
    return Loss("Gaussian")
