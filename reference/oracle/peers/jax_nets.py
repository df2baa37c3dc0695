"""The networks in JAX, as functions of the flat theta, with the alternatives that XLA may prefer.
"""

from functools import partial

import jax
import jax.numpy as jnp

from .steps import parts


def nets(steps):
    """{variant: (theta, x) -> z}; one without a name where there is nothing to choose."""
    kinds = {step.kind for step in steps}
    found = {name: partial(_forward, steps, {**LAYERS, **layers})
             for name, layers in VARIANTS.items() if set(layers) <= kinds}
    return found or {"": partial(_forward, steps, LAYERS)}


def _forward(steps, layers, t, x):
    for step, matrices in parts(steps, t):
        x = layers[step.kind](step, x, *matrices)
    return x


def _dense(step, x, W):
    return x @ W[:, :-1].T + W[:, -1]


def _pool(step, x):
    k, (C, H, W) = step.width, step.outputs
    return x.reshape(-1, C, H, k, W, k).mean((3, 5))


def _convolution(step, x, W):
    kernel = W[:, :-1].reshape(-1, step.inputs[0], step.width, step.width)
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID") + W[:, -1, None, None]


def _patches(step, x, W):
    k, (O, H, V) = step.width, step.outputs
    p = jnp.stack([x[:, :, i:i + H, j:j + V] for i in range(k) for j in range(k)], 2)
    s = jnp.einsum("op,npt->not", W[:, :-1], p.reshape(len(x), -1, H * V)) + W[:, -1, None]
    return s.reshape(len(x), O, H, V)


def _lstm(step, x, Wx, Wh):
    """The last hidden state; gates in the order i, f, g, o.

    Not unrolled: XLA on the CPU is then slower, and takes up to 20 s to compile H v.
    """
    def cell(state, s):
        h, c = state
        i, f, g, o = jnp.split(s + h @ Wh[:, :-1].T, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None
    s = jnp.swapaxes(x @ Wx[:, :-1].T + Wx[:, -1] + Wh[:, -1], 0, 1)
    zero = jnp.zeros((len(x), step.outputs[0]), x.dtype)
    return jax.lax.scan(cell, (zero, zero), s)[0][0]


LAYERS = {"Dense": _dense, "Tanh": lambda step, x: jnp.tanh(x), "AvgPool2d": _pool,
          "LSTM": _lstm, "Flatten": lambda step, x: x.reshape(len(x), -1)}
VARIANTS = {"lax convolution": {"Conv2d": _convolution}, "patches": {"Conv2d": _patches}}
