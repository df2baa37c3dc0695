"""A network of this package in PyTorch's own layers, and where its parameters lie in theta."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ...network.branches import Parallel, Tied
from ...network.compose import Composite
from . import torch_modules as here

ACTIVATIONS = {
    **{name: getattr(nn, name) for name in (
        "Identity Tanh Sigmoid Softplus ReLU SELU GELU SiLU Mish Softsign".split())},
    "LeakyReLU": nn.LeakyReLU, "ELU": nn.ELU, "HardTanh": nn.Hardtanh, "Sine": here.Sine,
    "GELUTanh": lambda: nn.GELU("tanh")}


@dataclass(frozen=True, eq=False)
class Twin:
    """`module`, and {name of its parameter: int array of the entries of theta that it holds}."""

    module: Any
    index: dict

    def join(self, named, size):
        """{name: tensor (*lead, ...)} -> NumPy (*lead, size); what is missing is 0."""
        lead = next(a.ndim - self.index[name].ndim for name, a in named.items())
        found = np.zeros((*next(iter(named.values())).shape[:lead], size))
        for name, a in named.items():
            found[..., self.index[name]] = a.detach().numpy()
        return found

    def split(self, t):
        """theta (..., P) -> {name: tensor}."""
        return {name: t[..., torch.as_tensor(at)] for name, at in self.index.items()}


def twin(net, theta):
    """The Twin of a network, with theta in it.

    Raises
    ------
    NotImplementedError
        For a layer that PyTorch has not, and where it reads a row padding_idx that is not 0: it
        withholds that row's gradient, we its effect.
    """
    theta, blocks = torch.tensor(theta), net.layout.unpack(np.arange(net.layout.size))
    parameters = {}
    module = _module(net, [blocks[owner] for owner in net.owners], parameters).to(theta.dtype)
    padding = parameters.pop("padding", None)
    if padding is not None and theta[torch.as_tensor(padding)].any():
        raise NotImplementedError("PyTorch reads the row padding_idx, which here is not 0.")
    where = {id(parameter): at for parameter, at in parameters.values()}
    found = Twin(module, {name: where[id(p)] for name, p in module.named_parameters()})
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(theta[torch.as_tensor(found.index[name])])
    return found


def _module(layer, own, parameters):
    """The module of a layer with matrices `own`; {key: (parameter, entries)} grows."""
    while isinstance(layer, Tied):
        layer = layer.inner
    if isinstance(layer, Composite):
        inner = [_module(each, Ws, parameters)
                 for each, Ws in zip(layer.layers, layer.shared_out(own))]
        return _parallel(layer, inner) if isinstance(layer, Parallel) else nn.Sequential(*inner)
    module = _leaf(layer)
    if getattr(layer, "padding_idx", None) is not None:
        parameters["padding"] = own[0][:, layer.padding_idx]
    for name, at in layer.parts(own).items():
        *path, last = name.split(".")
        holder = module.get_submodule(".".join(path))
        key = at.shape, at.tobytes()
        if key in parameters:                      # a matrix that another layer has, too
            setattr(holder, last, parameters[key][0])
        else:
            parameters[key] = getattr(holder, last), at
    return module


def _parallel(layer, branches):
    module = here.Parallel(branches)
    module.axis = layer.axis if layer.join == "concatenate" else None
    return module


def _leaf(layer):
    kind = type(layer).__name__
    if kind == "Elementwise" and layer.name in ACTIVATIONS:
        return ACTIVATIONS[layer.name](*layer.parameters)
    if kind not in LEAVES or getattr(layer, "reset", "after") != "after":
        raise NotImplementedError(f"{layer} has no counterpart in PyTorch.")
    return LEAVES[kind](layer)


# ---- layers ----

def _convolution(kind, *names):
    return lambda l: kind(l.inputs, l.outputs, l.kernel_size, **{
        name: getattr(l, name) for name in ("stride", "padding", "dilation", "groups", "bias",
                                            *names)})


def _average(kind):
    return lambda l: kind(l.kernel_size, l.stride, l.padding, l.ceil_mode, l.count_include_pad)


def _largest(kind):
    return lambda l: kind(l.kernel_size, l.stride, l.padding, l.dilation, ceil_mode=l.ceil_mode)


def _batch_norm(l):
    kind = nn.BatchNorm2d if l.spatial == 2 else nn.BatchNorm1d
    module = kind(l.features, l.eps, affine=l.affine, bias=l.bias,
                  track_running_stats=l.mean is not None)
    if l.mean is not None:
        module.running_mean.data = torch.tensor(l.mean)
        module.running_var.data = torch.tensor(l.variance)
        module.eval()
    return module


def _recurrent(kind):
    def make(l):
        more = {"nonlinearity": l.nonlinearity} if kind is here.RNN else {}
        return kind(l.inputs, l.hidden, last=l.last, state=l.initial, mask=l.mask, bias=l.bias,
                    num_layers=l.layers, bidirectional=l.bidirectional, **more)
    return make


LEAVES = {
    "Dense": lambda l: nn.Linear(l.inputs, l.outputs, l.bias),
    "Conv1d": _convolution(nn.Conv1d), "Conv2d": _convolution(nn.Conv2d),
    "ConvTranspose1d": _convolution(nn.ConvTranspose1d, "output_padding"),
    "ConvTranspose2d": _convolution(nn.ConvTranspose2d, "output_padding"),
    "AvgPool1d": _average(nn.AvgPool1d), "AvgPool2d": _average(nn.AvgPool2d),
    "MaxPool1d": _largest(nn.MaxPool1d), "MaxPool2d": _largest(nn.MaxPool2d),
    "AdaptiveAvgPool1d": lambda l: nn.AdaptiveAvgPool1d(l.output_size),
    "AdaptiveAvgPool2d": lambda l: nn.AdaptiveAvgPool2d(l.output_size),
    "ZeroPad1d": lambda l: nn.ZeroPad1d(l.padding), "ZeroPad2d": lambda l: nn.ZeroPad2d(l.padding),
    "Flatten": lambda l: nn.Flatten(l.start_dim), "Transpose": lambda l: here.Transposed(),
    "Dropout": lambda l: here.Masked(l.mask, l.p),
    "LayerNorm": lambda l: nn.LayerNorm(l.features, l.eps, l.affine, l.bias),
    "RMSNorm": lambda l: nn.RMSNorm(l.features, l.eps, l.affine),
    "GroupNorm": lambda l: nn.GroupNorm(l.groups, l.channels, l.eps, l.affine, bias=l.bias),
    "BatchNorm": _batch_norm,
    "Embedding": lambda l: nn.Embedding(l.size, l.features, l.padding_idx),
    "LearnedPositions": lambda l: here.Positions(l.length, l.features),
    "SinusoidalPositions": lambda l: here.Waves(),
    "Unembedding": lambda l: nn.Linear(l.features, l.size, bias=False),
    "Attention": lambda l: here.Scaled(l.heads),
    "MultiHeadAttention": lambda l: here.SelfAttention(l.features, l.heads, l.bias, l.causal,
                                                       l.mask),
    "RNN": _recurrent(here.RNN), "LSTM": _recurrent(here.LSTM), "GRU": _recurrent(here.GRU),
}
