"""Convolutions: s = W p for the patches p under a kernel."""

from dataclasses import dataclass
from typing import Any

from .patches import Convolution
from .places import window


@dataclass(frozen=True)
class _Conv(Convolution):
    inputs: int
    outputs: int
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self):
        super().__post_init__()
        if self.padding == "valid":
            object.__setattr__(self, "padding", 0)
        if self.padding != "same":
            self._normalise("padding", 0)
        elif set(self.stride) != {1}:
            raise ValueError(f"padding='same' needs stride 1, got {self.stride}.")

    def tables(self, sizes):
        """Kernel windows along each axis."""
        return [window(size, k, s, *pads, d) for size, k, s, pads, d in
                zip(sizes, self.kernel_size, self.stride, self._pads(), self.dilation)]

    def _pads(self):
        """(before, after) along each axis; "same" puts the odd one after, as PyTorch."""
        if self.padding != "same":
            return [(p, p) for p in self.padding]
        totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
        return [(total // 2, total - total // 2) for total in totals]


class Conv1d(_Conv):
    """s = W p for windows of a sequence: x (N, C, L) -> s (N, O, T), a cross-correlation.

    Parameters
    ----------
    inputs, outputs : int
        C and O.
    kernel_size, stride, dilation : int or tuple
    padding : int, tuple, "same" or "valid"
        With zeros on both sides; "same" keeps the size and needs stride 1.
    groups : int
        Output channels in group j see the inputs in group j alone; C for a depthwise convolution.
    bias : bool

    Notes
    -----
    As torch.nn.Conv1d, whose padding modes other than zeros are absent.  W is (O, C/groups k + 1).
    """

    axes = 1


class Conv2d(_Conv):
    """s = W p for windows of an image: x (N, C, H, V) -> s (N, O, T_H, T_V); options as Conv1d.

    W is (O, C/groups kh kw + 1), in the order (c, i, j) of torch.nn.Conv2d and the bias last.
    """

    axes = 2
