"""{name in LAYERS: the same network in PyTorch}, of our network's layers for the data they hold."""

import torch
from torch import nn

from reference.oracle.peers.torch_modules import (
    GRU, LSTM, RNN, Concatenated, Masked, Parallel, Positions, Residual, Scaled, SelfAttention,
    Transposed, Waves, encoder, encoder_layer, sharing)

Seq, Tanh, Linear = nn.Sequential, nn.Tanh, nn.Linear

# ---- dense layers, branches, shared matrices ----


def twice_shared():
    """Linear(4, 4) at two places."""
    shared = Linear(4, 4)
    return Seq(Linear(2, 4), shared, Tanh(), shared, Tanh(), Linear(4, 3))


NETWORKS = {
    "Dense": lambda own: Seq(Linear(4, 3), Tanh(), Linear(3, 3)),
    "Dense without bias": lambda own: Seq(Linear(4, 5, False), Tanh(), Linear(5, 3, False)),
    "Dense at places": lambda own: Seq(Linear(4, 5), Tanh(), Linear(5, 3)),
    "Residual": lambda own: Seq(Linear(2, 4), Residual(Tanh(), Linear(4, 4)), Linear(4, 3)),
    "Parallel, added": lambda own: Seq(
        Parallel([Linear(2, 4), Seq(Linear(2, 5), Tanh(), Linear(5, 4))]), Linear(4, 3)),
    "Parallel, concatenated": lambda own: Seq(
        Concatenated([Linear(2, 4), Seq(Linear(2, 5), Tanh())]), Linear(9, 3)),
    "Tied": lambda own: twice_shared(),
}


# ---- normalisation and dropout ----

def normalised(*layers):
    """Linear(4, 5), the layers, tanh and Linear(5, 3)."""
    return Seq(Linear(4, 5), *layers, Tanh(), Linear(5, 3))


def evaluated(layer):
    """BatchNorm with the running statistics of our layer."""
    module = nn.BatchNorm1d(5).eval()
    module.running_mean.data = torch.tensor(layer.mean)
    module.running_var.data = torch.tensor(layer.variance)
    return normalised(module)


def in_training(kind, features, *options, **named):
    """BatchNorm that keeps no running statistics."""
    return normalised(kind(features, *options, track_running_stats=False, **named))


NETWORKS |= {
    "LayerNorm": lambda own: normalised(nn.LayerNorm(5)),
    "LayerNorm first": lambda own: Seq(nn.LayerNorm(4), Linear(4, 3)),
    "LayerNorm without bias, at places": lambda own: normalised(nn.LayerNorm(5, bias=False)),
    "LayerNorm without affine part": lambda own: normalised(
        nn.LayerNorm(5, 0.1, elementwise_affine=False)),
    "LayerNorm over two axes": lambda own: normalised(nn.LayerNorm((3, 5))),
    "RMSNorm": lambda own: normalised(nn.RMSNorm(5)),
    "RMSNorm without gain, over two axes": lambda own: normalised(
        nn.RMSNorm((2, 5), 1e-3, elementwise_affine=False)),
    "GroupNorm": lambda own: normalised(nn.GroupNorm(2, 6)),
    "GroupNorm without bias, one spatial axis": lambda own: normalised(
        nn.GroupNorm(3, 6, bias=False)),
    "GroupNorm without affine part": lambda own: normalised(nn.GroupNorm(2, 4, affine=False)),
    "InstanceNorm": lambda own: normalised(nn.InstanceNorm2d(2, affine=True)),
    "BatchNorm": lambda own: in_training(nn.BatchNorm1d, 5),
    "BatchNorm of images": lambda own: in_training(nn.BatchNorm2d, 2, bias=False),
    "BatchNorm without affine part": lambda own: in_training(nn.BatchNorm1d, 2, 0.1, affine=False),
    "BatchNorm in evaluation": lambda own: evaluated(own[1]),
    "Dropout": lambda own: normalised(Masked(own[1].mask, 0.3)),
    "Dropout, one mask": lambda own: normalised(Masked(own[1].mask, 0.3)),
}


# ---- convolutions, pooling, padding ----

