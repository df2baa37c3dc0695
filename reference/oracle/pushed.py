"""Patches and their gradients without a backward pass: what comes of a pushed pre-activation.

    s_nt = W p_nt + push_t,    dz_n/ds_nt = dz_n/dpush_t    by complex steps, number by number.

The forward pass is written out here, with loops over places, for the layers of PUSHED; layers
without weights are the network's own.
"""

import numpy as np

from ..network.affine import Dense
from ..network.convolution import Conv2d
from ..network.recurrent import LSTM

STEP = 1e-20


def patches_and_gradients(objective, theta):
    """[(p (N, T, I), dz/ds (N, T, O, C)), ...], one per weight matrix, for outputs (N, C)."""
    Ws = objective.net.layout.unpack(theta)
    z, patches = run(objective, Ws, [0] * len(Ws))
    return [(p, _pushed(objective, Ws, i, p.shape[1], z)) for i, p in enumerate(patches)]


def _pushed(objective, Ws, i, T, z):
    N, C = z.shape
    J = np.empty((N, T, len(Ws[i]), C), z.dtype)
    for t, o in np.ndindex(J.shape[1:3]):
        pushes = [0] * len(Ws)
        pushes[i] = np.zeros((T, len(Ws[i])), np.result_type(z.dtype, np.complex64))
        pushes[i][t, o] = 1j * STEP
        J[:, t, o] = run(objective, Ws, pushes)[0].imag / STEP
    return J


def run(objective, Ws, pushes):
    """z and the patches (N, T, I) of every matrix; pushes (T, O), or 0."""
    x, patches, rest = objective.x, [], list(zip(Ws, pushes))
    for layer in objective.net.layers:
        if not layer.shapes:
            x = layer.forward(None, x)
            continue
        own, rest = rest[:len(layer.shapes)], rest[len(layer.shapes):]
        x, here = PUSHED[type(layer)](layer, *own, x)
        patches += here
    return x, patches


def _with_one(x, bias):
    return np.concatenate([x, np.ones_like(x[..., :1])], axis=-1) if bias else x


def _dense(layer, own, x):
    W, push = own
    p = _with_one(x.reshape(len(x), -1, x.shape[-1]), layer.bias)
    return (p @ W.T + push).reshape(x.shape[:-1] + W.shape[:1]), [p]


def _conv2d(layer, own, x):
    """Row by row of the output, place by place; one group."""
    (W, push), (kh, kw), (sh, sw) = own, layer.kernel_size, layer.stride
    (ph, pw), (dh, dw), (_, H, V) = layer.padding, layer.dilation, layer.output_shape(x.shape[1:])
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    p = [x[:, :, i * sh:i * sh + dh * (kh - 1) + 1:dh, j * sw:j * sw + dw * (kw - 1) + 1:dw]
         .reshape(len(x), -1) for i in range(H) for j in range(V)]
    p = _with_one(np.stack(p, axis=1), layer.bias)
    s = p @ W.T + push
    return s.swapaxes(1, 2).reshape(len(x), len(W), H, V), [p]


def _lstm(layer, to_inputs, to_states, x):
    """i, f, g, o of one layer in one direction, without masks, from zero."""
    (W, push), (V, nudge), steps = to_inputs, to_states, range(x.shape[1])
    push, nudge = (np.zeros((len(steps), 1)) + a for a in (push, nudge))
    h = c = np.zeros((len(x), layer.hidden), x.dtype)          # complex once it is pushed
    ps, qs, hs = [], [], []
    for t in steps:
        ps.append(_with_one(x[:, t], layer.bias))
        qs.append(_with_one(h, layer.bias))
        s = ps[-1] @ W.T + push[t] + qs[-1] @ V.T + nudge[t]
        i, f, g, o = np.split(s, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        hs.append(h)
    return h if layer.last else np.stack(hs, axis=1), [np.stack(a, axis=1) for a in (ps, qs)]


PUSHED = {Dense: _dense, Conv2d: _conv2d, LSTM: _lstm}
