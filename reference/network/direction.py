"""One recurrent cell over the steps of its input, in one direction: the core of RNN, LSTM and GRU.

    s_t = W_ih (x_t, 1) + W_hh (h_{t-1}, 1),    h_t = cell(s_t, state)        (cells.py)

All inputs meet W_ih in one product before the loop over t.  Backwards, the loop computes the
gradients of s_t alone; each matrix has one product of patches and gradients at the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import functions as F
from .affine import Dense
from .cells import below
from .layer import Layer, Trace
from .uses import Use, with_one


@dataclass(frozen=True, eq=False)
class Steps:
    """s = W (p, 1) with the steps side by side: p (..., I0, T N), g (..., O, T N); N examples.

    bias : whether the 1 is there.  backwards : whether the first step is the last place.
    """

    p: Any
    g: Any
    N: int
    bias: bool
    backwards: bool

    def total(self):
        """dW (..., O, I): one product, and the sums of g."""
        weight = self.g @ F.transpose(self.p)
        return F.concatenate([weight] + [F.sum(self.g, -1)[..., None]] * self.bias)

    def each(self):
        """(..., N, O, I)."""
        return self.use.each()

    def pairs(self):
        """p (..., N, T, I) and g (..., N, T, O)."""
        return self.use.pairs()

    @property
    def use(self):
        """The same with examples first."""
        p, g = (examples_first(a, self.N, self.backwards) for a in (self.p, self.g))
        return Use(p, g, self.bias)


def examples_first(a, N, backwards):
    """(..., D, T N) -> (..., N, T, D)."""
    shape = a.shape[:-1] + (a.shape[-1] // N, N)
    a = F.swapaxes(F.reshape(a, shape), -1, -3)
    return a[..., ::-1, :] if backwards else a


def steps_first(a, backwards):
    """(..., N, T, D) -> (..., D, T N)."""
    a = F.swapaxes(a[..., ::-1, :] if backwards else a, -1, -3)
    return F.reshape(a, a.shape[:-2] + (a.shape[-2] * a.shape[-1],))


@dataclass(frozen=True, eq=False, repr=False)
class Direction(Layer):
    """One cell over the steps in one direction: x (..., N, T, I) -> y (..., N, T, H), or h (N, H).

    initial : () or the states (N or 1, H).  mask : (N, T) or None.  suffix : of PyTorch's names.
    """

    cell: Any
    inputs: int
    hidden: int
    bias: bool = True
    backwards: bool = False
    last: bool = False
    initial: tuple = ()
    mask: Any = None
    suffix: str = ""

    def __repr__(self):
        """As the layer that it is of, which is the one that a user knows."""
        return f"{self.cell.layer}(inputs={self.inputs}, hidden={self.hidden})"

    @property
    def shapes(self):
        """W_ih (g H, I + 1) and W_hh (g H, H + 1), the latter by groups of rows if they differ."""
        H = self.hidden
        return ((self.cell.gates * H, self.inputs + self.bias),) + tuple(
            (k * H, H + self.bias) for k in self.cell.recurrent)

    def output_shape(self, shape):
        """(T, I) -> (T, H), or (H,)."""
        if len(shape) != 2 or shape[1] != self.inputs or not shape[0]:
            raise ValueError(f"a recurrent layer of {self.inputs} inputs needs examples of shape "
                             f"(T, {self.inputs}), got {shape}.")
        if self.mask is not None and self.mask.shape[1] != shape[0]:
            raise ValueError(f"the mask has {self.mask.shape[1]} steps and the data {shape[0]}; "
                             "give one entry for each step of each example.")
        return (self.hidden,) if self.last else (shape[0], self.hidden)

    def start(self, rng, scheme):
        """Each gate by itself."""
        def gates(count, inputs):
            one = Dense(inputs, self.hidden, self.bias)
            return np.concatenate([scheme(rng, one) for _ in range(count)])
        return [gates(self.cell.gates, self.inputs)] + [
            gates(k, self.hidden) for k in self.cell.recurrent]

    def parts(self, Ws):
        """weight_ih, weight_hh, bias_ih and bias_hh."""
        named = {"ih": Ws[0], "hh": Ws[1] if len(Ws) == 2 else below(Ws[1:])}
        if not self.bias:
            return {f"weight_{key}{self.suffix}": W for key, W in named.items()}
        return {**{f"weight_{key}{self.suffix}": W[..., :-1] for key, W in named.items()},
                **{f"bias_{key}{self.suffix}": W[..., -1] for key, W in named.items()}}

    # ---- forwards ----

    def trace(self, Ws, x):
        """[x, y]; kept: W_ih's patches, the matrices, the states before, and what cells keep."""
        N, T = x.shape[-3:-1]
        self._require_examples(N)
        matrices, b = self.cell.split(Ws[1:], self.bias)
        p = steps_first(with_one(x) if self.bias else x, self.backwards)
        s = self._with_biases(Ws[0], b) @ p
        states, kept, skips = [self._first(s, N)], [], self._skips(T)
        for t in range(T):
            state, here = self.cell.step(at(s, t, N), matrices, states[-1])
            states.append(carried(skips[t], state, states[-1]))
            kept.append(here)
        y = self._output([h for h, *_ in states[1:]], N)
        return Trace([x, y], (p, matrices, gathered(states[:-1]), kept))

    def _with_biases(self, W, b):
        return F.concatenate([W[..., :-1], W[..., -1:] + b]) if self.bias else W

    def _first(self, s, N):
        """The states (..., H, N) before the first step."""
        if not self.initial:
            return (F.zeros_like(s[..., :self.hidden, :N]),) * self.cell.states
        shape = s.shape[:-2] + (self.hidden, N)
        return tuple(F.broadcast_to(F.fitted(a.T, s), shape) for a in self.initial)

    def _skips(self, T):
        """For each step, in the order of the loop, which examples (N,) skip it; None for none."""
        if self.mask is None:
            return [None] * T
        return list(~(self.mask[:, ::-1] if self.backwards else self.mask).T)

    def _output(self, hs, N):
        if self.last:
            return F.transpose(hs[-1])
        return examples_first(silent(self._skips(len(hs)), F.concatenate(hs)), N, self.backwards)

    # ---- backwards ----

    def pull(self, Ws, trace, dy, data=False):
        """The uses (p, g) of all matrices, and dx."""
        p, matrices, before, kept = trace.kept
        N, kept = trace[0].shape[-3], gathered(kept)
        coefficients = self.cell.coefficients(kept, before)
        rest = (F.zeros_like(at(before[0], 0, N)),) * self.cell.states
        gradients = self._gradients(coefficients, matrices, rest, dy, N)
        g, products = self.cell.gathered(gradients, coefficients)
        patches = self.cell.patches(before, kept)
        uses = [Steps(p, g, N, False, self.backwards)] + [
            Steps(q, d, N, self.bias, self.backwards) for q, d in zip(patches, products)]
        return uses, None if data else self._input_cotangent(Ws[0], g, N)

    def _gradients(self, coefficients, matrices, dstate, dy, N):
        """What the cell's `back` finds at each step, 0 where it was skipped, side by side."""
        T = coefficients[0].shape[-1] // N
        turned, skips = self.cell.turned(matrices), self._skips(T)
        dhs, gradients = self._cotangents(dy, N, skips), []
        for t in reversed(range(T)):
            if dhs[t] is not None:
                dstate = (dstate[0] + dhs[t], *dstate[1:])
            here = tuple(at(c, t, N) for c in coefficients)
            g, through = self.cell.back(here, turned, dstate)
            gradients.append(g)
            dstate = carried(skips[t], through, dstate)
        return tuple(silent(skips, a) for a in gathered(gradients[::-1]))

    def _cotangents(self, dy, N, skips):
        """dh (..., H, N) of each step; None for none."""
        if self.last:
            return [None] * (len(skips) - 1) + [F.transpose(dy)]
        dy = silent(skips, steps_first(dy, self.backwards))
        return [at(dy, t, N) for t in range(len(skips))]

    def _input_cotangent(self, W, g, N):
        return examples_first(F.transpose(W[..., :self.inputs]) @ g, N, self.backwards)

    def _require_examples(self, N):
        if self.mask is not None and len(self.mask) != N:
            raise ValueError(f"the mask {self.mask.shape} is for {len(self.mask)} examples, the "
                             f"batch has {N}; cut both alike, as net.batch(index) does.")
        for a in self.initial:
            if len(a) not in (1, N):
                raise ValueError(f"initial is for {len(a)} examples, the batch has {N}; cut both "
                                 "alike, as net.batch(index) does.")


# ---- arrays whose steps are side by side ----

def at(a, t, N):
    """Step t: (..., D, T N) -> (..., D, N)."""
    return a[..., t * N:(t + 1) * N]


def gathered(steps):
    """[(a_1, b_1, ...), (a_2, b_2, ...), ...] -> (a, b, ...) with the steps side by side."""
    return tuple(map(F.concatenate, zip(*steps)))


def carried(skip, new, old):
    """The arrays `new` (..., H, N), and `old` for the examples (N,) that skip the step."""
    return new if skip is None else tuple(F.where(skip, a, b) for a, b in zip(old, new))


def silent(skips, a):
    """a (..., D, T N), and 0 where a step is skipped."""
    return a if skips[0] is None else F.where(np.concatenate(skips), 0, a)
