"""PyTorch's modules by the names of their classes, each as a layer; PyTorch is not imported.

A line of LAYERS is (module, rank) -> (layer, rank behind it), the rank being the number of axes of
one example, or None where that is not known.
"""

import numpy as np

from .affine import Dense
from .attention import MultiHeadAttention
from .convolution import Conv1d, Conv2d
from .elementwise import Elementwise
from .embedding import Embedding
from .maxpool import MaxPool1d, MaxPool2d
from .normalise import LayerNorm, RMSNorm
from .normalise_channels import BatchNorm, GroupNorm
from .padding import Flatten, ZeroPad1d, ZeroPad2d
from .pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from .recurrent import GRU, LSTM, RNN
from .transformer import TransformerEncoderLayer
from .compose import Sequential
from .transposed import ConvTranspose1d, ConvTranspose2d

RANKS = {**dict.fromkeys(("Conv1d", "ConvTranspose1d", "AvgPool1d", "MaxPool1d", "ZeroPad1d",
                          "AdaptiveAvgPool1d", "RNN", "LSTM", "GRU", "MultiheadAttention",
                          "TransformerEncoderLayer", "TransformerEncoder"), 2),
         **dict.fromkeys(("Conv2d", "ConvTranspose2d", "AvgPool2d", "MaxPool2d", "ZeroPad2d",
                          "AdaptiveAvgPool2d", "BatchNorm2d"), 3)}


def require(module, **wanted):
    """ValueError unless the module's attributes have these values."""
    for name, value in wanted.items():
        if getattr(module, name, value) != value:
            raise ValueError(f"{name}={getattr(module, name)!r} is not here; {name}={value!r} is.")


def known(rank):
    """ValueError if the number of axes is not known."""
    if rank is None:
        raise ValueError("the number of axes of an example is not known here; pass shape=, that of "
                         "one example, as (3, 32, 32).")
    return rank


def _same(make):
    return lambda m, rank: (make(m), rank)


# ---- one kind each ----

def _elementwise(name, *parameters, **wanted):
    def make(m):
        require(m, **wanted)
        return Elementwise(name, tuple(getattr(m, p) for p in parameters))
    return _same(make)


def _gelu(m):
    return Elementwise("GELU" if m.approximate == "none" else "GELUTanh")


def _convolution(kind, *more):
    def make(m):
        require(m, padding_mode="zeros")
        names = ("stride", "padding", "dilation", "groups", *more)
        return kind(m.in_channels, m.out_channels, m.kernel_size, bias=m.bias is not None,
                    **{name: getattr(m, name) for name in names})
    return _same(make)


def _average(kind):
    def make(m):
        require(m, divisor_override=None)
        return kind(m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad)
    return _same(make)


def _largest(kind):
    def make(m):
        require(m, return_indices=False)
        return kind(m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode)
    return _same(make)


def _flatten(m, rank):
    end = m.end_dim if m.end_dim < 0 else m.end_dim - known(rank) - 1
    start = m.start_dim if m.start_dim < 0 else m.start_dim - known(rank) - 1
    if end != -1 or (m.start_dim == 0):
        raise ValueError(f"start_dim={m.start_dim}, end_dim={m.end_dim} are not here: the examples "
                         "stay apart, and the last axis is the end.")
    return Flatten(start), None if rank is None else rank + start + 1


def _nothing(m):
    if m.training and m.p:
        raise ValueError("it draws masks as it trains; call module.eval(), or set p=0.")
    return Elementwise("Identity")


def _layer_norm(m):
    return LayerNorm(tuple(m.normalized_shape), m.eps, m.elementwise_affine,
                     getattr(m, "bias", None) is not None or not m.elementwise_affine)


def _rms_norm(m):
    return RMSNorm(tuple(m.normalized_shape), m.eps, m.elementwise_affine)


def _group_norm(m, rank):
    bias = not m.affine or m.bias is not None
    return GroupNorm(m.num_groups, m.num_channels, m.eps, m.affine, bias, known(rank) - 1), rank


