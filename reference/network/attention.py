"""Scaled dot-product attention and its heads [Vas17, sec. 3.2], as torch.nn.MultiheadAttention.

    y_t = sum_s P_ts v_s,    P_t = softmax over the keys s of q_t . k_s/sqrt(d)

With dP_ts = dy_t . v_s the softmax pulls back to dS_ts = P_ts (dP_ts - sum_r P_tr dP_tr), and
dq = dS k/sqrt(d), dk = dS^T q/sqrt(d), dv = P^T dy.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..arrays import functions as F
from ..arrays.checks import shown
from .affine import Dense, require_counts, require_flag
from .compose import Sequential
from .layer import Holding, Trace, Wrapping


@dataclass(frozen=True, eq=False, repr=False)
class Attention(Holding):
    """(q, k, v) (N, T, 3D) -> y (N, T, D): attention of the places to each other, head by head.

    Parameters
    ----------
    features, heads : int
        D, and how many heads share it: each has d = D/heads features of q, k and v.
    causal : bool
        Whether place t sees the keys s <= t alone.
    mask : bool array (N, T), optional
        True for the keys that count: the opposite of PyTorch's key_padding_mask.

    Raises
    ------
    ValueError
        Among others, for a query that may see no key at all, where PyTorch answers NaN: a mask
        without any key or, if causal, without the first.
    """

    arrays = ("mask",)

    features: int
    heads: int
    causal: bool = False
    mask: Any = None

    def __post_init__(self):
        require_counts(self, "features", "heads")
        if self.features % self.heads:
            raise ValueError(f"{self.features} features cannot be shared by {self.heads} heads "
                             "equally; heads must divide features.")
        require_flag("causal", self.causal)
        if self.mask is not None:
            object.__setattr__(self, "mask", np.asarray(self.mask))
            _require_keys(self.mask, self.causal)
            self.hold()

    def output_shape(self, shape):
        """(T, 3D) -> (T, D)."""
        if len(shape) != 2 or shape[1] != 3 * self.features:
            raise ValueError(f"{self} needs shape (T, {3 * self.features}), got {shape}.")
        if self.mask is not None:
            self._require_mask_of(len(self.mask), shape[0])
        return shape[0], self.features

    def trace(self, Ws, x):
        """[x, y], and q/sqrt(d), k, v, P of every head for the way back."""
        q, k, v = self._split(x)
        q = q / self._root(x)
        P = self._softmax(q @ F.transpose(k))
        return Trace([x, self._joined(P @ v)], (q, k, v, P))

    def pull(self, Ws, trace, dy, data=False):
        """No uses, and dx = (dq, dk, dv)."""
        q, k, v, P = trace.kept
        dy = self._by_heads(dy, self.heads)
        dP = dy @ F.transpose(v)
        dS = P * (dP - F.sum(P * dP, -1)[..., None])
        dq = dS @ k / self._root(trace[0])
        parts = dq, F.transpose(dS) @ q, F.transpose(P) @ dy
        return [], F.concatenate([self._joined(part) for part in parts])

    def batch(self, index):
        """With the rows `index` of the mask."""
        if self.mask is None:
            return self
        return Attention(self.features, self.heads, self.causal, self.mask[index])

    # ---- heads ----

    def _by_heads(self, x, count):
        """(..., N, T, count d) -> (..., N, count, T, d)."""
        shape = x.shape[:-1] + (count, self.features // self.heads)
        return F.swapaxes(F.reshape(x, shape), -2, -3)

    def _split(self, x):
        """q, k, v (..., N, H, T, d)."""
        H, all_heads = self.heads, self._by_heads(x, 3 * self.heads)
        return [all_heads[..., i * H:(i + 1) * H, :, :] for i in range(3)]

    def _joined(self, y):
        """(..., N, H, T, d) -> (..., N, T, D)."""
        y = F.swapaxes(y, -2, -3)
        return F.reshape(y, y.shape[:-2] + (self.features,))

    def _root(self, x):
        """sqrt(d), with all the digits of the numbers of x."""
        return F.sqrt(self.features // self.heads * F.ones_like(x[..., :1, :1, None]))

    # ---- softmax over the keys that a query may see ----

    def _softmax(self, s):
        """P (..., N, H, T, T); the shift by the largest score is a constant: P does not change."""
        seen = self._seen(s)
        if seen is None:
            e = F.exp(s - _largest(F.primal(s), s))
        else:
            top = _largest(F.where(seen, F.primal(s), -np.inf), s)
            e = F.where(seen, F.exp(F.where(seen, s - top, 0)), 0)
        return e / F.sum(e, -1)[..., None]

    def _seen(self, s):
        """Which keys each query may see: bools that broadcast with s, or None for all."""
        causal = np.tri(s.shape[-1], dtype=bool) if self.causal else None
        if self.mask is None:
            return causal
        self._require_mask_of(s.shape[-4], s.shape[-1])
        keys = self.mask[:, None, None, :]
        return keys if causal is None else keys & causal

    def _require_mask_of(self, N, T):
        if self.mask.shape != (N, T):
            raise ValueError(f"mask has shape {self.mask.shape}, but the data ask for ({N}, {T}): "
                             "a row for each example, and in it an entry for each place.")


def _largest(scores, s):
    """The largest of the floats `scores` in each row, as constants beside s."""
    return F.constant(scores.max(-1)[..., None], s)


def _require_keys(mask, causal):
    """ValueError unless the mask lets every query see a key."""
    if mask.dtype != bool or mask.ndim != 2 or not mask.size:
        raise ValueError(f"mask must be bool of shape (N, T), True for keys that count; got "
                         f"{shown(mask)}.")
    blind = ~(mask[:, :1] if causal else mask).any(-1)
    if blind.any():
        where = "at its first place, which is all that its first query sees; pad at the end" \
            if causal else "that counts; leave the example out, or let one key count"
        raise ValueError(f"example {int(blind.argmax())} of mask has no key {where} "
                         f"({int(blind.sum())} examples are wrong).")


@dataclass(frozen=True, eq=False, repr=False)
class MultiHeadAttention(Holding, Wrapping):
    """x (N, T, D) -> y (N, T, D): y = W_o attention(W_i x), biases included.

    torch.nn.MultiheadAttention(D, heads, bias=bias, batch_first=True) of x with itself.

    Parameters
    ----------
    features, heads : int
        D, and the number of heads; it divides D.
    bias : bool
        Whether both projections have one.
    causal, mask
        As for Attention; `mask` is the opposite of PyTorch's key_padding_mask, and `causal` its
        attn_mask of the entries above the diagonal.

    PyTorch's dropout, add_bias_kv, add_zero_attn, kdim, vdim and any other attn_mask are absent,
    as are keys and values of another sequence.
    """

    arrays = ("mask",)

    features: int
    heads: int
    bias: bool = True
    causal: bool = False
    mask: Any = None

    def __post_init__(self):
        require_flag("bias", self.bias)
        object.__setattr__(self, "mask", self.inner.layers[1].mask)

    @cached_property
    def inner(self):
        """W_i, the attention, and W_o."""
        D = self.features
        attention = Attention(D, self.heads, self.causal, self.mask)
        return Sequential(Dense(D, 3 * D, self.bias), attention, Dense(D, D, self.bias),
                          names=("in_proj", "", "out_proj"))

    def parts(self, Ws):
        """in_proj_weight (3D, D), in_proj_bias, out_proj.weight and out_proj.bias."""
        return {name.replace("in_proj.", "in_proj_"): array
                for name, array in self.inner.parts(Ws).items()}

    def batch(self, index):
        """With the rows `index` of the mask."""
        if self.mask is None:
            return self
        return MultiHeadAttention(self.features, self.heads, self.bias, self.causal,
                                  self.mask[index])
