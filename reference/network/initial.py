"""Random matrices W = (W0 b) to begin with, drawn from a given numpy Generator."""

import numpy as np

from .affine import Affine


def _sides(layer):
    """Shape of W0."""
    outputs, width = layer.shape
    return outputs, width - bool(layer.bias)


def _fans(layer):
    """(fan_in, fan_out): a kernel counts all its places."""
    return layer.fans if isinstance(layer, Affine) else _sides(layer)[::-1]


def _assemble(layer, W0, b=0.0):
    columns = [W0] + [np.broadcast_to(b, (len(W0),))[:, None]] * bool(layer.bias)
    return np.concatenate(columns, axis=1)


def glorot(rng, layer):
    """W0 uniform on +-sqrt(6/(fan_in + fan_out)), b = 0 [GB10, eq. 16]."""
    fan_in, fan_out = _fans(layer)
    bound = np.sqrt(6 / (fan_in + fan_out))
    return _assemble(layer, rng.uniform(-bound, bound, _sides(layer)))


def he(rng, layer):
    """W0 normal with variance 2/fan_in, b = 0 [He15, eq. 10]."""
    fan_in, _ = _fans(layer)
    return _assemble(layer, np.sqrt(2 / fan_in) * rng.standard_normal(_sides(layer)))


def pytorch(rng, layer):
    """W0 and b uniform on +-1/sqrt(fan_in): the default of torch.nn.Linear and its convolutions."""
    fan_in, _ = _fans(layer)
    bound = 1 / np.sqrt(fan_in)
    return _assemble(layer, rng.uniform(-bound, bound, _sides(layer)),
                     rng.uniform(-bound, bound, layer.shape[0]))


def sparse(rng, layer, incoming=15):
    """At most 15 incoming N(0, 1) weights per unit, the others 0, b = 0 [Mar10, sec. 5]."""
    sides = _sides(layer)
    W0 = np.zeros(sides)
    chosen = rng.random(sides).argsort(axis=1)[:, :incoming]
    np.put_along_axis(W0, chosen, rng.standard_normal(chosen.shape), axis=1)
    return _assemble(layer, W0)
