"""Contents: derivatives with a normalisation wrong, its statistics or their derivatives."""

from math import prod

from ....arrays import functions as F
from ....network.normalise import Normalisation, RMSNorm, inverse_root, mean
from ..mutants import Unfit, altered, mutant
from ..retold import DERIVATIVES, FIRST, SECOND


def _live(layer):
    """Statistics are those of the data, not given constants."""
    if getattr(layer, "mean", None) is not None:
        raise Unfit
    return layer


def _back(formula):
    """input_vjp(x_hat, r, g) by formula(x_hat, r, g, axes), where statistics have the axes of x."""
    def change(layer):
        if not hasattr(_live(layer), "axes"):
            raise Unfit                            # GroupNorm, whose axes are folded
        return altered(layer, input_vjp=lambda x_hat, r, g: formula(x_hat, r, g, layer.axes))
    return change


STATISTICS = "The mean and the variance depend on x: dx = r (g - mean g - x_hat mean(g x_hat))."
NORMS = (Normalisation,)

mutant("statistics constant", "a normalisation's statistics are treated as constants",
       STATISTICS, FIRST, NORMS, _back(lambda x_hat, r, g, axes: r * g))
mutant("variance constant", "a normalisation's variance is treated as a constant",
       STATISTICS, FIRST, NORMS, _back(lambda x_hat, r, g, axes: r * (g - mean(g, axes))))
mutant("mean constant", "a normalisation's mean is treated as a constant", STATISTICS, FIRST,
       NORMS, _back(lambda x_hat, r, g, axes: r * (g - x_hat * mean(g * x_hat, axes))))


def _frozen_statistics(layer):
    own = _live(layer).input_vjp
    return altered(layer, input_vjp=lambda x_hat, r, g: own(
        F.primal(x_hat) + F.zeros_like(x_hat), F.primal(r) + F.zeros_like(r), g))


mutant("statistics constant at second order",
       "a normalisation's statistics are constants in the second derivative",
       "Differentiate its backward pass by x, too.", SECOND, NORMS, _frozen_statistics)
mutant("variance constant at second order",
       "a normalisation's variance is a constant in the second derivative",
       "Differentiate its backward pass by the variance, too.", SECOND, NORMS,
       lambda layer: altered(layer, input_vjp=lambda x_hat, r, g: type(layer).input_vjp(
              _live(layer), x_hat, F.primal(r) + F.zeros_like(r), g)))


def _forward(root, weight=lambda r, eps, n: 1):
    """normalise(x) with r = root(v, eps, n) of the variance of n numbers, and its derivative.

    weight : (r, eps, n) -> -2 r'(v)/r^3, by which the way back through v differs from ours.
    """
    def change(layer):
        if not hasattr(_live(layer), "axes"):
            raise Unfit

        def normalise(x):
            c = x if isinstance(layer, RMSNorm) else x - mean(x, layer.axes)
            r = root(mean(c * c, layer.axes), layer.eps, prod(x.shape[a] for a in layer.axes))
            return c * r, r

        def input_vjp(x_hat, r, g):
            k = weight(r, layer.eps, prod(x_hat.shape[a] for a in layer.axes))
            centred = g if isinstance(layer, RMSNorm) else g - mean(g, layer.axes)
            return r * (centred - k * x_hat * mean(g * x_hat, layer.axes))
        return altered(layer, normalise=normalise, input_vjp=input_vjp)
    return change


for _eps in (0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3):
    mutant(f"eps {_eps:g}", f"a normalisation's eps is {_eps:g}", "Compare eps.", DERIVATIVES,
              NORMS, _forward(lambda v, eps, n, own=_eps: inverse_root(v, own)), cost=1.25)
mutant("eps outside", "eps is added to the standard deviation, not to the variance",
       "Say where eps goes: 1/sqrt(v + eps) here.", DERIVATIVES, NORMS,
       _forward(lambda v, eps, n: 1 / (F.sqrt(v) + eps),
                lambda r, eps, n: 1 / (1 - r * eps)))
mutant("no root", "a normalisation divides by the variance, not by its root",
       "Take the root of v + eps.", DERIVATIVES, NORMS,
       _forward(lambda v, eps, n: 1 / (v + eps), lambda r, eps, n: 2 / r))
mutant("unbiased variance", "a normalisation's variance has 1/(n - 1)",
       "Normalise by the biased variance, with 1/n.", DERIVATIVES, NORMS,
       _forward(lambda v, eps, n: inverse_root(v * (n / (n - 1)), eps),
                lambda r, eps, n: n / (n - 1)))
