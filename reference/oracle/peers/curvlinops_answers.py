"""curvlinops' answers: its operators' products and matrices, and the factors of its K-FAC.

Orders are ours (`joined`), scales theirs: the loss is handed over as the sum over examples, where
an operator takes any, and the product divided by R.
"""

import numpy as np
import torch
from curvlinops import (EFLinearOperator, GGNLinearOperator, HessianLinearOperator,
                        JacobianLinearOperator, KFACLinearOperator,
                        TransposedJacobianLinearOperator)
from torch import nn

from .offers import refusing
from .torch_losses import exampled
from .torch_answers import LIMITS, Point

LIMITS = (*LIMITS, "does not support", "Only", "only", "Invalid", "differentiated Tensors appears")
SUPPORTED = {"CrossEntropy": nn.CrossEntropyLoss, "BinaryCrossEntropy": nn.BCEWithLogitsLoss}


class Summed(nn.Module):
    """The sum over examples, in the form that theirs wants."""

    reduction = "sum"

    def __init__(self, objective):
        super().__init__()
        self.objective = objective

    def forward(self, z, y):
        return exampled(self.objective, z, y).sum()


class ClassesSecond(nn.Module):
    """(N, ..., C) -> (N, C, ...), where cross-entropy wants classes in PyTorch."""

    def forward(self, z):
        return z.movedim(-1, 1)


class Problem(Point):
    """A Point whose loss is plain: no decay, no example weights, no batch norm in training."""

    def __init__(self, objective, theta):
        if objective.weights is not None or objective.reduction == "mean over labels":
            raise NotImplementedError("curvlinops takes sums or means over examples.")
        super().__init__(objective, theta)
        named = self.leaves
        self.ps = list(named.values())
        self.order = torch.tensor(np.concatenate(
            [self.twin.index[name].ravel() for name in named]))

    def operator(self, kind, *loss, module=None, **options):
        """One of theirs, of the module or of another with its parameters."""
        return kind(module or self.twin.module, *loss, self.ps, [(self.x, self.y)],
                    check_deterministic=False, **options)

    def flat(self, t):
        """theta (P, ...) in their order."""
        return t[self.order]

    def joined(self, a):
        """Rows (P, ...) in their order, as ours."""
        found = torch.zeros(self.size, *a.shape[1:], dtype=a.dtype)
        found[self.order] = a
        return found.detach().numpy()

    def matrix(self, kind):
        """The whole of an operator of the summed loss, over R."""
        units = torch.eye(len(self.order), dtype=self.t.dtype)
        B = self.operator(kind, Summed(self.objective)) @ units
        H = np.zeros((self.size, self.size))
        H[np.ix_(self.order, self.order)] = B.detach().numpy() / float(self.objective.R)
        return H

    def product(self, kind, v):
        """An operator of the summed loss times v, over R."""
        return self.joined(self.operator(kind, Summed(self.objective)) @ self.flat(v)) / float(
            self.objective.R)

    def decayed(self, product, v):
        """With l2, which no operator has: what it is added to."""
        return product + self.objective.l2 * v.numpy()


def of_point(function):
    """A function of (Problem, *tensors) as one of (objective, theta, *arrays)."""
    def answer(objective, theta, *arguments):
        return function(Problem(objective, theta), *map(torch.tensor, arguments))
    return staticmethod(refusing(answer, LIMITS, (RuntimeError, ValueError, NotImplementedError)))


class operators:
    """HessianLinearOperator, GGNLinearOperator, ..."""

    hvp = of_point(lambda here, v: here.decayed(here.product(HessianLinearOperator, v), v))
    ggnvp = of_point(lambda here, v: here.product(GGNLinearOperator, v))
    hessian = of_point(lambda here: here.matrix(HessianLinearOperator)
                       + here.objective.l2 * np.eye(here.size))
    gauss_newton = of_point(lambda here: here.matrix(GGNLinearOperator))
    fisher_empirical = of_point(lambda here: _one_label_each(here).matrix(EFLinearOperator))

    @of_point
    def jvp(here, v):
        Jv = here.operator(JacobianLinearOperator) @ here.flat(v)
        return Jv.reshape(here.objective.output_shape).detach().numpy()

    @of_point
    def vjp(here, u):
        return here.joined(here.operator(TransposedJacobianLinearOperator) @ u.flatten())

    @of_point
    def kfac(here):
        return _factors(here, "expand")


def _one_label_each(here):
    """NotImplementedError for labels at places, of which theirs counts each as an example."""
    if len(here.objective.output_shape) > 2:
        raise NotImplementedError
    return here


def _factors(here, setting):
    """[G_1, A_1, ...] of its type-2 K-FAC with weight and bias joined."""
    loss = here.objective.loss
    if loss.name not in SUPPORTED or loss.parameters not in ((), (None, 0.0, None)):
        raise NotImplementedError
    if any(not isinstance(m, (nn.Linear, nn.Conv2d)) for m in here.twin.module.modules()
           if list(m.parameters(recurse=False))):
        raise NotImplementedError("curvlinops has K-FAC of Linear and Conv2d.")
    owners = here.objective.net.owners
    if len(set(owners)) < len(owners):
        raise NotImplementedError("curvlinops has a pair of factors for each use of a matrix.")
    classes = [ClassesSecond()] * (loss.name == "CrossEntropy")
    K = here.operator(KFACLinearOperator, SUPPORTED[loss.name](reduction="sum"),
                      module=nn.Sequential(here.twin.module, *classes), fisher_type="type-2",
                      kfac_approx=setting, separate_weight_and_bias=False,
                      num_data=here.objective.N)
    K.compute_kronecker_factors()
    return [M.detach().numpy() for name in K._mapping
            for M in (K._gradient_covariances[name] / here.objective.N,
                      K._input_covariances[name])]


OFFERS = {"": operators}
