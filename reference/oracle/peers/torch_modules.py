"""The layers that PyTorch has not as modules of one input: its own, called with the arguments that
nn.Sequential cannot pass (masks, states), or one of their results picked.

The classes here add no formula where PyTorch has one.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence, unpack_sequence


class Residual(nn.Sequential):
    """x + f(x)."""

    def forward(self, x):
        return x + super().forward(x)


class Parallel(nn.ModuleList):
    """The branches' outputs, added, or concatenated along an axis."""

    axis = None

    def forward(self, x):
        outputs = [branch(x) for branch in self]
        return sum(outputs) if self.axis is None else torch.cat(outputs, self.axis)


class Concatenated(Parallel):
    """One after the other."""

    axis = -1


class Sine(nn.Module):
    """sin x."""

    def forward(self, x):
        return torch.sin(x)


class Masked(nn.Module):
    """torch.nn.functional.dropout's formula with a mask that is given."""

    def __init__(self, mask, p):
        super().__init__()
        self.mask, self.p = torch.tensor(mask), p

    def forward(self, x):
        return x * self.mask / (1 - self.p)


class Transposed(nn.Module):
    """The last two axes exchanged."""

    def forward(self, x):
        return x.transpose(-2, -1)


# ---- words and places ----

class Positions(nn.Embedding):
    """x_t plus the embedding of t."""

    def forward(self, x):
        return x + super().forward(torch.arange(x.shape[1]))


class Waves(nn.Module):
    """The sines and cosines of PyTorch's tutorial on transformers."""

    def forward(self, x):
        T, D = x.shape[1:]
        position = torch.arange(T, dtype=x.dtype)[:, None]
        rate = torch.exp(torch.arange(0, D, 2, dtype=x.dtype) * (-math.log(1e4) / D))
        e = x.new_zeros(T, D)
        e[:, 0::2], e[:, 1::2] = torch.sin(position * rate), torch.cos(position * rate)
        return x + e


def sharing(*layers, source=0):
    """A Sequential whose last layer has the weight of another."""
    layers[-1].weight = layers[source].weight
    return nn.Sequential(*layers)


# ---- attention ----

def hidden(causal, mask, T):
    """PyTorch's masks of x (N, T, D): which keys no query sees, and which pairs do not meet."""
    return (None if mask is None else ~torch.tensor(mask),
            torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None)


class Scaled(nn.Module):
    """scaled_dot_product_attention of x = (q, k, v), head by head."""

    def __init__(self, heads):
        super().__init__()
        self.heads = heads

    def forward(self, x):
        q, k, v = (a.unflatten(-1, (self.heads, -1)).transpose(1, 2) for a in x.chunk(3, -1))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)


class SelfAttention(nn.MultiheadAttention):
    """Of x with itself."""

    def __init__(self, features, heads, bias=True, causal=False, mask=None):
        super().__init__(features, heads, bias=bias, batch_first=True)
        self.causal, self.mask = causal, mask

    def forward(self, x):
        keys, pairs = hidden(self.causal, self.mask, x.shape[1])
        return super().forward(x, x, x, key_padding_mask=keys, attn_mask=pairs,
                               need_weights=False)[0]


def encoder_layer(features, heads, width, kind=nn.TransformerEncoderLayer, **options):
    """Without dropout, batch first."""
    return kind(features, heads, width, dropout=0.0, batch_first=True, **options)


class Encoder(nn.TransformerEncoderLayer):
    """With its masks."""

    causal, mask = False, None

    def forward(self, x):
        keys, pairs = hidden(self.causal, self.mask, x.shape[1])
        return super().forward(x, src_mask=pairs, src_key_padding_mask=keys)


def encoder(*sizes, causal=False, mask=None, **options):
    """An encoder layer that knows its masks."""
    layer = encoder_layer(*sizes, kind=Encoder, **options)
    layer.causal, layer.mask = causal, mask
    return layer


# ---- recurrent layers ----

class Recurrent:
    """In front of nn.RNN, nn.LSTM, nn.GRU: from a state; every h_t, or the last; masked.

    What a mask leaves of each example is packed, so a step that it skips is not there at all.
    """

    def __init__(self, inputs, units, last=False, state=None, mask=None, **options):
        super().__init__(inputs, units, batch_first=True, **options)
        self.last, self.start, self.mask = last, state, mask

    def forward(self, x):
        if self.mask is None:
            y, state = super().forward(x, self.state(x))
        else:
            mask = torch.tensor(self.mask)
            kept = pack_sequence([a[m] for a, m in zip(x, mask)], enforce_sorted=False)
            packed, state = super().forward(kept, self.state(x))
            y = x.new_zeros(*mask.shape, packed.data.shape[-1])
            y[mask] = torch.cat(unpack_sequence(packed))
        if not self.last:
            return y
        h = state[0] if isinstance(self, nn.LSTM) else state          # (layers ways, N, H)
        return torch.cat(tuple(h[-1 - self.bidirectional:]), -1)

    def state(self, x):
        """What is given, for all examples; None for zeros."""
        if self.start is None:
            return None
        given = self.start if isinstance(self.start, tuple) else (self.start,)
        states = tuple(torch.tensor(a).to(x).expand(-1, len(x), -1).contiguous() for a in given)
        return states if isinstance(self.start, tuple) else states[0]


class RNN(Recurrent, nn.RNN):
    """nn.RNN."""


class LSTM(Recurrent, nn.LSTM):
    """nn.LSTM."""


class GRU(Recurrent, nn.GRU):
    """nn.GRU."""

