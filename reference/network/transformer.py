"""Blocks of a transformer as compositions, under the names of PyTorch [Vas17].

Nothing is derived here: a block is Sequential, Residual, LayerNorm, MultiHeadAttention and Dense.
"""

from .affine import Dense, require_count, require_flag
from .attention import MultiHeadAttention
from .branches import Residual
from .compose import Sequential
from .elementwise import Elementwise
from .normalise import LayerNorm


def FeedForward(features, hidden, activation="ReLU", bias=True):
    """y = W_2 f(W_1 x), place by place: x (..., D) -> y (..., D); linear1 and linear2.

    Parameters
    ----------
    features, hidden : int
        D, and the width between.
    activation : str
        A key of ACTIVATIONS; PyTorch knows "ReLU" and "GELU".
    bias : bool
    """
    return Sequential(Dense(features, hidden, bias), Elementwise(activation),
                      Dense(hidden, features, bias), names=("linear1", "", "linear2"))


def TransformerEncoderLayer(features, heads, hidden=2048, activation="ReLU", norm_first=False,
                            eps=1e-5, causal=False, mask=None, bias=True):
    """x (N, T, D) -> norm2(u + ff(u)) with u = norm1(x + attention(x)) [Vas17, sec. 3.1].

    Parameters
    ----------
    features, heads, hidden : int
        PyTorch's d_model = D, nhead and dim_feedforward.
    activation : str
        "ReLU", "GELU", or any other key of ACTIVATIONS.
    norm_first : bool
        u = x + attention(norm1(x)) and u + ff(norm2(u)) instead.
    eps : float
        Of both LayerNorms.
    causal, mask
        As for Attention; a mask holds for this batch, and says True where PyTorch says False.
    bias : bool
        Whether all parts have one.

    PyTorch's dropout is absent, which makes this the layer in evaluation.
    """
    require_flag("norm_first", norm_first)
    attention = MultiHeadAttention(features, heads, bias, causal, mask)
    feed = FeedForward(features, hidden, activation, bias)
    norms = [LayerNorm(features, eps, bias=bias)] * 2
    if norm_first:
        return Sequential(Residual(norms[0], attention, names=("norm1", "self_attn")),
                          Residual(norms[1], feed, names=("norm2", "")), names=("", ""))
    return Sequential(Residual(attention, names=("self_attn",)), norms[0],
                      Residual(feed, names=("",)), norms[1], names=("", "norm1", "", "norm2"))


def TransformerEncoder(features, heads, hidden=2048, layers=6, norm=False, eps=1e-5, bias=True,
                       **options):
    """`layers` TransformerEncoderLayers, one after the other: layers.0, layers.1, ..., norm.

    Parameters
    ----------
    features, heads, hidden : int
        As for TransformerEncoderLayer.
    layers : int
    norm : bool
        Whether a last LayerNorm follows, as models with norm_first have it.
    eps, bias, **options
        As for TransformerEncoderLayer, the same for all.
    """
    require_count("TransformerEncoder", "layers", layers)
    require_flag("norm", norm)
    stack = [TransformerEncoderLayer(features, heads, hidden, eps=eps, bias=bias, **options)
             for _ in range(layers)]
    names = [f"layers.{i}" for i in range(layers)]
    last = [LayerNorm(features, eps, bias=bias)] * norm
    return Sequential(*stack, *last, names=names + ["norm"] * norm)
