"""ONNX's operators by their names, each as layers with their arrays; ONNX is not imported.

A line of OPERATORS is a function Call -> [(layer, {PyTorch's name: array}), ...], one after the
other.
"""

from dataclasses import dataclass

import numpy as np

from .affine import Dense
from .elementwise import SELU_ALPHA, SELU_SCALE, Elementwise
from .embedding import Embedding
from .normalise import LayerNorm
from .normalise_channels import BatchNorm, GroupNorm
from .onnx_windows import (average, convolution, global_average, largest, mean, named,
                           transposed)
from .padding import Flatten


@dataclass(frozen=True)
class Call:
    """A node, the arrays among its inputs (None: the data, or nothing), and an example's shape."""

    node: object
    arrays: tuple
    shape: tuple = ()

    def __getitem__(self, attribute):
        """Of the node; None if it has none."""
        return self.node.attributes.get(attribute)

    def array(self, i):
        """Input i, which may be left out."""
        if i < len(self.node.inputs) and self.node.inputs[i] and self.arrays[i] is None:
            raise ValueError(f"input {i}, {self.node.inputs[i]!r}, is computed; it must be an "
                             "initializer or a Constant.")
        return self.arrays[i] if i < len(self.arrays) else None

    def require(self, **wanted):
        """ValueError unless the attributes are absent or have these values."""
        for name, value in wanted.items():
            if self[name] not in (None, value):
                raise ValueError(f"{name}={self[name]!r} is not here; {name}={value!r} is.")

    def axis(self, value):
        """An axis of the data, counted from the end."""
        return value if value < 0 else value - len(self.shape) - 1

    def spread(self, name, count, default):
        """One number per axis."""
        return self[name] or (default,) * count


# ---- affine ----

def _gemm(call):
    call.require(transA=0)
    weight, bias = call.array(1), call.array(2)
    return dense(call["alpha"] * (weight if call["transB"] else weight.T),
                 None if bias is None else call["beta"] * bias)


def _matmul(call):
    return dense(call.array(1).T, None)


def dense(weight, bias):
    """Dense from weight (O, I) and bias (O,), (1, O), ... or None."""
    if weight.ndim != 2:
        raise ValueError(f"a weight of shape {weight.shape} is not here; a matrix is.")
    O, I = weight.shape
    if bias is not None:
        if bias.size != O or bias.shape[-1:] != (O,):
            raise ValueError(f"a bias of shape {bias.shape} is not here; one of ({O},), an entry "
                             "for each output, is.")
        bias = bias.reshape(O)
    return [(Dense(I, O, bias is not None), named(weight, bias))]


def _embedding(call):
    call.require(axis=0)
    table = call.array(0)
    if table is None or table.ndim != 2:
        raise ValueError("what is gathered from must be an initializer of shape (V, D).")
    return [(Embedding(*table.shape), {"weight": table})]


# ---- normalisation ----

def _batch_norm(call):
    call.require(training_mode=0, spatial=1)
    scale, offset, mean, variance = map(call.array, (1, 2, 3, 4))
    return [(BatchNorm(scale.size, call["epsilon"], True, mean, variance,
                       spatial=len(call.shape) - 1), named(scale, offset))]


def _layer_norm(call):
    scale, offset, axes = call.array(1), call.array(2), -call.axis(call["axis"])
    if scale.ndim != axes:
        raise ValueError(f"a scale of shape {scale.shape} is not here; one of {axes} axes is.")
    return [(LayerNorm(scale.shape, call["epsilon"], bias=offset is not None),
             named(scale, offset))]


def _group_norm(call):
    scale = call.array(1)
    if call.node.version < 21:
        raise ValueError("before version 21 its scale is one for a group; here it is one for a "
                         "channel: export with opset 21 or later.")
    return [(GroupNorm(call["num_groups"], scale.size, call["epsilon"],
                       spatial=len(call.shape) - 1), named(scale, call.array(2)))]


def _instance_norm(call):
    size = call.array(1).size
    return [(GroupNorm(size, size, call["epsilon"], spatial=len(call.shape) - 1),
             named(call.array(1), call.array(2)))]


# ---- without weights ----

def _elementwise(name, *parameters):
    return lambda call: [(Elementwise(name, tuple(call[p] for p in parameters)), {})]


def _selu(call):
    single = tuple(map(np.float32, (SELU_ALPHA, SELU_SCALE)))
    if (np.float32(call["alpha"]), np.float32(call["gamma"])) != single:
        raise ValueError(f"alpha={call['alpha']}, gamma={call['gamma']} are not here; "
                         f"{single} are.")
    return [(Elementwise("SELU"), {})]


def _gelu(call):
    return [(Elementwise("GELU" if call["approximate"] == "none" else "GELUTanh"), {})]


def _flatten(call):
    if call.axis(call["axis"]) != -len(call.shape):
        raise ValueError(f"axis={call['axis']} is not here; axis=1 is: the examples stay apart.")
    return flattening(call.shape)


def flattening(shape):
    """Flatten, unless there is one axis already."""
    return [(Flatten(-len(shape)), {})] if len(shape) != 1 else []


def _dropout(call):
    if len(call.node.inputs) > 2 and call.node.inputs[2] and np.any(call.array(2)):
        raise ValueError("it draws masks as it trains; export the model in evaluation.")
    return []


OPERATORS = {
    "Gemm": _gemm, "MatMul": _matmul, "Conv": convolution, "ConvTranspose": transposed,
    "Gather": _embedding,
    **{op: _elementwise(op) for op in ("Tanh", "Sigmoid", "Softplus", "Softsign", "Mish")},
    "Relu": _elementwise("ReLU"), "Sin": _elementwise("Sine"), "Selu": _selu, "Gelu": _gelu,
    "LeakyRelu": _elementwise("LeakyReLU", "alpha"), "Elu": _elementwise("ELU", "alpha"),
    "AveragePool": average, "MaxPool": largest, "GlobalAveragePool": global_average,
    "ReduceMean": mean,
    "BatchNormalization": _batch_norm, "LayerNormalization": _layer_norm,
    "GroupNormalization": _group_norm, "InstanceNormalization": _instance_norm,
    "Flatten": _flatten, "Dropout": _dropout, "Identity": lambda call: [],
}

HINTS = dict.fromkeys(("Div", "Erf"), "  Export with opset 20 or later, where Gelu is a node.")
HINTS["Softmax"] = HINTS["LogSoftmax"] = "  Leave it out: the loss CrossEntropy takes scores."
