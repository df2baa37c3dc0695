"""Recurrent layers: RNN, LSTM and GRU over steps t, in layers and directions, as PyTorch has them.

    s_t = W_ih (x_t, 1) + W_hh (h_{t-1}, 1),    h_t = cell(s_t, state)        (cells.py)

All inputs meet W_ih in one product before the loop over t.  Backwards, the loop computes the
gradients of s_t only; each matrix has one product of patches and gradients at the end.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import require_finite, require_float, require_shape
from .affine import Dense, require_counts, require_flag, with_one
from .branches import Parallel
from .cells import Elman, GatedAfter, GatedBefore, LongShort, below
from .compose import Sequential
from .layer import Layer, Trace
from .uses import Use


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
        return Use(with_one(p) if self.bias else p, g)


def examples_first(a, N, backwards):
    """(..., D, T N) -> (..., N, T, D)."""
    shape = a.shape[:-1] + (a.shape[-1] // N, N)
    a = F.swapaxes(F.reshape(a, shape), -1, -3)
    return a[..., ::-1, :] if backwards else a


def steps_first(a, backwards):
    """(..., N, T, D) -> (..., D, T N)."""
    a = F.swapaxes(a[..., ::-1, :] if backwards else a, -1, -3)
    return F.reshape(a, a.shape[:-2] + (a.shape[-2] * a.shape[-1],))


@dataclass(frozen=True, eq=False)
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
        """[x, y], and what the cell keeps of all steps."""
        N, T = x.shape[-3:-1]
        self._require_examples(N)
        matrices, b = self.cell.split(Ws[1:], self.bias)
        p = steps_first(with_one(x) if self.bias else x, self.backwards)
        s = self._with_biases(Ws[0], b) @ p
        states, kept = [self._first(s, N)], []
        for t, kept_back in enumerate(self._kept_back(T)):
            state, here = self.cell.step(s[..., t * N:(t + 1) * N], matrices, states[-1])
            states.append(carried(kept_back, state, states[-1]))
            kept.append(here)
        y = self._output([state[0] for state in states[1:]], N)
        return Trace([x, y], (p, matrices, gathered(states[:-1]), kept))

    def _with_biases(self, W, b):
        return F.concatenate([W[..., :-1], W[..., -1:] + b]) if self.bias else W

    def _first(self, s, N):
        """The states (..., H, N) before the first step."""
        shape = s.shape[:-2] + (self.hidden, N)
        if not self.initial:
            return (F.zeros_like(s[..., :self.hidden, :N]),) * self.cell.states
        dtype = F.primal(s).dtype
        return tuple(F.broadcast_to(F.constant(a.T.astype(dtype), s), shape)
                     for a in self.initial)

    def _kept_back(self, T):
        """For each step, in order, which examples (N,) it skips; None for none."""
        if self.mask is None:
            return [None] * T
        return list(~(self.mask[:, ::-1] if self.backwards else self.mask).T)

    def _output(self, hs, N):
        if self.last:
            return F.transpose(hs[-1])
        hs = [carried(skip, h, 0) for skip, h in zip(self._kept_back(len(hs)), zip(hs))]
        return examples_first(gathered(hs)[0], N, self.backwards)

    # ---- backwards ----

    def pull(self, Ws, trace, dy, data=False):
        """The uses (p, g) of all matrices, and dx."""
        p, matrices, before, kept = trace.kept
        kept, turned = gathered(kept), self.cell.turned(matrices)
        coefficients = self.cell.coefficients(kept, before)
        N, T = trace[0].shape[-3:-1]
        dstate, gradients = self._no_cotangent(before[0], N), []
        for t, (skip, dh) in reversed(list(enumerate(zip(self._kept_back(T),
                                                         self._cotangents(dy, N, T))))):
            if dh is not None:
                dstate = (dstate[0] + carried(None if self.last else skip, (dh,), 0)[0],
                          *dstate[1:])
            here = tuple(a[..., t * N:(t + 1) * N] for a in coefficients)
            g, through = self.cell.back(here, turned, dstate)
            gradients.insert(0, carried(skip, g, 0))
            dstate = carried(skip, through, dstate)
        g, products = self.cell.gathered(gathered(gradients), coefficients)
        uses = [Steps(p, g, N, False, self.backwards)] + [
            Steps(q, d, N, self.bias, self.backwards)
            for q, d in zip(self.cell.patches(before, kept), products)]
        return uses, None if data else self._input_cotangent(Ws[0], g, N)

    def _no_cotangent(self, h, N):
        return (F.zeros_like(h[..., :N]),) * self.cell.states

    def _cotangents(self, dy, N, T):
        """dh (..., H, N) of each step; None for none."""
        if self.last:
            return [None] * (T - 1) + [F.transpose(dy)]
        dy = steps_first(dy, self.backwards)
        return [dy[..., t * N:(t + 1) * N] for t in range(T)]

    def _input_cotangent(self, W, g, N):
        return examples_first(F.transpose(W[..., :self.inputs]) @ g, N, self.backwards)

    def _require_examples(self, N):
        for what, held in [("the mask", self.mask)] + [("initial", a) for a in self.initial]:
            if held is not None and len(held) not in ((N,) if what == "the mask" else (1, N)):
                raise ValueError(f"{what} is for {len(held)} examples, the batch has {N}; cut "
                                 "both alike, as net.batch(index) does.")


def gathered(steps):
    """[(a_1, b_1, ...), (a_2, b_2, ...), ...] -> (a, b, ...) with the steps side by side."""
    return tuple(map(F.concatenate, zip(*steps)))


def carried(skip, new, old):
    """The arrays `new`, for the examples that are skipped the `old`, or a number."""
    if skip is None:
        return new
    old = (old,) * len(new) if isinstance(old, int) else old
    return tuple(F.where(skip, before, after) for before, after in zip(old, new))


# ---- layers and directions ----

@dataclass(frozen=True, eq=False)
class Recurrent(Layer):
    """What RNN, LSTM and GRU share: a stack of layers of one or two directions.

    Parameters
    ----------
    inputs, hidden : int
        I and H.
    layers : int
        How many, one upon the other.
    bidirectional : bool
        Whether a second direction, from the last step to the first, is concatenated: 2H outputs.
    bias : bool
        Whether each matrix, W_ih and W_hh, has a bias as its last column.
    last : bool
        Whether the output is the top layer's state after the last step alone, PyTorch's h_n: that
        of the second direction after the first step.
    initial : float array (layers * directions, N or 1, H), optional
        The states before the first step, in PyTorch's order, not learned; 0 if omitted.
    mask : bool array (N, T), optional
        A step that is False is skipped: the state is carried over it, the output there is 0.  For
        padding at the end this is PyTorch's packed sequence, in both directions.

    Notes
    -----
    PyTorch's batch_first=True.  Its dropout between the layers and proj_size are absent.
    """

    inputs: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    bias: bool = True
    last: bool = False
    initial: Any = None
    mask: Any = None

    def __post_init__(self):
        require_counts(self, self.inputs, self.hidden, self.layers)
        for name in ("bidirectional", "bias", "last"):
            require_flag(name, getattr(self, name))
        self._check_initial()
        self._check_mask()

    def __repr__(self):
        options = [f"{name}={getattr(self, name)!r}" for name, field in
                   self.__dataclass_fields__.items() if name not in ("initial", "mask")
                   and getattr(self, name) != field.default]
        return f"{type(self).__name__}({', '.join(options)})"

    # ---- what is given per example ----

    @property
    def states(self):
        """The initial states (layers directions, N or 1, H): (), (h0,) or (h0, c0)."""
        if self.initial is None:
            return ()
        return self.initial if self.cell.states > 1 else (self.initial,)

    def _check_initial(self):
        count = self.cell.states
        if self.initial is not None and count > 1 and not (
                isinstance(self.initial, tuple) and len(self.initial) == count):
            raise TypeError(f"{self} starts from a pair (h0, c0), got {type(self.initial)}.")
        D = self.layers * (1 + self.bidirectional)
        for a in self.states:
            require_float("initial", a, "f")
            require_finite("initial", a)
            if a.ndim != 3 or a.shape[::2] != (D, self.hidden):
                raise ValueError(f"initial has shape {a.shape}; {self} needs ({D}, N or 1, "
                                 f"{self.hidden}): layers times directions, examples, features.")

    def _check_mask(self):
        if self.mask is None:
            return
        if getattr(self.mask, "dtype", None) != bool or self.mask.ndim != 2:
            raise TypeError(f"a mask is an array (N, T) of booleans, True where a step counts; "
                            f"got {getattr(self.mask, 'dtype', type(self.mask))}.")
        empty = np.flatnonzero(~self.mask.any(1))
        if empty.size:
            raise ValueError(f"the mask skips every step of example {empty[0]} ({empty.size} such "
                             "examples); leave them out of the batch.")

    def batch(self, index):
        """This layer for the examples `index`: cuts the initial states and the mask."""
        states = tuple(a if a.shape[1] == 1 else a[:, index] for a in self.states)
        initial = states if self.cell.states > 1 else states[0] if states else None
        return replace(self, initial=initial if states else None,
                       mask=None if self.mask is None else self.mask[index])

    # ---- as a composite ----

    @cached_property
    def stack(self):
        """The layers, from the lowest to the top, each of one or two directions."""
        ways = 1 + self.bidirectional
        levels = []
        for k in range(self.layers):
            ends = [self._direction(k, way) for way in range(ways)]
            levels.append(Parallel(*ends, join="concatenate", names=("", ""))
                          if self.bidirectional else ends[0])
        return Sequential(*levels, names=("",) * self.layers)

    def _direction(self, k, way):
        ways = 1 + self.bidirectional
        return Direction(
            self.cell, self.hidden * ways if k else self.inputs, self.hidden, self.bias, way == 1,
            self.last and k == self.layers - 1, tuple(a[k * ways + way] for a in self.states),
            self.mask, f"_l{k}" + "_reverse" * way)

    @property
    def shapes(self):
        """W_ih and W_hh of each direction of each layer."""
        return self.stack.shapes

    def output_shape(self, shape):
        """(T, I) -> (T, H or 2H), or (H or 2H,)."""
        try:
            return self.stack.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"{self}: {str(error).partition(': ')[2]}") from None

    def trace(self, Ws, x):
        """The stack's."""
        return self.stack.trace(Ws, x)

    def pull(self, Ws, trace, dy, data=False):
        """The stack's."""
        return self.stack.pull(Ws, trace, dy, data)

    def start(self, rng, scheme):
        """Each gate of each matrix by `scheme`."""
        return self.stack.start(rng, scheme)

    def parts(self, Ws):
        """weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..., ending in _reverse."""
        return self.stack.parts(Ws)


