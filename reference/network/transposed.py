"""Transposed convolutions: s = W p for the inputs whose kernels reach a place."""

from dataclasses import dataclass
from math import prod
from typing import Any

from ..arrays import functions as F
from .patches import Convolution
from .places import fractional


@dataclass(frozen=True)
class _ConvTranspose(Convolution):
    inputs: int
    outputs: int
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    groups: int = 1
    bias: bool = True
    dilation: Any = 1

    def __post_init__(self):
        super().__post_init__()
        self._normalise("padding", 0)
        self._normalise("output_padding", 0)
        if any(e >= max(s, d) for e, s, d in zip(self.output_padding, self.stride, self.dilation)):
            raise ValueError(f"output_padding {self.output_padding} must be smaller than the "
                             f"stride {self.stride} or the dilation {self.dilation}.")

    def tables(self, sizes):
        """What the kernel's adjoint meets along each axis."""
        options = zip(sizes, self.kernel_size, self.stride, self.padding, self.dilation,
                      self.output_padding)
        return [fractional(*each) for each in options]

    def weight(self, W0):
        """(C, O/groups, *kernel)."""
        J, O, C = self.groups, self.outputs // self.groups, self.inputs // self.groups
        lead = W0.shape[:-2]
        blocks = F.reshape(W0, lead + (J, O, C, prod(self.kernel_size)))
        return F.reshape(F.swapaxes(blocks, -3, -2), lead + (J * C, O) + self.kernel_size)

    @property
    def fans(self):
        """(fan_in, fan_out) as PyTorch counts them: O/groups and C of the kernel's places."""
        K = prod(self.kernel_size)
        return self.outputs // self.groups * K, self.inputs * K


class ConvTranspose1d(_ConvTranspose):
    """The adjoint of a strided Conv1d as a layer: x (N, C, L) -> s (N, O, T).

    T = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Parameters
    ----------
    inputs, outputs : int
        C and O.
    kernel_size, stride, padding, dilation : int or tuple
    output_padding : int or tuple
        Places added after; less than stride or dilation.
    groups : int
    bias : bool

    Notes
    -----
    As torch.nn.ConvTranspose1d.  W is (O, C/groups k + 1): place t of output o meets, for each
    channel and offset k, the input at (t + padding - k dilation)/stride if that is whole.
    """

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The adjoint of a strided Conv2d as a layer: x (N, C, H, V) -> s (N, O, T_H, T_V).

    Options as ConvTranspose1d, numbers or one per axis; as torch.nn.ConvTranspose2d.
    """

    axes = 2
