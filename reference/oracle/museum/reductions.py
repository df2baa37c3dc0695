"""Programs that reduce otherwise, or compute another loss: sums, means, weights, softmax twice."""

from dataclasses import replace

import numpy as np

from . import points, structured
from .exhibit import CONVENTION, exhibit
from .planting import softmax, with_loss


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
         "gradient", structured.ragged, ("mean of means over labels",), CONVENTION)
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


@exhibit("O05", "OverLordGoldDragon/keras-adamw#39", "the decay of L1 in place of L2",
         "gradient", points.decayed, ("decay by sign",))
def decay_by_sign(objective, theta):
    """l2 sign(theta)."""
    return replace(objective, l2=0.0).grad(theta) + objective.l2 * np.sign(theta)
