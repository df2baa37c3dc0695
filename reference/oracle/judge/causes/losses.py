"""Contents: another loss, weights or decay that are ignored, other examples than those given."""

from dataclasses import dataclass, replace

import numpy as np

from ....arrays import functions as F
from ....network.compose import Sequential
from ....network.layer import Layer
from ....network.losses import CrossEntropy, SquaredError, softmax
from ..hypotheses import CONVENTION, ERROR, content
from ..orders import is_bias
from ..retold import HESSIANS, MATRICES, arrays_of, as_subject, retold, without_decay

LOSSY = ("value", "gradient", "per_example_gradients", "hvp", "ggnvp", *MATRICES)
REDUCED = tuple(name for name in LOSSY if name != "per_example_gradients")
DECAYED = ("value", "gradient", "hvp", *HESSIANS)
UNDECAYED = ("ggnvp", "gauss_newton", "gauss_newton_blocks", "gauss_newton_diagonal",
             "fisher_type2", "fisher_empirical", "fisher_diagonal")


@dataclass(frozen=True)
class Softmax(Layer):
    """y = softmax(x); `told` is whether its backward pass is that of softmax, or dx = dy."""

    told: bool = True

    def forward(self, W, x):
        """p."""
        return softmax(x)[0]

    def vjp(self, W, x, y, dy):
        """dx = p (dy - p . dy)."""
        return None, y * (dy - F.sum(y * dy, -1)[..., None]) if self.told else dy


def _softmax_twice(case, told):
    objective = case.objective
    if objective.loss.name != "CrossEntropy":
        return None
    net = Sequential(*objective.net.layers, Softmax(told), names=(*objective.net.names, ""))
    return retold(case, replace(objective, net=net))


@content("softmax twice", ERROR, "softmax is applied twice",
         "The loss takes logits: leave the network's own softmax out.", LOSSY)
def _twice(case):
    return _softmax_twice(case, True)


@content("softmax twice forwards", ERROR, "softmax is applied twice, and differentiated once",
         "The loss takes logits: leave the network's own softmax out.", LOSSY)
def _twice_forwards(case):
    return _softmax_twice(case, False)


# ---- weights ----

@content("example weights ignored", ERROR, "the examples' weights are ignored",
         "Multiply each example's loss by its weight.", LOSSY)
def _unweighted(case):
    objective = case.objective
    return None if objective.weights is None else retold(case, replace(objective, weights=None))


def _other_parameters(case, i, value):
    """Cross-entropy with one of (class weights, smoothing, ignore) as if it were not there."""
    loss = case.objective.loss
    if loss.name != "CrossEntropy" or loss.parameters[i] == value:
        return None
    parameters = [value if k == i else p for k, p in enumerate(loss.parameters)]
    return retold(case, replace(case.objective, loss=CrossEntropy(*parameters)))


@content("class weights ignored", ERROR, "the classes' weights are ignored",
         "Multiply each label's loss by the weight of its class.", LOSSY)
def _classes_unweighted(case):
    return _other_parameters(case, 0, None)


@content("no smoothing", ERROR, "labels are not smoothed", "Smooth the labels.", LOSSY)
def _unsmoothed(case):
    return _other_parameters(case, 1, 0.0)


@content("ignored labels counted", ERROR, "labels that should be ignored are learned from",
         "Mask them.", LOSSY)
def _unmasked(case):
    return _other_parameters(case, 2, None)


@content("another reduction", CONVENTION, "it is a mean over labels where ours is over examples, "
         "or the reverse", "Compare the reductions.", REDUCED, 1.25)
def _reduced(case):
    other = {"mean": "mean over labels", "mean over labels": "mean"}.get(case.objective.reduction)
    return None if other is None else retold(case, replace(case.objective, reduction=other))


@content("squared for Huber", ERROR, "the loss is squared error throughout, not Huber's",
         "Beyond delta the loss is linear.", LOSSY)
