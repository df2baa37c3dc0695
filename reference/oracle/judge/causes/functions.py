"""Contents: another function: gates, constants, decays, reductions, variances that cancel."""

from dataclasses import dataclass, replace

import numpy as np

from ....arrays import functions as F
from ....network.elementwise import Elementwise
from ....network.layer import Layer
from ....network.losses import LOSSES
from ....network.normalise import mean
from ....network.normalise_channels import BatchNorm
from ....network.recurrent import GRU
from ..hypotheses import CONVENTION, ERROR, PRECISION, content
from ..mutants import Unfit, altered, mutant, mutated
from ..retold import DERIVATIVES, arrays_of, retold, without_decay

mutant("reset gate elsewhere", "the reset gate is before the product with h where ours is behind "
       "it, or the reverse", "Compare GRU(reset=\"after\") and (reset=\"before\").", DERIVATIVES,
       (GRU,), lambda layer: replace(
           layer, reset={"after": "before", "before": "after"}[layer.reset]), CONVENTION)


@dataclass(frozen=True)
class ExchangedGELU(Layer):
    """x sigma(2 b (x + a x^3)) with a = sqrt(2/pi) and b = 0.044715, exchanged."""

    def _argument(self, x):
        a = np.sqrt(2 / np.pi)
        return 0.08943 * (x + a * x * x * x), 0.08943 * (1 + 3 * a * x * x)

    def forward(self, W, x):
        """y."""
        return x * F.sigmoid(self._argument(x)[0])

    def vjp(self, W, x, y, dy):
        """dx."""
        u, slope = self._argument(x)
        return None, dy * (F.sigmoid(u) + x * F.sigmoid_slope(u) * slope)


def _exchanged(layer):
    if layer.name != "GELUTanh":
        raise Unfit
    return ExchangedGELU()


mutant("GELU's constants exchanged", "the two constants of GELU are exchanged",
       "tanh(sqrt(2/pi) (x + 0.044715 x^3)).", DERIVATIVES, (Elementwise,), _exchanged)


@content("decay by sign", ERROR, "the weight decay is l2 sign(theta): that of |theta|",
         "Ours is l2 theta, of |theta|^2/2.", ("gradient",))
def _by_sign(case):
    if not case.objective.l2:
        return None
    rest = arrays_of(case, without_decay(case))[0]
    return [rest + case.objective.l2 * np.sign(case.theta)]


@content("mean of means over labels", CONVENTION, "it is the mean over examples of their means "
         "over labels, where ours is over labels", "Divide the sum over labels by their number.",
         ("gradient", "value"))
def _per_sequence(case):
    objective = case.objective
    if objective.reduction != "mean over labels" or len(objective.output_shape) < 3 \
            or objective.net.couples:
        return None
    parts = [objective.batch([n]) for n in range(objective.N)
             if objective.label_weights is None or objective.label_weights[n].any()]
    return [sum(each) / len(parts) for each in zip(*(arrays_of(case, part) for part in parts))]


@content("majorised softmax", CONVENTION, "the loss's Hessian is diag(2 p (1 - p)), as in boosted "
         "trees: a bound from above", "It is above the Hessian; S = diag(p) - p p^T.",
         ("gauss_newton", "gauss_newton_blocks", "gauss_newton_diagonal", "ggnvp"))
def _majorised(case):
    if case.objective.loss.name != "CrossEntropy":
        return None

    def hessian(z, y):
        return 2 * np.eye(z.shape[-1]) * LOSSES["CrossEntropy"].hessian(z, y)
    loss = altered(case.objective.loss, hessian=hessian)
    return retold(case, replace(case.objective, loss=loss))


# ---- variances by cancellation ----

STEPS = 5


@content("cancelled variance", PRECISION, "the variance is off as E x^2 - (E x)^2 is, where x is "
         "far from 0", "Take the mean of (x - m)^2, in two passes.", ("gradient",), 1.5)
def _cancelled(case):
    """With the relative error of each channel's variance fitted, if rounding explains its size."""
    layer = next((each for each in case.objective.net.layers if isinstance(each, BatchNorm)), None)
    if layer is None or not layer.couples or [t.shape for t in case.theirs] != [case.theta.shape]:
        return None
    x = case.objective.net.forward(case.theta, case.objective.x)[
        case.objective.net.layers.index(layer)]
    m, v = mean(x, layer.axes), mean((x - mean(x, layer.axes)) ** 2, layer.axes)
    most = 64 * case.tolerance.eps * (m * m / v).ravel()
    d = np.zeros(layer.features)
    if not (most > 1e-8).any():
        return None
    for _ in range(STEPS):
        off, J = case.theirs[0] - _scaled(case, layer, d), []
        for e in 1e-5 * np.eye(layer.features):
            J.append((_scaled(case, layer, d + e) - _scaled(case, layer, d - e)) / 2e-5)
        d = d + np.linalg.lstsq(np.array(J).T, off, rcond=None)[0]
        if not (np.abs(d) <= np.maximum(most, 1e-5)).all():
            return None
    return [_scaled(case, layer, d)]


def _scaled(case, layer, d):
    """The gradient with variances times 1 + d."""
    d = d.reshape(-1, *(1,) * layer.spatial)

    def normalise(x):
        c = x - mean(x, layer.axes)
        r = 1 / np.sqrt(mean(c * c, layer.axes) * (1 + d) + layer.eps)
        return c * r, r
    return retold(case, mutated(case.objective, (BatchNorm,), lambda one: altered(
        one, normalise=normalise)))[0]