@dataclass(frozen=True, eq=False, repr=False)
class RNN(Recurrent):
    """h_t = tanh(W_ih (x_t, 1) + W_hh (h_{t-1}, 1)): x (..., N, T, I) -> (..., N, T, H).

    Parameters
    ----------
    inputs, ..., mask
        As Recurrent documents.
    nonlinearity : "tanh" or "relu"
    """

    nonlinearity: str = "tanh"

    def __post_init__(self):
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity must be tanh or relu, got {self.nonlinearity!r}.")
        super().__post_init__()

    @property
    def cell(self):
        """One step."""
        return Elman(self.nonlinearity == "relu")


@dataclass(frozen=True, eq=False, repr=False)
class LSTM(Recurrent):
    """i, f, g, o = W_ih (x, 1) + W_hh (h, 1); c' = sigma(f) c + sigma(i) tanh(g) [HS97].

    h' = sigma(o) tanh(c').  The rows of the matrices are i, f, g, o.

    Parameters
    ----------
    inputs, ..., mask
        As Recurrent documents, with `initial` a pair of such arrays, (h0, c0).
    """

    cell = LongShort()


@dataclass(frozen=True, eq=False, repr=False)
class GRU(Recurrent):
    """h' = (1 - z) n + z h with sigmoid gates r, z and n = tanh(...) [Cho14].

    The rows of the matrices are r, z, n.

    Parameters
    ----------
    inputs, ..., mask
        As Recurrent documents.
    reset : "after" or "before"
        n = tanh(W_in (x, 1) + r W_hn (h, 1)), as PyTorch and cuDNN; or tanh(W_in (x, 1)
        + W_hn (r h, 1)), as the original paper and Keras's reset_after=False, where W_hn is a
        matrix of its own in theta.
    """

    reset: str = "after"

    def __post_init__(self):
        if self.reset not in ("after", "before"):
            raise ValueError(f"reset must be after or before, got {self.reset!r}.")
        super().__post_init__()

    @property
    def cell(self):
        """One step."""
        return GatedAfter() if self.reset == "after" else GatedBefore()
