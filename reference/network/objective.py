"""L(theta) = (1/R) sum_n w_n loss_n + (l2/2)|theta|^2: the only place that divides by N."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import (is_finite, plain, require_array, require_finite, require_float,
                             require_shape)
from ..arrays.namespace import library
from ..arrays.precision import real_dtype
from ..arrays.transfer import HOMES, alongside, cast, follows, move, to_host
from .losses import Loss

REDUCTIONS = ("mean", "mean over labels", "sum")


@dataclass(frozen=True, eq=False)
class Objective:
    """A network, a loss and a batch of data: a function of theta, in any number system.

    Parameters
    ----------
    net : Sequential
    loss : Loss
    x : float array (N, ...), or integers (N, ...) if the first layer takes indices
    y : array
        As the loss documents.  Nothing silently narrows a longdouble: floats become as wide as x,
        and wider ones stay.  Where x and y hold integers alone, theta tells the precision.
    weights : float array (N,), optional
        Example weights w_n >= 0, 1 if omitted.  The mean still divides by N.
    reduction : "mean", "mean over labels" or "sum"
        R = N, the number of examples, whatever their labels are; R = what all labels count, added
        up: 1 each, 0 if ignored, times class and example weights, as PyTorch's mean; or R = 1.
    l2 : float
        Weight decay on all of theta, biases included.

    Raises
    ------
    ValueError
        For shapes that do not match exactly, an empty batch, entries that are not finite,
        integer data, labels out of range, or weights that are negative or all zero.
    """

    net: Any
    loss: Any
    x: Any
    y: Any
    weights: Any = None
    reduction: str = "mean"
    l2: float = 0.0

    def __post_init__(self):
        if not isinstance(self.loss, Loss):
            raise TypeError(f"loss is {self.loss!r}; call its constructor, as in CrossEntropy().")
        if not hasattr(self.net, "layout"):
            raise TypeError(f"net is {self.net!r}; write Sequential(layer, ...).")
        require_array("x", self.x)
        self.net.require_input(self.x)
        require_array("y", self.y)
        require_finite("x", self.x)
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {REDUCTIONS}, got {self.reduction!r}.")
        object.__setattr__(self, "l2", plain(self.l2))
        if not (is_finite(self.l2) and self.l2 >= 0):
            raise ValueError(f"l2 must be one finite number, not negative, got {self.l2!r}.")
        if self.x.ndim == 0 or self.x.size == 0:
            raise ValueError(f"the batch is empty: x has shape {self.x.shape}.")
        self._check_weights()
        w = self.example_weights
        if w is not None and not (w > 0).any() or not self.R > 0:
            raise ValueError("every example is ignored or has weight 0; nothing is left to learn "
                             "from: see the loss's ignore and weights, and the example weights.")

    def _check_weights(self):
        if self.weights is None:
            return
        require_float("weights", self.weights, "f")
        require_shape("weights", self.weights.shape, self.x.shape[:1], "the batch")
        require_finite("weights", self.weights)
        if (self.weights < 0).any():
            raise ValueError(f"weights must not be negative; the smallest is {self.weights.min()}.")

    # ---- data, as the formulas want it ----

    @property
    def N(self):
        """Number of examples."""
        return len(self.x)

    @property
    def R(self):
        """What the sum over examples is divided by."""
        return self._divisor(library(self.x).ones(()))

    def _divisor(self, like):
        """R; weights are added up in the numbers of `like`, where no digit is lost."""
        if self.reduction != "mean over labels":
            return self.N if self.reduction == "mean" else 1
        counts, labels = self._counts, prod(self.output_shape[:-1])
        if counts is None:
            return labels
        counts = F.constant(self.beside(counts, like).reshape(-1), like)
        return F.sum(counts, -1) * (labels // counts.size)

    @cached_property
    def output_shape(self):
        """(N, ..., C)."""
        return (self.N,) + self.net.output_shape(self.x.shape[1:])

    @cached_property
    def _targets(self):
        y, mass = self.loss.targets(self.y, self.output_shape)
        return tuple(map(self._as_data, (y, mass, self.loss.counted(self.y))))

    def _as_data(self, a):
        """In the precision of x and y; integers among them are exact."""
        given = [b.dtype for b in (self.x, self.y) if b.dtype.kind == "f"]
        return a if a is None or not given else a.astype(np.result_type(*given))

    def beside(self, a, z):
        """`targets`, or any weights, as the formulas at z want them: in the precision of z.

        Floats x or y have told one before.  Without, a is kept in longdouble and rounded here, but
        not beside balls, which then count that rounding among the errors of the floats.
        """
        if a is None or z.dtype == object or "f" in (self.x.dtype.kind, self.y.dtype.kind):
            return a
        weights = [] if self.weights is None else [self.weights.dtype]
        return a.astype(np.result_type(F.primal(z).dtype, *weights), copy=False)

    @property
    def targets(self):
        """y encoded for the loss: one-hot rows for labels."""
        return self._targets[0]

    @cached_property
    def example_weights(self):
        """w_n times what the loss gives each example (class weights, 0 where ignored), or None."""
        return self._times_weights(self.label_weights)

    @property
    def label_weights(self):
        """What the loss gives each label (N,) or (N, T): class weights, 0 if ignored; or None."""
        return self._targets[1]

    @property
    def _counts(self):
        return self._times_weights(self._targets[2])

    def _times_weights(self, own):
        w = self.weights
        if w is None or own is None:
            return own if w is None else w
        return own * w.reshape(w.shape + (1,) * (own.ndim - 1))

    def weighted(self, per_example, trailing=0):
        """w_n a_n/R, for a_n with `trailing` axes behind the sample axes."""
        w = self.example_weights
        if w is None:
            return per_example / self._divisor(per_example)
        rank = len(self.output_shape) - 1
        w = self.beside(w, per_example).reshape(w.shape + (1,) * (rank - w.ndim + trailing))
        return per_example * F.constant(w, per_example) / self._divisor(per_example)

    # ---- the function ----

    @follows
    def outputs(self, theta):
        """z (..., N, C)."""
        return self.net.forward(theta, self.x)[-1]

    @follows
    def losses(self, theta):
        """loss_n (..., N), without weights and without 1/R."""
        z = self.outputs(theta)
        return self.loss.value(z, self.beside(self.targets, z))

    @follows
    def value(self, theta):
        """L (...): a scalar for theta (P,), one number per row for theta (..., P)."""
        axes = tuple(range(1 - len(self.output_shape), 0))
        losses = F.sum(self.weighted(self.losses(theta)), axes)
        if not self.l2:
            return losses
        theta = theta + F.zeros_like(losses)[..., None]           # as wide as the data
        return losses + self.l2 / 2 * F.sum(theta * theta, -1)

    def dz(self, z):
        """dL/dz (..., N, C), weights and 1/R included."""
        return self.weighted(self.loss.gradient(z, self.beside(self.targets, z)), 1)

    def output_hessian(self, z):
        """d^2 L/dz^2 per example (..., N, C, C), weights and 1/R included."""
        return self.weighted(self.loss.hessian(z, self.beside(self.targets, z)), 2)

    @follows
    def grad(self, theta):
        """dL/dtheta (..., P), by backpropagation."""
        xs = self.net.forward(theta, self.x)
        return self.decayed(self.net.vjp(theta, xs, self.dz(xs[-1]))[0], theta)

    def decayed(self, product, theta):
        """product + l2 theta, in the wider of their precisions."""
        return product + self.l2 * (theta + F.zeros_like(product)) if self.l2 else product

    # ---- the same function, elsewhere ----

    def to(self, place):
        """This objective on "numpy" or "cupy", or with data of dtype `place`; theta follows."""
        def convert(a):
            return move(a, place) if place in HOMES else cast(a, dtype)
        dtype = None if place in HOMES else _real_dtype(place)
        return replace(self, x=convert(self.x), y=convert(self.y), weights=convert(self.weights))

    def batch(self, index):
        """The objective of the examples x[index]; R is that of these examples.

        index : a slice, booleans (N,), or whole numbers in an array (n,) or a list.
        """
        _require_examples(index, self.N)
        index = to_host(index) if hasattr(index, "dtype") else index
        here = index if isinstance(index, slice) else alongside(index, self.x)
        cut = {name: None if a is None else a[here]
               for name, a in (("x", self.x), ("y", self.y), ("weights", self.weights))}
        return replace(self, net=self.net.batch(index), **cut)


def _require_examples(index, N):
    """ValueError naming the index unless it picks some of N examples."""
    try:
        picked = np.arange(N)[to_host(index) if hasattr(index, "dtype") else index]
    except (IndexError, TypeError, ValueError):
        picked = None
    if picked is None or picked.ndim != 1:
        raise ValueError(f"{index!r} picks no examples: pass a slice, booleans of shape ({N},), or "
                         f"whole numbers from 0 to {N - 1} in an array (n,) or a list.")


def _real_dtype(place):
    try:
        dtype = None if place is None else real_dtype(place)    # NumPy takes None for float64
    except TypeError:
        dtype = None
    if dtype is None or dtype != np.dtype(place):
        raise ValueError(f"no place {place!r}: choose one of {', '.join(HOMES)}, or float32, "
                         "float64, longdouble.")
    return dtype
