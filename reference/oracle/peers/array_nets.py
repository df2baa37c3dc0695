"""Networks as plain functions of a flat theta, for libraries that speak NumPy: JAX, HIPS autograd.

`outputs(np, net)` is (theta, x) -> z in the functions of `np`, jax.numpy or autograd.numpy.  No
formula is this package's own: a layer is written as its documentation in PyTorch says.
"""

import math

import numpy

from ...network.branches import Parallel, Tied
from ...network.compose import Composite


def outputs(np, special, net):
    """(theta, x) -> z.

    Parameters
    ----------
    np : module
    special : dict
        {"ndtr": function, "logistic": function} that np lacks.
    net : Sequential

    Raises
    ------
    NotImplementedError
        For a layer that is not written here.
    """
    blocks = net.layout.unpack(numpy.arange(net.layout.size))
    function = _function(np, special, net, [blocks[owner] for owner in net.owners])
    return lambda t, x: function(t, np.array(x))


def _function(np, special, layer, own):
    while isinstance(layer, Tied):
        layer = layer.inner
    if isinstance(layer, Composite):
        parts = [_function(np, special, each, Ws)
                 for each, Ws in zip(layer.layers, layer.shared_out(own))]
        if isinstance(layer, Parallel):
            return lambda t, x: _joined(np, layer, [part(t, x) for part in parts])
        return lambda t, x: _chained(parts, t, x)
    kind = type(layer).__name__
    if kind == "Elementwise" and layer.name in ACTIVATIONS:
        return lambda t, x: ACTIVATIONS[layer.name](np, special, x, *layer.parameters)
    if kind not in LAYERS:
        raise NotImplementedError(f"{layer} is not written for {np.__name__}.")
    where = layer.parts(own)
    return lambda t, x: LAYERS[kind](np, special, layer, x, **{
        name: t[at] for name, at in where.items()})


def _chained(parts, t, x):
    for part in parts:
        x = part(t, x)
    return x


def _joined(np, layer, ys):
    return sum(ys) if layer.join == "add" else np.concatenate(ys, layer.axis)


# ---- entry by entry ----

ACTIVATIONS = {
    "Identity": lambda np, s, x: x,
    "Tanh": lambda np, s, x: np.tanh(x),
    "Sigmoid": lambda np, s, x: s["logistic"](x),
    "Softplus": lambda np, s, x: np.logaddexp(x, 0.0),
    "ReLU": lambda np, s, x: np.maximum(x, 0.0),
    "GELU": lambda np, s, x: x * s["ndtr"](x),
    "SiLU": lambda np, s, x: x * s["logistic"](x),
    "Sine": lambda np, s, x: np.sin(x),
}


# ---- layers ----

def _dense(np, s, layer, x, weight, bias=0.0):
    return np.matmul(x, weight.T) + bias


def _convolution(np, s, layer, x, weight, bias=None):
    """One product for each place of the kernel."""
    if layer.padding == "same" or layer.groups > 1:
        raise NotImplementedError
    pads = [(0, 0), (0, 0), *((p, p) for p in layer.padding)]
    x, y = np.pad(x, pads) if any(layer.padding) else x, 0.0
    spans = [range(k) for k in layer.kernel_size]
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(
        x.shape[2:], layer.dilation, layer.kernel_size, layer.stride)]
    for place in numpy.ndindex(*map(len, spans)):
        cut = tuple(slice(i * d, i * d + (n - 1) * s + 1, s) for i, d, n, s in zip(
            place, layer.dilation, sizes, layer.stride))
        y = y + np.einsum("oi,ni...->no...", weight[(slice(None), slice(None), *place)],
                          x[(slice(None), slice(None), *cut)])
    return y if bias is None else y + bias.reshape(-1, *[1] * len(sizes))


def _average(np, s, layer, x):
    """Of windows that do not overlap and fill the image."""
    sizes = x.shape[2:]
    if layer.stride != layer.kernel_size or any(layer.padding) or any(
            n % k for n, k in zip(sizes, layer.kernel_size)):
        raise NotImplementedError
    split = [part for n, k in zip(sizes, layer.kernel_size) for part in (n // k, k)]
    axes = tuple(range(3, 3 + 2 * len(sizes), 2))
    return np.mean(x.reshape(*x.shape[:2], *split), axes)


def _flat(np, s, layer, x):
    return x.reshape(*x.shape[:layer.start_dim], -1)


def _layer_norm(np, s, layer, x, weight=1.0, bias=0.0):
    axes = tuple(range(-len(layer.features), 0))
    c = x - np.mean(x, axes, keepdims=True)
    return c / np.sqrt(np.mean(c ** 2, axes, keepdims=True) + layer.eps) * weight + bias


def _rms_norm(np, s, layer, x, weight=1.0):
    axes = tuple(range(-len(layer.features), 0))
    return x / np.sqrt(np.mean(x ** 2, axes, keepdims=True) + layer.eps) * weight


def _lookup(np, s, layer, x, weight):
    if layer.padding_idx is not None:
        raise NotImplementedError
    return weight[x]


def _attention(np, s, layer, x):
    if layer.mask is not None:
        raise NotImplementedError
    N, T, d = *x.shape[:2], layer.features // layer.heads
    q, k, v = np.einsum("ntahd->anhtd", x.reshape(N, T, 3, layer.heads, d))
    scores = np.einsum("nhtd,nhsd->nhts", q, k) / math.sqrt(d)
    if layer.causal:
        scores = np.where(numpy.tri(T, dtype=bool), scores, -1e300)
    e = np.exp(scores - np.max(scores, -1, keepdims=True))
    y = np.einsum("nhts,nhsd->nthd", e / np.sum(e, -1, keepdims=True), v)
    return y.reshape(N, T, -1)


def _self_attention(np, s, layer, x, in_proj_weight, in_proj_bias=0.0, **out):
    y = _attention(np, s, layer.inner.layers[1], np.matmul(x, in_proj_weight.T) + in_proj_bias)
    return np.matmul(y, out["out_proj.weight"].T) + out.get("out_proj.bias", 0.0)


LAYERS = {
    "Dense": _dense, "Conv1d": _convolution, "Conv2d": _convolution, "AvgPool1d": _average,
    "AvgPool2d": _average, "Flatten": _flat, "LayerNorm": _layer_norm, "RMSNorm": _rms_norm,
    "Transpose": lambda np, s, layer, x: np.swapaxes(x, -1, -2), "Embedding": _lookup,
    "LearnedPositions": lambda np, s, layer, x, weight: x + weight[:x.shape[1]],
    "Unembedding": _dense, "Attention": _attention, "MultiHeadAttention": _self_attention,
}
