"""Recurrent layers: RNN, LSTM and GRU, stacked and in two directions, as PyTorch has them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays.checks import require_array, require_finite, require_float, shown
from .affine import require_counts, require_flag
from .branches import Parallel
from .cells import Elman, GatedAfter, GatedBefore, LongShort
from .compose import Sequential
from .direction import Direction
from .layer import Holding, Wrapping


@dataclass(frozen=True, eq=False, repr=False)
class Recurrent(Holding, Wrapping):
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

    arrays = "initial", "mask"

    inputs: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    bias: bool = True
    last: bool = False
    initial: Any = None
    mask: Any = None

    def __post_init__(self):
        require_counts(self, "inputs", "hidden", "layers")
        for name in ("bidirectional", "bias", "last"):
            require_flag(name, getattr(self, name))
        self._check_initial()
        self._check_mask()
        self.hold()

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
        require_array("mask", self.mask)
        if self.mask.dtype != bool or self.mask.ndim != 2:
            raise TypeError(f"a mask is an array (N, T) of booleans, True where a step counts; "
                            f"got {shown(self.mask)}.")
        if not self.mask.size:
            raise ValueError(f"the mask has shape {self.mask.shape}; give one entry for each step "
                             "of each example, and at least one.")
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
    def inner(self):
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

    def output_shape(self, shape):
        """(T, I) -> (T, H or 2H), or (H or 2H,)."""
        try:
            return self.inner.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"{self}: {str(error).partition(': ')[2]}") from None


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
