"""Contents: derivatives with attention, dropout, a recurrence or the sharing of matrices wrong."""

from dataclasses import replace

import numpy as np

from ....arrays import functions as F
from ....network.attention import Attention
from ....network.branches import Parallel
from ....network.convolution import Conv1d, Conv2d
from ....network.direction import Direction
from ....network.dropout import Dropout
from ....network.embedding import Embedding
from ..hypotheses import ERROR, content
from ..mutants import Unfit, altered, mutant, truncated
from ..retold import DERIVATIVES, FIRST, retold


# ---- attention ----

ATTENTION = (Attention,)

mutant("not causal", "attention is not causal", "Mask keys s > t, forwards and backwards.",
       DERIVATIVES, ATTENTION, lambda a: replace(a, causal=_must(a.causal) and False))
mutant("no keys masked", "attention ignores the mask of keys",
       "Mask the padding, forwards and backwards.", DERIVATIVES, ATTENTION,
       lambda a: replace(a, mask=None) if a.mask is not None else None)
mutant("scores over d", "attention divides scores by d, not by its root",
       "Divide by sqrt(d).", DERIVATIVES, ATTENTION,
       lambda a: altered(a, _root=lambda x: float(a.features // a.heads)))
mutant("scores not scaled", "attention does not divide scores by the root of d",
       "Divide by sqrt(d).", DERIVATIVES, ATTENTION, lambda a: altered(a, _root=lambda x: 1.0))


def _must(condition):
    if not condition:
        raise Unfit
    return True


# ---- dropout ----

def _dropped(factor):
    """A mask with another factor than 1/(1 - p)."""
    def change(layer):
        _must(layer.p > 0)
        return altered(layer, _masked=lambda a: F.where(layer.mask, a * factor(layer.p), 0))
    return change


DROPOUT = (Dropout,)
mutant("dropout over p", "dropout divides by p, not by 1 - p", "Divide by 1 - p.", DERIVATIVES,
       DROPOUT, _dropped(lambda p: 1 / p))
mutant("dropout twice", "dropout divides by 1 - p twice", "Divide once.", DERIVATIVES, DROPOUT,
       _dropped(lambda p: 1 / (1 - p) ** 2))
mutant("dropout not scaled", "dropout does not divide by 1 - p", "Divide by 1 - p.",
       DERIVATIVES, DROPOUT, _dropped(lambda p: 1.0))
mutant("no dropout", "nothing is dropped", "Use the same mask.", DERIVATIVES, DROPOUT,
       lambda layer: altered(layer, _masked=lambda a: a))
mutant("dropout forwards alone", "the way back through dropout is not masked",
       "Mask the cotangent, too, and scale it.", FIRST, DROPOUT,
       lambda layer: altered(layer, vjp=lambda W, x, y, dy: (None, dy)))


# ---- recurrence, words, branches, windows ----

mutant("steps truncated", "backpropagation through time stops after one step",
       "Carry the state's cotangent from step to step.", FIRST, (Direction,), truncated)
mutant("steps not masked", "a recurrent layer's mask of steps is ignored",
       "Carry the state over masked steps.", DERIVATIVES, (Direction,),
       lambda layer: replace(layer, mask=None) if layer.mask is not None else None)
mutant("padding read", "the padding index of an embedding is read like any other",
       "Its vector is 0 and has no gradient.", DERIVATIVES, (Embedding,),
       lambda layer: replace(layer, padding_idx=None) if layer.padding_idx is not None else None)
mutant("stride and dilation exchanged", "stride and dilation of a convolution are exchanged",
       "Compare both.", DERIVATIVES, (Conv1d, Conv2d),
       lambda layer: replace(layer, stride=layer.dilation, dilation=layer.stride)
       if layer.stride != layer.dilation else None)
mutant("height and width exchanged", "height and width of a convolution's stride, dilation or "
       "padding are exchanged", "Compare the order of axes.", DERIVATIVES, (Conv2d,),
       lambda layer: replace(layer, **{name: getattr(layer, name)[::-1]
                                          for name in ("stride", "dilation", "padding")}))


def _one_branch(k):
    """The cotangent of the input of Parallel is that of branch k alone."""
    def change(layer):
        _must(layer.join == "add" and -len(layer.layers) <= k < len(layer.layers))

        def pull(Ws, trace, dy, data=False):
            uses, _ = type(layer).pull(layer, Ws, trace, dy, data)
            own = layer.shared_out(Ws)[k]
            return uses, None if data else layer.layers[k].pull(own, trace.kept[k], dy, data)[1]
        return altered(layer, pull=pull)
    return change


for _k, _which in ((0, "first"), (-1, "last")):
    mutant(f"{_which} branch alone", f"where branches meet, the cotangent of the {_which} one "
              "overwrites the others", "Add the cotangents of all uses.", FIRST, (Parallel,),
              _one_branch(_k))


class _Overwritten:
    """A use of an embedding that keeps the last of equal indices."""

    def __init__(self, use):
        self.use = use

    def total(self):
        """dW (O, size), each column that of the last place with its index."""
        g, index = self.use.g, self.use.index
        dW = np.zeros((g.shape[-1], self.use.size))
        dW[:, index.reshape(-1)] = g.reshape(-1, g.shape[-1]).T
        return dW


def _overwriting(layer):
    return altered(layer, use=lambda W, x, y, dy: _Overwritten(layer.use(W, x, y, dy)))


mutant("repeated indices overwritten", "of repeated indices only the last one counts",
       "Accumulate: np.add.at, not item assignment.", ("gradient", "vjp"), (Embedding,),
       _overwriting)


@content("tied weights used once: first", ERROR, "of a shared matrix only the first use counts",
         "Add the gradients of all uses.", FIRST)
def _first_use(case):
    return _one_use(case, 0)


@content("tied weights used once: last", ERROR, "of a shared matrix only the last use counts",
         "Add the gradients of all uses.", FIRST)
def _last_use(case):
    return _one_use(case, -1)


def _one_use(case, k):
    """Of each matrix of the layout, one use."""
    net = case.objective.net
    if len(net.layout.shapes) == len(net.shapes):
        return None

    def backward(theta, xs, dz):
        uses, dxs = type(net).backward(net, theta, xs, dz)
        return [getattr(use, "uses", (use,))[k] for use in uses], dxs
    return retold(case, replace(case.objective, net=altered(net, backward=backward)))
