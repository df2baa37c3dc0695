"""Networks and losses as JSON, an ordered list of layers with all their fields, and back.

    Dense(4, 2)               {"type": "Dense", "inputs": 4, "outputs": 2, "bias": true}
    LeakyReLU(0.1)            {"type": "LeakyReLU", "slope": 0.1}
    Sequential, Parallel      {"type": ..., "layers": [...], "names": [...], ...}
    an array as a field       {"array": [[...]], "dtype": "float64"}

A type is one of a list, and a field is a number, a word, a list or an array: what is read from a
stranger's file makes layers and nothing else.
"""

from dataclasses import fields
from inspect import signature

import numpy as np

from ...network import losses
from ...network.affine import Dense
from ...network.attention import Attention, MultiHeadAttention
from ...network.branches import Parallel, Tied
from ...network.compose import Sequential
from ...network.convolution import Conv1d, Conv2d
from ...network.dropout import Dropout
from ...network.elementwise import ACTIVATIONS, Elementwise
from ...network.embedding import Embedding, LearnedPositions, SinusoidalPositions, Unembedding
from ...network.maxpool import MaxPool1d, MaxPool2d
from ...network.normalise import LayerNorm, RMSNorm
from ...network.normalise_channels import BatchNorm, GroupNorm
from ...network.padding import Flatten, Transpose, ZeroPad1d, ZeroPad2d
from ...network.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from ...network.recurrent import GRU, LSTM, RNN
from ...network.transposed import ConvTranspose1d, ConvTranspose2d

LEAVES = {layer.__name__: layer for layer in (
    Dense, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Attention, MultiHeadAttention, Dropout,
    Embedding, LearnedPositions, SinusoidalPositions, Unembedding, MaxPool1d, MaxPool2d, LayerNorm,
    RMSNorm, BatchNorm, GroupNorm, Flatten, Transpose, ZeroPad1d, ZeroPad2d, AvgPool1d, AvgPool2d,
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, GRU, LSTM, RNN)}
ARRAYS = ("bool", "int64", "float32", "float64")


# ---- to JSON ----

def encode(layer):
    """A layer as JSON.

    Raises
    ------
    TypeError
        For a layer of a type that is not listed: a reader could not make it again.
    """
    if type(layer) is Elementwise:
        named = ACTIVATIONS[layer.name].parameters
        return {"type": layer.name, **{name: value for (name, _), value
                                       in zip(named, layer.parameters)}}
    if type(layer) is Tied:
        return {"type": "Tied", "name": layer.name, "layer": encode(layer.layer)}
    if type(layer) in (Sequential, Parallel):
        own = {} if type(layer) is Sequential else {"join": layer.join, "axis": layer.axis}
        return {"type": type(layer).__name__, "layers": [encode(each) for each in layer.layers],
                "names": list(layer.names), **own}
    if LEAVES.get(type(layer).__name__) is not type(layer):
        raise TypeError(f"{layer!r} cannot be written into a pack; its layers are those of this "
                        f"package: {', '.join(LEAVES)}.")
    return {"type": type(layer).__name__,
            **{field.name: _encoded(getattr(layer, field.name)) for field in fields(layer)}}


def _encoded(value):
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype)}
    if isinstance(value, (tuple, list)):
        return [_encoded(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def encode_loss(loss):
    """A loss as JSON: its name and its parameters by name."""
    names = signature(getattr(losses, loss.name)).parameters
    return {"type": loss.name, **{name: _encoded(value) for name, value
                                  in zip(names, loss.parameters)}}


# ---- from JSON ----

def decode(code):
    """The layer that `encode` took.

    Raises
    ------
    ValueError
        If the code is of another form, or no such layer can be made.
    """
    if not (isinstance(code, dict) and isinstance(code.get("type"), str)):
        raise ValueError(f"no layer is written as {str(code)[:60]!r}; it is an object with a type.")
    kind, own = code["type"], {name: value for name, value in code.items() if name != "type"}
    try:
        return _made(kind, own)
    except (TypeError, KeyError) as error:
        raise ValueError(f"no layer {kind!r} of {', '.join(own) or 'nothing'}: {error}.") from error


def _made(kind, own):
    if kind in ACTIVATIONS:
        names = [name for name, _ in ACTIVATIONS[kind].parameters]
        if sorted(own) != sorted(names):
            raise KeyError(f"its fields are {names}")
        return Elementwise(kind, tuple(own[name] for name in names))
    if kind == "Tied":
        return Tied(own["name"], decode(own["layer"]))
    if kind in ("Sequential", "Parallel"):
        layers = [decode(each) for each in own.pop("layers")]
        return {"Sequential": Sequential, "Parallel": Parallel}[kind](*layers, **own)
    if kind not in LEAVES:
        raise ValueError(f"no layer {kind!r}; the known ones are {', '.join(LEAVES)}.")
    return LEAVES[kind](**{name: _decoded(value) for name, value in own.items()})


def _decoded(value):
    if isinstance(value, list):
        return tuple(map(_decoded, value))
    if isinstance(value, dict):
        if sorted(value) != ["array", "dtype"] or value["dtype"] not in ARRAYS:
            raise ValueError(f"no field is written as {str(value)[:60]!r}.")
        return np.array(value["array"], value["dtype"])
    return value


def decode_loss(code):
    """The loss that `encode_loss` took; ValueError if there is none."""
    if not (isinstance(code, dict) and code.get("type") in losses.LOSSES):
        raise ValueError(f"no loss is written as {str(code)[:60]!r}; the known ones are "
                         f"{', '.join(losses.LOSSES)}.")
    own = {name: _decoded(value) for name, value in code.items() if name != "type"}
    try:
        return getattr(losses, code["type"])(**own)
    except TypeError as error:
        raise ValueError(f"no loss {code['type']!r} of {', '.join(own)}: {error}.") from error
