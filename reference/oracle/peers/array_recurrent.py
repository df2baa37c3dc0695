"""Recurrent layers for array_nets: PyTorch's documentation, step by step; no masks or states."""

from .array_nets import LAYERS


def _tanh(np, s, a, b, h, c):
    return np.tanh(a + b), c


def _relu(np, s, a, b, h, c):
    return np.maximum(a + b, 0.0), c


def _lstm(np, s, a, b, h, c):
    i, f, g, o = np.split(a + b, 4, -1)
    c = s["logistic"](f) * c + s["logistic"](i) * np.tanh(g)
    return s["logistic"](o) * np.tanh(c), c


def _gru(np, s, a, b, h, c):
    (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
    z, n = s["logistic"](az + bz), np.tanh(an + s["logistic"](ar + br) * bn)
    return (1 - z) * n + z * h, c


def _direction(np, s, cell, layer, x, p, end):
    h = c = np.zeros((len(x), layer.hidden), x.dtype)
    a, hs = np.matmul(x, p["weight_ih" + end].T) + p.get("bias_ih" + end, 0.0), []
    for t in range(x.shape[1])[::-1 if end.endswith("_reverse") else 1]:
        b = np.matmul(h, p["weight_hh" + end].T) + p.get("bias_hh" + end, 0.0)
        h, c = cell(np, s, a[:, t], b, h, c)
        hs.append(h)
    return np.stack(hs[::-1] if end.endswith("_reverse") else hs, 1), h


def _recurrent(np, s, layer, x, **p):
    if layer.mask is not None or layer.initial is not None or (
            getattr(layer, "reset", "after") != "after"):
        raise NotImplementedError
    cell = CELLS[type(layer).__name__, getattr(layer, "nonlinearity", "")]
    for k in range(layer.layers):
        ends = [f"_l{k}" + "_reverse" * way for way in range(1 + layer.bidirectional)]
        ys, last = zip(*[_direction(np, s, cell, layer, x, p, end) for end in ends])
        x = np.concatenate(ys, -1)
    return np.concatenate(last, -1) if layer.last else x


CELLS = {("RNN", "tanh"): _tanh, ("RNN", "relu"): _relu, ("LSTM", ""): _lstm, ("GRU", ""): _gru}
LAYERS |= {name: _recurrent for name in ("RNN", "LSTM", "GRU")}