def _unbounded(case):
    if case.objective.loss.name != "Huber":
        return None
    return retold(case, replace(case.objective, loss=SquaredError()))


# ---- weight decay ----

def _decay(case, factor):
    """With l2 times a factor."""
    if not case.objective.l2:
        return None
    return arrays_of(case, replace(case.objective, l2=factor * case.objective.l2))


@content("no decay", CONVENTION, "the weight decay is left out",
         "Add l2 theta, or compare at l2=0.", DECAYED)
def _undecayed(case):
    return _decay(case, 0.0)


@content("decay doubled", CONVENTION, "the weight decay is l2 |theta|^2, without the 1/2",
         "Ours is (l2/2) |theta|^2.", DECAYED)
def _decay_doubled(case):
    return _decay(case, 2.0)


@content("decay over N", ERROR, "the weight decay is divided by N", "It is not part of the mean.",
         DECAYED)
def _decay_divided(case):
    return _decay(case, 1 / case.objective.N)


@content("decay times N", ERROR, "the weight decay is multiplied by N",
         "It is added once, not with every example.", DECAYED)
def _decay_multiplied(case):
    return _decay(case, float(case.objective.N))


@content("weights alone decay", CONVENTION, "the weight decay is on weights, not on biases",
         "Ours is on all of theta.", DECAYED)
def _weights_decay(case):
    net, rest = case.objective.net, arrays_of(case, without_decay(case))
    kept = np.ones(net.layout.size)
    for name, entries in net.entries().items():
        kept[entries] = not is_bias(name)
    if not case.objective.l2 or kept.all():
        return None
    if case.subject.name == "value":
        return [rest[0] + case.objective.l2 / 2 * (kept * case.theta) @ case.theta]
    if case.subject.name == "gradient":
        return [rest[0] + case.objective.l2 * kept * case.theta]
    return [a + case.objective.l2 * b
            for a, b in zip(rest, as_subject(case, np.diag(kept)))]


@content("decay in it", CONVENTION, "the weight decay is in it, as l2 I",
         "Ours, of the loss alone, leaves it out.", UNDECAYED)
def _decayed(case):
    if not case.objective.l2:
        return None
    return [a + case.objective.l2 * b
            for a, b in zip(case.ours, as_subject(case, np.eye(case.theta.size)))]


# ---- other examples ----

def _of_examples(case, index):
    """The subject of some of the examples."""
    if case.objective.N < 3 or case.objective.net.couples:
        return None
    return arrays_of(case, case.objective.batch(index))


for _name, _says, _index in (("first", "only the first example counts", slice(0, 1)),
                             ("last", "only the last example counts", slice(-1, None)),
                             ("all but the last", "the last example is left out", slice(0, -1)),
                             ("all but the first", "the first example is left out",
                              slice(1, None))):
    @content(f"examples: {_name}", ERROR, _says, "Sum over the whole batch.", REDUCED, 1.25)
    def _some(case, index=_index):
        return _of_examples(case, index)


@content("mean of means", ERROR, "it is the mean over micro-batches of unequal size of their means",
         "Weigh each micro-batch by the number of its examples.", REDUCED, 1.5)
def _micro_batches(case):
    """For the size of micro-batches that comes nearest."""
    N = case.objective.N
    if N < 3 or case.objective.reduction == "sum" or case.objective.net.couples \
            or len(case.theirs) != len(case.ours) or case.theta.size > 1000:
        return None
    options = [_mean_of_means(case, size) for size in range(2, N) if N % size]

    def off(arrays):
        return sum(np.linalg.norm(t - a) for t, a in zip(case.theirs, arrays))
    same = [t.shape for t in case.theirs] == [a.shape for a in case.ours]
    return min(options, key=off) if options and same else None


def _mean_of_means(case, size):
    starts = range(0, case.objective.N, size)
    parts = [arrays_of(case, case.objective.batch(slice(k, min(k + size, case.objective.N))))
             for k in starts]
    return [sum(each) / len(parts) for each in zip(*parts)]
