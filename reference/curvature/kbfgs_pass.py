"""One forward and backward pass, and the means over the batch that K-BFGS takes of it [GRB20].

    pbar, sbar = mean_nt p, mean_nt W p,    gbar = sum_nt w/R g = dL/ds,    mean(a) = sum w a/sum w

Backpropagated are w_n/R d loss_n/dz, of which come the gradient of L and gbar, both from one pass.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..arrays import functions as F
from ..network.uses import flat


@dataclass(frozen=True, eq=False)
class Pass:
    """The objective at theta: outputs z, and how every weight matrix was used."""

    objective: Any
    theta: Any
    z: Any
    uses: list

    @cached_property
    def value(self):
        """L (), as objective.value."""
        o = self.objective
        losses = o.weighted(o.loss.value(self.z, o.beside(o.targets, self.z)))
        total = F.sum(losses, tuple(range(-losses.ndim, 0)))
        return total + o.l2 / 2 * F.sum(self.theta * self.theta, -1) if o.l2 else total

    @cached_property
    def gradient(self):
        """dL/dtheta (P,), weight decay included, which is in no gbar."""
        total = self.objective.net.layout.pack([use.total() for use in self.uses])
        return self.objective.decayed(total, self.theta)

    @cached_property
    def means(self):
        """Per weight matrix: p (N, T, I), pbar (I,), sbar (O,), gbar (O,)."""
        o = self.objective
        w = o.beside(o.example_weights, self.theta)
        matrices = o.net.layout.unpack(self.theta)
        return [_means_of(W, use.pairs(), w) for W, use in zip(matrices, self.uses)]


def passed(objective, theta):
    """The Pass at theta (P,).

    Raises
    ------
    ValueError
        For networks that couple examples, and for weights of labels at places: a mean over
        examples is not defined.
    """
    net, w = objective.net, objective.example_weights
    if net.couples:
        raise ValueError(f"{net.coupling} couples the examples of a batch: K-BFGS takes "
                         "means over examples, and there are none; evaluate BatchNorm with running "
                         "statistics.")
    if w is not None and w.ndim > 1:
        raise ValueError(f"K-BFGS takes one weight per example (N,), got weights {w.shape}: labels "
                         "at T places cannot be weighted or ignored here.")
    xs = net.forward(theta, objective.x)
    return Pass(objective, theta, xs[-1], net.backward(theta, xs, objective.dz(xs[-1]))[0])


def _means_of(W, pairs, w):
    if len(pairs) > 1:
        raise ValueError("K-BFGS needs matrices that all their rows share: no grouped convolution "
                         "or normalisation layer with weights.")
    p, g = pairs[0]
    pbar = _mean(p, w)
    return p, pbar, W @ pbar, F.sum(flat(g), -2)


def _mean(p, w):
    """sum_nt w_n p_nt/(T sum_n w_n) (I,) for p (N, T, I)."""
    if w is None:
        return F.sum(flat(p), -2) / (p.shape[-3] * p.shape[-2])
    w = F.constant(w, p)
    return F.sum(flat(p * w[:, None, None]), -2) / (F.sum(w, -1) * p.shape[-2])
