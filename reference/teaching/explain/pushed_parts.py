"""Patches and gradients without a backward pass, where every layer with weights is a plain one.

    s_nt = W p_nt + push_t,    dz_n/ds_nt = Im z(push_t = i h e_o)/h        (oracle/pushed.py)
"""

from math import prod

from ...network.convolution import Conv2d
from ...network.recurrent import LSTM
from ...oracle.pushed import PUSHED, patches_and_gradients as pushed_parts

__all__ = ["can_be_pushed", "pushed_parts"]

MOST = 500                             # forward passes that are worth their time


def can_be_pushed(objective):
    """Whether the forward pass of oracle/pushed.py knows all layers, for outputs (N, C)."""
    net = objective.net
    once = len(net.shapes) == len(net.layout.shapes) and not net.couples
    return (once and len(objective.output_shape) == 2
            and all(not layer.shapes or _is_plain(layer) for layer in net.layers)
            and _passes(objective) <= MOST)


def _is_plain(layer):
    if isinstance(layer, LSTM):
        own = layer.layers, layer.bidirectional, layer.initial is None, layer.mask is None
        return own == (1, False, True, True)
    if isinstance(layer, Conv2d):
        return layer.padding != "same" and layer.groups == 1
    return type(layer) in PUSHED


def _passes(objective):
    """T O of every matrix."""
    shape, total = objective.x.shape[1:], 0
    for layer in objective.net.layers:
        before, shape = shape, layer.output_shape(shape)
        if isinstance(layer, LSTM):
            total += before[0] * sum(O for O, _ in layer.shapes)
        elif layer.shapes:
            total += prod(shape)
    return total