def placed(shape, *layers):
    """The layers, tanh, and what is flat then through Linear."""
    body = *layers, Tanh(), nn.Flatten()
    width = Seq(*body)(torch.zeros(1, *shape)).shape[1]
    return Seq(*body, Linear(width, 3))


NETWORKS |= {
    "Conv1d": lambda own: placed((2, 7), nn.Conv1d(2, 3, 3)),
    "Conv1d, same, dilated, without bias": lambda own: placed(
        (2, 7), nn.Conv1d(2, 3, 4, padding="same", dilation=2, bias=False)),
    "Conv2d": lambda own: placed((1, 4, 5), nn.Conv2d(1, 2, (2, 3))),
    "Conv2d, strided and padded": lambda own: placed(
        (2, 5, 3), nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0))),
    "Conv2d, dilated": lambda own: placed((1, 5, 4), nn.Conv2d(1, 3, 2, dilation=(3, 1))),
    "Conv2d, two groups": lambda own: placed(
        (4, 3, 4), nn.Conv2d(4, 6, (2, 3), stride=(1, 2), padding=(0, 1), groups=2)),
    "Conv2d, depthwise": lambda own: placed((3, 3, 2), nn.Conv2d(3, 6, 2, groups=3, bias=False)),
    "Conv2d twice": lambda own: placed(
        (1, 7, 5), nn.Conv2d(1, 3, (2, 3)), Tanh(), nn.AvgPool2d((2, 1)), nn.Conv2d(3, 2, 2)),
    "ConvTranspose1d": lambda own: placed(
        (3, 4), nn.ConvTranspose1d(3, 2, 3, stride=2, padding=1, output_padding=1)),
    "ConvTranspose2d": lambda own: placed(
        (2, 2, 3), nn.ConvTranspose2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0))),
    "ConvTranspose2d, two groups, dilated": lambda own: placed(
        (4, 3, 2), nn.ConvTranspose2d(4, 2, 2, stride=(1, 2), padding=(1, 0),
                                      output_padding=(0, 1), groups=2, bias=False, dilation=2)),
    "AvgPool1d": lambda own: placed((2, 8), nn.Conv1d(2, 3, 2), nn.AvgPool1d(3, 2, 1)),
    "AvgPool2d, with ceil and without padding's zeros": lambda own: placed(
        (1, 5, 6), nn.Conv2d(1, 2, 2),
        nn.AvgPool2d((3, 2), (2, 3), (1, 0), ceil_mode=True, count_include_pad=False)),
    "MaxPool1d": lambda own: placed((2, 5), nn.Conv1d(2, 2, 2), nn.MaxPool1d(3, 2, 1)),
    "MaxPool2d": lambda own: placed(
        (1, 4, 4), nn.Conv2d(1, 2, 2),
        nn.MaxPool2d(2, (3, 2), (1, 0), dilation=(1, 2), ceil_mode=True)),
    "AdaptiveAvgPool1d": lambda own: placed(
        (2, 6), nn.Conv1d(2, 3, 2), nn.AdaptiveAvgPool1d(3)),
    "AdaptiveAvgPool2d": lambda own: placed(
        (1, 5, 4), nn.Conv2d(1, 2, 2), nn.AdaptiveAvgPool2d((3, None))),
    "AdaptiveAvgPool2d, global": lambda own: placed(
        (1, 5, 4), nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1)),
    "ZeroPad1d": lambda own: placed(
        (2, 5), nn.Conv1d(2, 2, 3), nn.ZeroPad1d((1, -1)), nn.Conv1d(2, 3, 2)),
    "ZeroPad2d": lambda own: placed(
        (1, 4, 3), nn.Conv2d(1, 2, 2), nn.ZeroPad2d((1, 0, -1, 2)), nn.Conv2d(2, 2, (2, 3))),
    "Transpose": lambda own: placed((2, 5), nn.Conv1d(2, 3, 2), Transposed(), Linear(3, 2)),
}


# ---- embeddings, attention, transformers ----

def embedded(embedding, *layers):
    """Words through an embedding, the layers, tanh and Linear(4, 3)."""
    return Seq(embedding, *layers, Tanh(), Linear(4, 3))


