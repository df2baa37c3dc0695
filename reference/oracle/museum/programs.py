"""Programs that compute another function: other layers."""

import numpy as np

from ...arrays import functions as F
from ...network.affine import Dense
from ...network.attention import Attention
from ...network.compose import Sequential
from ...network.layer import Layer
from ...network.normalise import mean
from ...network.normalise_channels import BatchNorm
from ...network.recurrent import GRU
from . import points, structured
from .exhibit import CONVENTION, exhibit
from .planting import forwards, with_layer


class Unbiased(BatchNorm):
    """With the variance over m - 1."""

    def normalise(self, x):
        """x_hat and r."""
        c, m = x - mean(x, (-2,)), x.shape[-2]
        r = 1 / F.sqrt(mean(c * c, (-2,)) * (m / (m - 1)) + self.eps)
        return c * r, r


class Unrooted(BatchNorm):
    """Divided by the variance, not its root."""

    def normalise(self, x):
        """x_hat and r."""
        c = x - mean(x, (-2,))
        r = 1 / (mean(c * c, (-2,)) + self.eps)
        return c * r, r


class Cancelled(BatchNorm):
    """The variance as E x^2 - (E x)^2."""

    def normalise(self, x):
        """x_hat and r."""
        m = mean(x, (-2,))
        r = 1 / F.sqrt(F.magnitude(mean(x * x, (-2,)) - m * m) + self.eps)
        return (x - m) * r, r


@exhibit("G11", "pytorch/pytorch#3122", "variance of the batch over m - 1, not m",
         "gradient", points.normalised, ("unbiased variance",))
def unbiased(objective, theta):
    """Bessel's correction."""
    return forwards(with_layer(objective, 1, Unbiased(3)), theta)


@exhibit("G13", "jax-ml/jax#443", "divided by the variance, not by its root",
         "gradient", points.normalised, ("no root",))
def unrooted(objective, theta):
    """x_hat = (x - m)/(v + eps)."""
    return forwards(with_layer(objective, 1, Unrooted(3)), theta)


@exhibit("N01", "tenstorrent/tt-metal#45968", "variance as E x^2 - (E x)^2",
         "gradient", points.far, ("cancelled variance",))
def cancelled(objective, theta):
    """12 of 16 digits are lost."""
    return with_layer(objective, 0, Cancelled(3, eps=1e-8)).grad(theta)


class Exchanged(Layer):
    """GELU by tanh with its two constants exchanged."""

    def forward(self, W, x):
        """x (1 + tanh(0.0447 (x + 0.798 x^3)))/2."""
        a = np.sqrt(2 / np.pi)
        return x * F.sigmoid(2 * 0.044715 * (x + a * x * x * x))


@exhibit("G19", "huggingface/transformers#11514", "constants of gelu exchanged",
         "jvp", lambda: points.dense("GELUTanh"), ("GELU's constants exchanged",),
         arguments=lambda objective, theta: (points.data(theta.size),))
def exchanged_constants(objective, theta, v):
    """The function itself is another."""
    h = 1e-30
    return with_layer(objective, 1, Exchanged()).outputs(theta + 1j * h * v).imag / h


class ByWidth(Attention):
    """Scores divided by d, not its root."""

    def _root(self, x):
        return self.features // self.heads * F.ones_like(x[..., :1, :1, None])


@exhibit("G53", "duoan/TorchCode#17", "scores divided by d, not by sqrt(d)",
         "gradient", structured.attentive, ("scores over d",))
def divided_by_width(objective, theta):
    """Another function, and its gradient."""
    project, _, output = objective.net.layers[0].inner.layers
    return with_layer(objective, 0, Sequential(project, ByWidth(4, 1, causal=True), output)
                      ).grad(theta)


@exhibit("G39b", "NVIDIA/Megatron-LM#1464", "no causal mask at all",
         "gradient", structured.attentive, ("not causal",))
def no_mask(objective, theta):
    """Forwards and backwards."""
    project, _, output = objective.net.layers[0].inner.layers
    return with_layer(objective, 0, Sequential(project, Attention(4, 1), output)).grad(theta)


@exhibit("G45", "apple/coremltools#93", "gates in the order i, f, o, g",
         "gradient", structured.gated, ("gates ifog",), CONVENTION)
def gates_reordered(objective, theta):
    """The last two blocks of rows exchanged."""
    layout, order = objective.net.layout, np.r_[0:4, 6:8, 4:6]
    *gates, rest = layout.unpack(objective.grad(theta))
    return layout.pack([W[order] for W in gates] + [rest])


def reset_after():
    """N = 5, T = 3; a GRU of 2 units, (7, 3)."""
    return points.posed((GRU(4, 2, last=True), Dense(2, 7)), points.data(5, 3, 4), 7)


@exhibit("G45b", "nntrainer/nntrainer#1787", "the reset gate before the product, not after",
         "gradient", reset_after, ("reset gate elsewhere",), CONVENTION)
def reset_before(objective, theta):
    """Keras's reset_after=False."""
    return with_layer(objective, 0, GRU(4, 2, last=True, reset="before")).grad(theta)
