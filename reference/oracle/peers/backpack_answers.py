"""BackPACK's answers: its extensions and matrix-free products, in our order, in their scale.

Extensions need modules that BackPACK knows: a recurrent layer is its own, followed by BackPACK's
ReduceTuple and Slicing.
"""

import numpy as np
import torch
from backpack import backpack, extend
from backpack.extensions import KFLR, BatchGrad, DiagGGNExact, DiagHessian, SqrtGGNExact
from backpack.hessianfree.ggnvp import ggn_vector_product
from backpack.hessianfree.hvp import hessian_vector_product
from torch import nn

from .offers import refusing
from .torch_answers import LIMITS, Point

LIMITS = (*LIMITS, "Extension saving to", "not yet", "does not have an extension", "only", "Only",
          "Derivatives not", "No extension")
LOSSES = {"CrossEntropy": nn.CrossEntropyLoss, "BinaryCrossEntropy": nn.BCEWithLogitsLoss}
KNOWN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Tanh,
         nn.Sigmoid, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.LogSigmoid, nn.AvgPool1d,
         nn.AvgPool2d, nn.MaxPool1d, nn.MaxPool2d, nn.Flatten, nn.Identity, nn.ZeroPad2d,
         nn.Embedding, nn.Sequential)


def at_a_point(function):
    """A function of (Point, *tensors) as one of (objective, theta, *arrays)."""
    def answer(objective, theta, *arguments):
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.tensor(theta).dtype)   # its average pooling relies on it
        try:
            return function(Point(objective, theta), *map(torch.tensor, arguments))
        finally:
            torch.set_default_dtype(default)
    return staticmethod(refusing(answer, LIMITS, (RuntimeError, NotImplementedError, ValueError)))


def extended(here, *extensions, hook=None):
    """The module after a backward pass of the mean loss; NotImplementedError without support."""
    objective, module = here.objective, here.twin.module
    loss = objective.loss
    unknown = [m for m in module.modules() if type(m) not in KNOWN]
    if (unknown or loss.name not in LOSSES or loss.parameters not in ((), (None, 0.0, None))
            or objective.weights is not None or objective.reduction != "mean"
            or len(objective.output_shape) > 2):
        raise NotImplementedError(f"BackPACK has no second derivatives of {unknown or loss}.")
    module, criterion = extend(module), extend(LOSSES[loss.name]())
    with backpack(*extensions, extension_hook=hook):
        criterion(module(here.x), here.y).backward()
    return module


def saved(here, extension, lead=()):
    """What an extension saved beside each parameter, joined as theta."""
    module = extended(here, extension)
    return here.twin.join({name: getattr(p, extension.savefield)
                           for name, p in module.named_parameters()}, here.size)


class extensions:
    """BatchGrad, DiagGGNExact, ..., and the products of backpack.hessianfree."""

    conventions = {"per_example_gradients": {"allow": ("1/N",)}}         # of the mean loss

    per_example_gradients = at_a_point(lambda here: saved(here, BatchGrad()))
    gauss_newton_diagonal = at_a_point(lambda here: saved(here, DiagGGNExact()))
    hessian_diagonal = at_a_point(lambda here: saved(here, DiagHessian()))

    @at_a_point
    def gauss_newton(here):
        V = saved(here, SqrtGGNExact()).reshape(-1, here.size)          # (C N, P)
        return V.T @ V

    @at_a_point
    def hvp(here, v):
        ps, vs = _parts(here, v)
        return _joined(here, hessian_vector_product(here.own_loss(), ps, vs))

    @at_a_point
    def ggnvp(here, v):
        ps, vs = _parts(here, v)
        z = here.outputs()
        return _joined(here, ggn_vector_product(here.output_loss(z), z, here.twin.module, vs))

    @at_a_point
    def kfac(here):
        """[G_1, A_1, ...] of KFLR, for layers without bias: it has a block of its own."""
        layers = [m for m in here.twin.module.modules() if hasattr(m, "weight")]
        if any(m.bias is not None for m in layers):
            raise NotImplementedError("BackPACK's K-FAC has the bias in a block of its own.")
        extended(here, KFLR())
        return [M.numpy() for layer in layers for M in layer.weight.kflr]


def _parts(here, v):
    split = here.twin.split(v)
    return list(here.leaves.values()), [split[name] for name in here.leaves]


def _joined(here, tensors):
    return here.twin.join(dict(zip(here.leaves, tensors)), here.size)


OFFERS = {"": extensions}
