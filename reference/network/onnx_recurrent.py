"""ONNX's RNN, LSTM and GRU: the blocks of their matrices are in another order than PyTorch's."""

import numpy as np

from .recurrent import GRU, LSTM, RNN

BLOCKS = {"RNN": (0,), "LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}   # of i o f c; z r h: i f g o; r z n
STATES = {"RNN": (5,), "LSTM": (5, 6), "GRU": (5,)}              # the inputs h0, c0
ACTIVATIONS = {"RNN": ("Tanh",), "LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh")}


def recurrent(call, last):
    """(layer, arrays) of a node; `last`: its output is that of the last step alone."""
    op, options = call.node.op, {}
    W, R, bias = call.array(1), call.array(2), call.array(3)
    shape = (len(W), 2 * len(BLOCKS[op]) * sum(R.shape[-1:]))
    if W.ndim != 3 or R.ndim != 3 or len(R) != len(W) or bias is not None and bias.shape != shape:
        raise ValueError(f"arrays of shapes {W.shape} and {R.shape} are not here; ONNX's have "
                         f"three axes, and its bias has shape {shape}.")
    call.require(input_forget=0, hidden_size=R.shape[2])
    ways = {"forward": 1, "bidirectional": 2}.get(call["direction"])
    if ways != len(W):
        raise ValueError(f"direction={call['direction']!r} with {len(W)} is not here; forward with "
                         "1 and bidirectional with 2 are.")
    if call["clip"] is not None or any(call.node.inputs[i:i + 1] not in ((), ("",))
                                       for i in (4, 7)):
        raise ValueError("clip, sequence_lens and peepholes are not here; leave them out.")
    if op == "RNN":
        options["nonlinearity"] = _nonlinearity(call, ways)
    elif call["activations"] not in (None, ACTIVATIONS[op] * ways):
        raise ValueError(f"activations={call['activations']} are not here; {ACTIVATIONS[op]} are.")
    if op == "GRU":
        options["reset"] = "after" if call["linear_before_reset"] else "before"
    kind = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}[op]
    return kind(W.shape[2], R.shape[2], 1, ways == 2, bias is not None, last, _initial(call),
                **options), _arrays(BLOCKS[op], W, R, bias)


def _nonlinearity(call, ways):
    known = {("Tanh",) * ways: "tanh", ("Relu",) * ways: "relu", None: "tanh"}
    names = call["activations"] and call["activations"][:ways]     # ONNX's own default is of two
    if names not in known:
        raise ValueError(f"activations={names} are not here; Tanh and Relu are, the same in both "
                         "directions.")
    return known[names]


def _initial(call):
    """The states before the first step, examples second, as PyTorch has them; None if all are 0."""
    found = [call.array(i) for i in STATES[call.node.op]]
    if all(a is None or not a.any() for a in found):
        return None
    if any(a is None for a in found):
        raise ValueError("one of the two initial states is missing; give both or none.")
    if call["layout"]:
        found = [a.swapaxes(0, 1) for a in found]
    return tuple(found) if len(found) > 1 else found[0]


def _arrays(blocks, W, R, bias):
    """PyTorch's arrays by their names, of both directions."""
    def rows(a):
        if len(a) % len(blocks):
            raise ValueError(f"{len(a)} rows are no {len(blocks)} blocks of one size.")
        return np.concatenate([np.split(a, len(blocks))[i] for i in blocks])
    found = {}
    for way, suffix in enumerate(("_l0", "_l0_reverse")[:len(W)]):
        found |= {f"weight_ih{suffix}": rows(W[way]), f"weight_hh{suffix}": rows(R[way])}
        if bias is not None:
            ih, hh = np.split(bias[way], 2)
            found |= {f"bias_ih{suffix}": rows(ih), f"bias_hh{suffix}": rows(hh)}
    return found
