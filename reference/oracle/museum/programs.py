"""Programs that compute another function: other layers, other losses, other reductions."""

from dataclasses import replace

import numpy as np

from ...arrays import functions as F
from ...network.affine import Dense
from ...network.attention import Attention
from ...network.compose import Sequential
from ...network.layer import Layer
from ...network.normalise import mean
from ...network.normalise_channels import BatchNorm
from ...network.recurrent import GRU
from . import points
from .exhibit import CONVENTION, exhibit
from .planting import forwards, softmax, with_layer, with_loss


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


@exhibit("G01", "victorlempitsky/Mate#2", "a sum where the mean over the batch is meant",
         "gradient", points.dense, ("N",), CONVENTION)
def summed(objective, theta):
    """N times too large."""
    return replace(objective, reduction="sum").grad(theta)


@exhibit("G01b", "victorlempitsky/Mate#2", "or a mean over all entries",
         "gradient", points.regression, ("1/C",), CONVENTION)
def averaged(objective, theta):
    """1/C."""
    return objective.grad(theta) / objective.output_shape[-1]


@exhibit("G31", "huggingface/transformers#24725", "the mean of means of unequal micro-batches",
         "gradient", points.dense, ("mean of means",))
def mean_of_means(objective, theta):
    """7 and 4 examples, half each."""
    return (objective.batch(slice(7)).grad(theta) + objective.batch(slice(7, None)).grad(theta)
            ) / 2


@exhibit("G31b", "pytorch/torchtune#1875", "the gradient times the steps of accumulation",
         "gradient", points.dense, ("ours x 3",))
def not_divided(objective, theta):
    """3 micro-batches."""
    return 3 * objective.grad(theta)


@exhibit("G31c", "huggingface/transformers#45305", "the mean over sequences of means over labels",
         "gradient", points.ragged, ("mean of means over labels",), CONVENTION)
def mean_over_sequences(objective, theta):
    """Long sequences count as much as short ones."""
    parts = [objective.batch([n]) for n in range(objective.N)]
    return np.mean([part.grad(theta) for part in parts], axis=0)


@exhibit("G33", "Lightning-AI/lightning-bolts#654", "softmax applied twice",
         "gradient", points.dense, ("softmax twice",))
def softmax_twice(objective, theta):
    """p as logits: the function is another."""
    return Twice(objective).grad(theta)


class Twice:
    """An objective whose logits are softmax(z), differentiated by hand."""

    def __init__(self, objective):
        self.objective = objective

    def grad(self, theta):
        """J^T (diag(p) - p p^T)(softmax(p) - e)/N."""
        net = self.objective.net
        xs = net.forward(theta, self.objective.x)
        p = softmax(xs[-1])
        d = (softmax(p) - np.eye(p.shape[-1])[self.objective.y]) / len(p)
        return net.vjp(theta, xs, p * (d - (p * d).sum(-1, keepdims=True)))[0]


@exhibit("G33b", "tflearn/tflearn#562", "softmax twice, differentiated once",
         "gradient", points.dense, ("softmax twice forwards",))
def softmax_of_p(objective, theta):
    """softmax(softmax(z)) - e."""
    return with_loss(objective, lambda loss, z, y: softmax(softmax(z)) - y).grad(theta)


@exhibit("G35", "keras-team/keras#19740", "divided by the sum of the weights, not N",
         "gradient", points.weighted, ("1/(sum w/N)",), CONVENTION)
def weighted_mean(objective, theta):
    """1/sum w."""
    return objective.grad(theta) * objective.N / objective.weights.sum()


@exhibit("G37", "pytorch/pytorch#2298", "|z| has slope 0 at z = 0: so has what is made of it",
         "gradient", points.undecided, ("loss's slope 0 at 0",))
def logits_at_zero(objective, theta):
    """max(z, 0) - z y + log(1 + exp(-|z|)), term by term."""
    return with_loss(objective, lambda loss, z, y: (z > 0) - y - np.sign(z) * np.exp(
        -np.abs(z)) / (1 + np.exp(-np.abs(z)))).grad(theta)


@exhibit("G37b", "pytorch/pytorch#1792", "the wrong sign in the shift by the maximum",
         "gradient", lambda: _steep(), ("not finite",))
def overflowing(objective, theta):
    """exp(+m)."""
    with np.errstate(all="ignore"):
        return with_loss(objective, lambda loss, z, y: np.exp(z + 100 * abs(z)) / (
            1 + np.exp(z + 100 * abs(z))) - y).grad(theta)


def _steep():
    objective, theta = points.undecided()
    return objective, 20 * theta


class ByWidth(Attention):
    """Scores divided by d, not its root."""

    def _root(self, x):
        return self.features // self.heads * F.ones_like(x[..., :1, :1, None])


@exhibit("G53", "duoan/TorchCode#17", "scores divided by d, not by sqrt(d)",
         "gradient", points.attentive, ("scores over d",))
def divided_by_width(objective, theta):
    """Another function, and its gradient."""
    project, _, output = objective.net.layers[0].inner.layers
    return with_layer(objective, 0, Sequential(project, ByWidth(4, 1, causal=True), output)
                      ).grad(theta)


@exhibit("G39b", "NVIDIA/Megatron-LM#1464", "no causal mask at all",
         "gradient", points.attentive, ("not causal",))
def no_mask(objective, theta):
    """Forwards and backwards."""
    project, _, output = objective.net.layers[0].inner.layers
    return with_layer(objective, 0, Sequential(project, Attention(4, 1), output)).grad(theta)


@exhibit("G45", "apple/coremltools#93", "gates in the order i, f, o, g",
         "gradient", points.gated, ("gates ifog",), CONVENTION)
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


@exhibit("O05", "OverLordGoldDragon/keras-adamw#39", "the decay of L1 in place of L2",
         "gradient", points.decayed, ("decay by sign",))
def decay_by_sign(objective, theta):
    """l2 sign(theta)."""
    return replace(objective, l2=0.0).grad(theta) + objective.l2 * np.sign(theta)
