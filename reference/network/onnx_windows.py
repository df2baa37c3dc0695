"""ONNX's convolutions and pools: functions Call -> [(layer, arrays), ...], for onnx_layers.py."""

from .convolution import Conv1d, Conv2d
from .maxpool import MaxPool1d, MaxPool2d
from .padding import Flatten, ZeroPad1d, ZeroPad2d
from .pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from .transposed import ConvTranspose1d, ConvTranspose2d


def named(weight, bias):
    """{"weight", "bias"}, without what is None."""
    return {key: a for key, a in (("weight", weight), ("bias", bias)) if a is not None}


# ---- options ----

def _pads(call, kernel):
    """(before, after) along each axis."""
    axes, kind = len(kernel), call["auto_pad"]
    given = call.spread("pads", 2 * axes, 0)
    if kind in ("SAME_UPPER", "SAME_LOWER"):
        call.require(strides=(1,) * axes)
        totals = [d * (k - 1) for d, k in zip(call.spread("dilations", axes, 1), kernel)]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        return list(zip(small, large) if kind == "SAME_UPPER" else zip(large, small))
    if kind not in (None, "NOTSET", "VALID") or len(given) != 2 * axes:
        raise ValueError(f"auto_pad={kind!r} with pads={given} is not here.")
    return [(0, 0)] * axes if kind == "VALID" else list(zip(given[:axes], given[axes:]))


def _split(pads):
    """(layers of zeros around the input, the padding left to the layer behind)."""
    if all(before == after for before, after in pads):
        return [], tuple(before for before, _ in pads)
    flat = tuple(p for pair in pads[::-1] for p in pair)
    return [((ZeroPad1d, ZeroPad2d)[len(pads) - 1](flat), {})], (0,) * len(pads)


def _kernel(call):
    """The weight and the sizes of its kernel."""
    weight = call.array(1)
    if weight.ndim not in (3, 4):
        raise ValueError(f"a weight of shape {weight.shape} is not here; convolutions along one or "
                         "two axes are.")
    call.require(kernel_shape=weight.shape[2:])
    return weight, weight.shape[2:]


def convolution(call):
    """s = W p, behind zeros where they are more on one side."""
    weight, kernel = _kernel(call)
    axes, group, bias = len(kernel), call["group"], call.array(2)
    zeros, padding = _split(_pads(call, kernel))
    layer = (Conv1d, Conv2d)[axes - 1](
        weight.shape[1] * group, len(weight), kernel, call.spread("strides", axes, 1), padding,
        call.spread("dilations", axes, 1), group, bias is not None)
    return [*zeros, (layer, named(weight, bias))]


def transposed(call):
    """Its adjoint as a layer."""
    weight, kernel = _kernel(call)
    axes, group, bias = len(kernel), call["group"], call.array(2)
    call.require(auto_pad="NOTSET", output_shape=())
    pads = _pads(call, kernel)
    if any(before != after for before, after in pads):
        raise ValueError(f"pads={call['pads']} are not here; the same on both sides is.")
    layer = (ConvTranspose1d, ConvTranspose2d)[axes - 1](
        len(weight), weight.shape[1] * group, kernel, call.spread("strides", axes, 1),
        tuple(before for before, _ in pads), call.spread("output_padding", axes, 0), group,
        bias is not None, call.spread("dilations", axes, 1))
    return [(layer, named(weight, bias))]


# ---- pools ----

def average(call):
    """Means over windows; the stride is 1 where it is not said."""
    kernel, axes = call["kernel_shape"], len(call["kernel_shape"])
    call.require(dilations=(1,) * axes)
    zeros, padding = _split(_pads(call, kernel))
    counted = bool(call["count_include_pad"])
    if zeros and not (counted and not call["ceil_mode"]):
        raise ValueError(f"pads={call['pads']} are not here with count_include_pad=0 or ceil_mode.")
    return [*zeros, (_along(call, AvgPool1d, AvgPool2d)(
        kernel, call.spread("strides", axes, 1), padding, bool(call["ceil_mode"]), counted), {})]


def largest(call):
    """The largest entries of windows."""
    kernel, axes = call["kernel_shape"], len(call["kernel_shape"])
    zeros, padding = _split(_pads(call, kernel))
    if zeros:
        raise ValueError(f"pads={call['pads']} are not here; the same on both sides is.")
    return [(_along(call, MaxPool1d, MaxPool2d)(
        kernel, call.spread("strides", axes, 1), padding, call.spread("dilations", axes, 1),
        bool(call["ceil_mode"])), {})]


def global_average(call):
    """The mean of each channel."""
    return [(_along(call, AdaptiveAvgPool1d, AdaptiveAvgPool2d)(1), {})]


def mean(call):
    """The mean of each channel, if it is over all axes of places."""
    axes = call["axes"] if call.array(1) is None else call.array(1)
    if axes is None or {call.axis(int(a)) for a in axes} != set(range(1 - len(call.shape), 0)):
        raise ValueError(f"the mean over axes {axes} is not here; the one over all axes of places "
                         "is, as of GlobalAveragePool.")
    return global_average(call) + ([] if call["keepdims"] else [(Flatten(-len(call.shape)), {})])


def _along(call, one, two):
    """The layer for examples of one or two axes of places."""
    if len(call.shape) not in (2, 3):
        raise ValueError(f"examples of {len(call.shape)} axes are not here; channels and one or "
                         "two axes of places are.")
    return (one, two)[len(call.shape) - 2]
