"""Contents: derivatives that are wrong only where a number is exactly 0, or equals another."""

from dataclasses import replace

import numpy as np

from ....arrays import functions as F
from ....network.dropout import Dropout
from ....network.losses import Loss
from ....network.maxpool import _MaxPool as MaxPool
from ..hypotheses import CONVENTION, ERROR, content
from ..mutants import ELEMENTWISE, Unfit, altered, mutant, own_slope
from ..retold import FIRST, SECOND, retold

mutant("slope 0 at 0", "activations' slopes are 0 where the pre-activation is exactly 0",
       "Cover x = 0: where(x > 0), where(x < 0) and a quotient y/x all leave it out.",
       FIRST, ELEMENTWISE,
       lambda layer: altered(layer, slope=lambda x, y: F.where(
           F.primal(x) == 0, 0, own_slope(layer, x, y))))


def _recovered(layer):
    """y/x for the mask, and 1 where x = 0."""
    return altered(layer, vjp=lambda W, x, y, dy: (
        None, F.where(F.primal(x) == 0, dy, layer._masked(dy))))


mutant("mask recovered by division", "dropout's mask is recovered as y/x, and taken for 1 at x = 0",
       "Keep the mask for the way back.", FIRST, (Dropout,), _recovered)


def _other_loss(case, gradient):
    """The subject with another d loss/dz."""
    loss = altered(case.objective.loss, gradient=gradient)
    return retold(case, replace(case.objective, loss=loss))


@content("loss's slope 0 at 0", ERROR, "the loss's |z| has slope 0 at z = 0, and so has all that "
         "is made of it", "d loss/dz = sigma(z) - y at every z, with no absolute value in it.",
         ("gradient", "per_example_gradients"))
def _at_zero(case):
    loss = case.objective.loss
    if loss.name != "BinaryCrossEntropy":
        return None
    return _other_loss(case, lambda z, y: F.where(z == 0, -y, Loss.gradient(loss, z, y)))


# ---- ties of maxima ----

def _to_ties(share):
    """dx of a maximum: share(hit (..., k)) of dy for every entry that is the largest."""
    def change(layer):
        def pull(Ws, trace, dy, data=False):
            x, (places, outside, _) = trace[0], layer._of(trace[0])
            rows = x.reshape(-1, np.prod(x.shape[-1 - layer.axes:]))
            seen = np.where(False if outside is None else outside, -np.inf, rows[:, places])
            hit = (seen == seen.max(-1, keepdims=True)).astype(float)
            given, dx = share(hit) * dy.reshape(len(rows), -1, 1), np.zeros_like(rows)
            for row, g in zip(dx, given):
                np.add.at(row, places, g)
            return [], dx.reshape(x.shape)
        return altered(layer, pull=pull)
    return change


mutant("ties shared", "tied maxima share the gradient, 1/k each",
       "Both are in use; keep test points off ties.", ("gradient",), (MaxPool,),
       _to_ties(lambda hit: hit / hit.sum(-1, keepdims=True)), CONVENTION)
mutant("ties counted", "every one of tied maxima gets the whole gradient",
       "Give it to one of them, or share it: the parts must add up to 1.", ("gradient",),
       (MaxPool,), _to_ties(lambda hit: hit))


def _wrong_at_second_order(layer):
    """The tangent of dy goes to the last place of each window, dy itself where it belongs."""
    def pull(Ws, trace, dy, data=False):
        x, here = trace[0], layer._back(trace[0], trace.kept, dy)
        if here is F.primal(here):
            return [], here
        last = np.broadcast_to(layer._of(x)[0][:, -1:], np.shape(trace.kept))
        there = layer._back(x, last, dy)
        return [], F.primal(here) + there - F.primal(there)
    if layer.padding != (0,) * layer.axes:
        raise Unfit
    return altered(layer, pull=pull)


mutant("maxima misplaced at second order", "in the second derivative, maxima are taken elsewhere: "
       "at the ends of their windows", "Keep the winners of the first pass.", SECOND, (MaxPool,),
       _wrong_at_second_order, cost=2.0)