def _batch_norm(m, rank):
    held = None if m.training else m.running_mean
    statistics = [None if held is None else np.array(a.detach().cpu().numpy())
                  for a in (m.running_mean, m.running_var)]
    bias = not m.affine or m.bias is not None
    return BatchNorm(m.num_features, m.eps, m.affine, *statistics, bias, known(rank) - 1), rank


def _embedding(m, rank):
    require(m, max_norm=None, scale_grad_by_freq=False, sparse=False)
    return (Embedding(m.num_embeddings, m.embedding_dim, m.padding_idx),
            None if rank is None else rank + 1)


def _recurrent(kind, *more):
    def make(m):
        require(m, batch_first=True, proj_size=0)
        if m.training and m.num_layers > 1:
            require(m, dropout=0.0)
        return kind(m.input_size, m.hidden_size, m.num_layers, m.bidirectional, m.bias,
                    **{name: getattr(m, name) for name in more})
    return _same(make)


def _attention(m):
    require(m, batch_first=True, bias_k=None, add_zero_attn=False, _qkv_same_embed_dim=True)
    if m.training:
        require(m, dropout=0.0)
    return MultiHeadAttention(m.embed_dim, m.num_heads, m.in_proj_bias is not None)


def _encoder_layer(m):
    _attention(m.self_attn)
    if m.training:
        require(m.dropout, p=0.0)
    name = getattr(m.activation, "__name__", type(m.activation).__name__).lower()
    names = {"relu": "ReLU", "gelu": "GELU"}
    if name not in names:
        raise ValueError(f"activation {name} is not here; relu and gelu are.")
    return TransformerEncoderLayer(
        m.linear1.in_features, m.self_attn.num_heads, m.linear1.out_features, names[name],
        m.norm_first, m.norm1.eps, bias=m.linear1.bias is not None)


def _encoder(m):
    stack, last = [_encoder_layer(each) for each in m.layers], getattr(m, "norm")
    names = [f"layers.{i}" for i in range(len(stack))] + ["norm"] * (last is not None)
    return Sequential(*stack, *([] if last is None else [_layer_norm(last)]), names=names)


LAYERS = {
    "Linear": _same(lambda m: Dense(m.in_features, m.out_features, m.bias is not None)),
    "Conv1d": _convolution(Conv1d), "Conv2d": _convolution(Conv2d),
    "ConvTranspose1d": _convolution(ConvTranspose1d, "output_padding"),
    "ConvTranspose2d": _convolution(ConvTranspose2d, "output_padding"),
    **{name: _elementwise(name) for name in
       ("Identity", "Tanh", "Sigmoid", "ReLU", "SELU", "SiLU", "Mish", "Softsign")},
    "Softplus": _elementwise("Softplus", beta=1.0), "GELU": _same(_gelu),
    "LeakyReLU": _elementwise("LeakyReLU", "negative_slope"), "ELU": _elementwise("ELU", "alpha"),
    "Hardtanh": _elementwise("HardTanh", min_val=-1.0, max_val=1.0),
    "AvgPool1d": _average(AvgPool1d), "AvgPool2d": _average(AvgPool2d),
    "MaxPool1d": _largest(MaxPool1d), "MaxPool2d": _largest(MaxPool2d),
    "AdaptiveAvgPool1d": _same(lambda m: AdaptiveAvgPool1d(m.output_size)),
    "AdaptiveAvgPool2d": _same(lambda m: AdaptiveAvgPool2d(m.output_size)),
    "ZeroPad1d": _same(lambda m: ZeroPad1d(m.padding)),
    "ZeroPad2d": _same(lambda m: ZeroPad2d(m.padding)),
    "Flatten": _flatten, "Dropout": _same(_nothing),
    "LayerNorm": _same(_layer_norm), "RMSNorm": _same(_rms_norm), "GroupNorm": _group_norm,
    "BatchNorm1d": _batch_norm, "BatchNorm2d": _batch_norm, "Embedding": _embedding,
    "RNN": _recurrent(RNN, "nonlinearity"), "LSTM": _recurrent(LSTM), "GRU": _recurrent(GRU),
    "MultiheadAttention": _same(_attention), "TransformerEncoderLayer": _same(_encoder_layer),
    "TransformerEncoder": _same(_encoder),
}
