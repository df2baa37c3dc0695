"""Random matrices W = (W0 b) to begin with, drawn from a given numpy Generator."""

import numpy as np


def _fans(layer):
    outputs, width = layer.shape
    return width - bool(layer.bias), outputs


def _assemble(layer, W0, b=0.0):
    columns = [W0] + [np.broadcast_to(b, (len(W0),))[:, None]] * bool(layer.bias)
    return np.concatenate(columns, axis=1)


def glorot(rng, layer):
    """W0 uniform on +-sqrt(6/(fan_in + fan_out)), b = 0 [GB10, eq. 16]."""
    fan_in, fan_out = _fans(layer)
    bound = np.sqrt(6 / (fan_in + fan_out))
    return _assemble(layer, rng.uniform(-bound, bound, (fan_out, fan_in)))


def he(rng, layer):
    """W0 normal with variance 2/fan_in, b = 0 [He15, eq. 10]."""
    fan_in, fan_out = _fans(layer)
    return _assemble(layer, np.sqrt(2 / fan_in) * rng.standard_normal((fan_out, fan_in)))


def pytorch(rng, layer):
    """W0 and b uniform on +-1/sqrt(fan_in): the default of torch.nn.Linear."""
    fan_in, fan_out = _fans(layer)
    bound = 1 / np.sqrt(fan_in)
    return _assemble(layer, rng.uniform(-bound, bound, (fan_out, fan_in)),
                     rng.uniform(-bound, bound, fan_out))


def sparse(rng, layer, incoming=15):
    """At most 15 incoming N(0, 1) weights per unit, the others 0, b = 0 [Mar10, sec. 5]."""
    fan_in, fan_out = _fans(layer)
    W0 = np.zeros((fan_out, fan_in))
    chosen = rng.random((fan_out, fan_in)).argsort(axis=1)[:, :incoming]
    np.put_along_axis(W0, chosen, rng.standard_normal(chosen.shape), axis=1)
    return _assemble(layer, W0)
