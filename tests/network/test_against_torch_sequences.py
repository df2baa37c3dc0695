"""Embeddings, attention and recurrent layers against PyTorch itself, where it is installed."""

import numpy as np
import pytest

import reference as ref

torch = pytest.importorskip("torch")
from torch import nn                                                             # noqa: E402
from reference.oracle.peers import torch_modules as theirs                              # noqa: E402
from tests.network.against_torch import N, disagreements, grid, pair             # noqa: E402

# ---- embeddings and attention ----

WORDS = [np.array([[0, 3, 1], [4, 4, 2], [1, 1, 1]]), np.array([2, 0, 1, 2])]


def test_embedding():
    make = pair(ref.Embedding, nn.Embedding, 5, 4)
    assert disagreements(make, grid(padding_idx=[None, 0, 1, 4, 5]), WORDS, 8) == []


MASKS = {None: None, "padded": np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]], bool),
         "holes": np.array([[0, 1, 0, 1], [1, 0, 1, 1], [0, 0, 0, 1]], bool)}


def test_multi_head_attention():
    def make(here, options):
        own = {**options, "mask": MASKS[options["mask"]]}
        return (ref.MultiHeadAttention if here else theirs.SelfAttention)(6, **own)
    options = grid(heads=[1, 2, 3, 4, 6], bias=[True, False], causal=[True, False],
                   mask=[None, "padded"])
    options += grid(heads=[2], mask=["holes"])
    assert disagreements(make, options, [(4, 6)], 33) == []


class Whole(nn.TransformerEncoder):
    """With its masks."""

    causal, mask = False, None

    def forward(self, x):
        keys, pairs = theirs.hidden(self.causal, self.mask, x.shape[1])
        return super().forward(x, mask=pairs, src_key_padding_mask=keys)


def translated(options):
    """PyTorch's names."""
    names = {"eps": "layer_norm_eps"}
    own = {names.get(key, key): value for key, value in options.items()}
    own["activation"] = options.get("activation", "ReLU").lower()
    return own


ENCODER = grid(activation=["ReLU", "GELU"], norm_first=[False, True], bias=[True, False],
               causal=[False, True], mask=[None, "padded"], eps=[1e-5, 0.1])


def test_transformer_encoder_layer():
    def make(here, options):
        own = {**options, "mask": MASKS[options["mask"]]}
        return (ref.TransformerEncoderLayer(6, 3, 5, **own) if here else
                theirs.encoder(6, 3, 5, **translated(own)))
    assert disagreements(make, ENCODER, [(4, 6)], 64) == []


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_transformer_encoder(layers, norm):
    def make(here, options):
        own = {**options, "mask": MASKS[options["mask"]]}
        if here:
            return ref.TransformerEncoder(6, 3, 5, layers, norm, **own)
        causal, mask = own.pop("causal"), own.pop("mask")
        last = nn.LayerNorm(6, own["eps"], bias=own["bias"]) if norm else None
        whole = Whole(theirs.encoder_layer(6, 3, 5, **translated(own)), layers, last,
                      enable_nested_tensor=False)
        whole.causal, whole.mask = causal, mask
        return whole
    assert disagreements(make, ENCODER[::5], [(4, 6)], 12) == []


# ---- recurrent layers ----

def recurrent(ours, torchs, states):
    def make(here, options):
        rng, own = np.random.default_rng(1), dict(options)
        rows = own["layers"] * (1 + own["bidirectional"])
        count = own.pop("initial")
        given = tuple(rng.standard_normal((rows, count or 1, 2)) for _ in range(states))
        start = None if not count else given if states > 1 else given[0]
        own["mask"] = MASKS[own["mask"]]
        if here:
            return ours(3, 2, initial=start, **own)
        return torchs(3, 2, state=start, num_layers=own.pop("layers"), **own)
    return make


STACKS = dict(layers=[1, 2, 3], bidirectional=[False, True], bias=[True, False],
              last=[False, True], initial=[None, 1, N], mask=[None, "padded", "holes"])


@pytest.mark.parametrize("ours, torchs, states, options", [
    (ref.RNN, theirs.RNN, 1, dict(nonlinearity=["tanh", "relu"])),
    (ref.LSTM, theirs.LSTM, 2, {}), (ref.GRU, theirs.GRU, 1, {})], ids=["RNN", "LSTM", "GRU"])
def test_recurrent_layers(ours, torchs, states, options):
    make = recurrent(ours, torchs, states)
    options = grid(**STACKS, **options)
    assert disagreements(make, options, [(4, 3)], len(options)) == []