def attentive(*layers):
    """(T, 4) through the layers, tanh and Linear(4, 3)."""
    return Seq(*layers, Tanh(), Linear(4, 3))


NETWORKS |= {
    "Embedding": lambda own: embedded(nn.Embedding(7, 4)),
    "Embedding of one word": lambda own: embedded(nn.Embedding(7, 4)),
    "Embedding with padding": lambda own: embedded(nn.Embedding(3, 4, padding_idx=1)),
    "LearnedPositions": lambda own: embedded(nn.Embedding(7, 4), Positions(5, 4)),
    "SinusoidalPositions": lambda own: attentive(Linear(4, 4), Waves()),
    "Unembedding": lambda own: Seq(Linear(2, 4), Tanh(), Linear(4, 3, bias=False)),
    "Embedding, tied to the output": lambda own: sharing(
        nn.Embedding(7, 4), Tanh(), Linear(4, 4), Linear(4, 7, bias=False)),
    "Attention": lambda own: Seq(Linear(2, 12), Scaled(2), Tanh(), Linear(4, 3)),
    "MultiHeadAttention": lambda own: attentive(SelfAttention(4, 2)),
    "MultiHeadAttention, one head": lambda own: attentive(SelfAttention(4, 1)),
    "MultiHeadAttention without bias": lambda own: attentive(SelfAttention(4, 4, bias=False)),
    "MultiHeadAttention, causal": lambda own: attentive(SelfAttention(4, 2, causal=True)),
    "MultiHeadAttention, masked": lambda own: attentive(SelfAttention(4, 2, mask=own[0].mask)),
    "MultiHeadAttention, causal and masked": lambda own: attentive(
        SelfAttention(4, 2, causal=True, mask=own[0].mask)),
    "TransformerEncoderLayer": lambda own: attentive(encoder(4, 2, 3)),
    "TransformerEncoderLayer, norm first": lambda own: attentive(
        encoder(4, 2, 3, activation="gelu", norm_first=True)),
    "TransformerEncoderLayer, causal, masked, without bias": lambda own: attentive(
        encoder(4, 2, 3, activation="gelu", layer_norm_eps=0.1, bias=False, causal=True,
                mask=own[0].layers[0].layers[1].layers[0].mask)),
    "TransformerEncoder": lambda own: attentive(nn.TransformerEncoder(
        encoder_layer(4, 2, 1, activation="gelu", norm_first=True), 2, nn.LayerNorm(4),
        enable_nested_tensor=False)),
    "Language model, labels ignored": lambda own: sharing(
        nn.Embedding(5, 4), Positions(2, 4),
        encoder(4, 2, 3, activation="gelu", norm_first=True, causal=True),
        Linear(4, 5, bias=False)),
}


# ---- recurrent layers ----

def recurrent(kind, width=2, **options):
    """(4, 3) through a recurrent layer of 2, and Linear."""
    return Seq(kind(3, 2, **options), Linear(width, 3))


NETWORKS |= {
    "RNN": lambda own: recurrent(RNN),
    "RNN, relu, last, without bias": lambda own: recurrent(
        RNN, nonlinearity="relu", last=True, bias=False),
    "RNN, two layers, both directions, from a state": lambda own: recurrent(
        RNN, 4, num_layers=2, bidirectional=True, state=own[0].initial),
    "RNN, masked, last, both directions": lambda own: recurrent(
        RNN, 4, bidirectional=True, last=True, mask=own[0].mask),
    "LSTM": lambda own: recurrent(LSTM),
    "LSTM, last, without bias": lambda own: recurrent(LSTM, last=True, bias=False),
    "LSTM, both directions, masked, from a state": lambda own: recurrent(
        LSTM, 4, bidirectional=True, mask=own[0].mask, state=own[0].initial),
    "LSTM, two layers, last": lambda own: recurrent(LSTM, num_layers=2, last=True),
    "GRU": lambda own: recurrent(GRU),
    "GRU, two layers, masked, last": lambda own: recurrent(
        GRU, num_layers=2, last=True, mask=own[0].mask),
    "GRU without bias": lambda own: recurrent(GRU, bias=False),
}
