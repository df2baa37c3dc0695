"""The networks as torch modules, and theta as the list of their parameters."""

import numpy as np
import torch
from torch import nn

from ...arrays.namespace import library
from ...arrays.transfer import to_host
from .steps import parts, sizes


def tensor(a):
    """An array as a tensor, on the GPU if it is there."""
    return torch.tensor(to_host(a), device="cpu" if library(a) is np else "cuda")


class Cells(nn.LSTM):
    """nn.LSTM's parameters, in a loop that is written out."""

    def forward(self, x):
        """Every hidden state (N, T, H), and the last hidden and cell state."""
        s = nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        h = c = x.new_zeros(len(x), self.hidden_size)
        hs = []
        for s_t in s.unbind(1):
            i, f, g, o = (s_t + h @ self.weight_hh_l0.T).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            hs.append(h)
        return torch.stack(hs, 1), (h, c)


class Unfolded(nn.Conv2d):
    """nn.Conv2d's parameters, as a product with patches."""

    def forward(self, x):
        """(N, C, H, W) -> (N, O, H', W')."""
        (k, l), (H, W) = self.kernel_size, x.shape[-2:]
        p = nn.functional.unfold(x, (k, l))
        s = self.weight.flatten(1) @ p + self.bias[:, None]
        return s.unflatten(-1, (H - k + 1, W - l + 1))


class Last(nn.Module):
    """The last hidden state of an LSTM's outputs."""

    def forward(self, outputs):
        """(hs (N, T, H), state) -> (N, H)."""
        return outputs[0][:, -1]


VARIANTS = {"nn.Conv2d": {"Conv2d": nn.Conv2d}, "unfold": {"Conv2d": Unfolded},
            "nn.LSTM": {"LSTM": nn.LSTM}, "loop of cells": {"LSTM": Cells}}


def modules(steps, theta):
    """{variant: Sequential with theta in it}; one without a name if there is nothing to choose."""
    kinds = {step.kind for step in steps}
    return {name: module(steps, theta, **classes) for name, classes in VARIANTS.items()
            if set(classes) <= kinds} or {"": module(steps, theta)}


def module(steps, theta, Conv2d=nn.Conv2d, LSTM=nn.LSTM, last=(Last(),)):
    """The Sequential of torch's own layers, with theta in it; `last` follows an LSTM."""
    make = {"Dense": lambda s: [nn.Linear(*s.inputs, *s.outputs)],
            "Tanh": lambda s: [nn.Tanh()],
            "Conv2d": lambda s: [Conv2d(s.inputs[0], s.outputs[0], s.width)],
            "AvgPool2d": lambda s: [nn.AvgPool2d(s.width)],
            "Flatten": lambda s: [nn.Flatten()],
            "LSTM": lambda s: [LSTM(s.inputs[1], *s.outputs, batch_first=True), *last]}
    theta = tensor(theta)
    net = nn.Sequential(*[layer for step in steps for layer in make[step.kind](step)])
    net, places = net.to(theta), Places(steps, len(theta), theta.device)
    nn.utils.vector_to_parameters(theta[places.order], net.parameters())
    return net


class Places:
    """Where torch's parameters lie in theta: their entries, one after the other, are t[order]."""

    def __init__(self, steps, size, device="cpu"):
        self.steps, self.size, self.sizes = steps, size, sizes(steps)
        every = torch.arange(size, device=device)
        self.order = torch.cat([w.flatten() for w in self.split(every)])
        self.inverse = torch.argsort(self.order)

    def split(self, t):
        """theta (..., P) -> [weight (..., O, ...), bias (..., O), ...], in torch's order."""
        found = []
        for step, Ws in parts(self.steps, t):
            weights = [W[..., :-1] for W in Ws]
            if step.kind == "Conv2d":
                kernel = (step.inputs[0], step.width, step.width)
                weights = [w.unflatten(-1, kernel) for w in weights]
            found += weights + [W[..., -1] for W in Ws]
        return found

    def join(self, tensors, lead=()):
        """The inverse of split."""
        return torch.cat([w.reshape(*lead, -1) for w in tensors], -1)[..., self.inverse]

    def unit(self, start, stop, dtype):
        """Rows start..stop of the identity of theta's space."""
        E = torch.zeros(stop - start, self.size, dtype=dtype, device=self.order.device)
        E[torch.arange(stop - start), torch.arange(start, stop)] = 1
        return E

    def blocks(self, tensors, lead=()):
        """[(..., O I), ...] of layers with one matrix each: what split gives, block by block."""
        pairs = zip(tensors[::2], tensors[1::2])
        return [torch.cat([w.reshape(*lead, b.shape[-1], -1), b[..., None]], -1).reshape(*lead, -1)
                for w, b in pairs]


# ---- losses: the mean over examples of what each sums over outputs ----

SUMMED = {"CrossEntropy": nn.CrossEntropyLoss, "BinaryCrossEntropy": nn.BCEWithLogitsLoss,
          "SquaredError": nn.MSELoss}
HALVES = {"SquaredError": 0.5}         # |z - y|^2 is what torch sums


def summed(name):
    """(torch's loss as a sum over the batch, what to multiply it by, before 1/N)."""
    return SUMMED[name](reduction="sum"), HALVES.get(name, 1.0)


def mean_loss(objective):
    """(z, y) -> torch's loss in the convention of the objective."""
    if objective.loss.name == "CrossEntropy":
        return nn.CrossEntropyLoss()
    loss, factor = summed(objective.loss.name)
    return lambda z, y: loss(z, y) * (factor / len(z))


def second(name, z, J):
    """S J for J (N, C, ...), without 1/N."""
    if name == "SquaredError":
        return J
    if name == "BinaryCrossEntropy":
        return (torch.sigmoid(z) * torch.sigmoid(-z))[:, :, None] * J
    p = torch.softmax(z, 1)[:, :, None]
    return p * (J - (p * J).sum(1, keepdim=True))
