"""PyTorch's answers: plain autograd, and torch.func, on its own layers in theta's precision.

`autograd` works on a module's parameters, `func` on one flat theta.
"""

from functools import partial

import numpy as np
import torch
from torch.autograd import grad as backward
from torch.func import functional_call, grad, hessian, jacrev, jvp, vjp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from .offers import refusing
from .torch_losses import batched, exampled, targets
from .torch_twin import twin

LIMITS = ("vmap", "forward AD", "forward-mode", "is not implemented", "not supported",
          "functorch", "batching rule", "data pointer",        # of packed sequences in torch.func
          "match the broadcast shape", "The expanded size",    # of recurrent layers in vmap
          "match target batch_size", "key_padded_mask")        # of masks of each example
RAISED = RuntimeError, ValueError, AssertionError


class Point:
    """The module at theta, with data and loss."""

    def __init__(self, objective, theta):
        self.objective, self.twin = objective, twin(objective.net, theta)
        self.x, self.y = torch.tensor(objective.x), targets(objective)
        self.t, self.size = torch.tensor(theta), theta.size

    # ---- of the module's own parameters ----

    @property
    def leaves(self):
        """{name: parameter}"""
        return dict(self.twin.module.named_parameters())

    def outputs(self):
        """z (N, ..., C)."""
        return self.twin.module(self.x)

    def loss(self, z, squared):
        """L, with |theta|^2 given."""
        return batched(self.objective, z, self.y) + self.objective.l2 / 2 * squared

    def own_loss(self):
        """L."""
        return self.loss(self.outputs(), sum((p ** 2).sum() for p in self.leaves.values()))

    def pulled(self, value, *seeds, **options):
        """The derivative of a tensor by theta as NumPy (P,), or by rows of seeds (K, P)."""
        leaves = self.leaves
        found = backward(value, list(leaves.values()), *seeds, allow_unused=True, **options)
        named = {name: g for name, g in zip(leaves, found) if g is not None}
        return self.twin.join(named, self.size)

    # ---- of one flat theta ----

    def outputs_at(self, t, x=None):
        """z of theta."""
        x = self.x if x is None else x
        return functional_call(self.twin.module, self.twin.split(t), (x,))

    def loss_at(self, t):
        """L of theta."""
        return self.loss(self.outputs_at(t), (t ** 2).sum())

    def one_loss_at(self, t, x, y):
        """loss_n of theta."""
        return exampled(self.objective, self.outputs_at(t, x[None]), y[None])[0]

    def output_loss(self, z):
        """L of z."""
        return batched(self.objective, z, self.y)


def at_a_point(function):
    """A function of (Point, *arrays), as one of (objective, theta, *arrays)."""
    def answer(objective, theta, *arguments):
        with sdpa_kernel(SDPBackend.MATH):         # the others have no second derivative
            return function(Point(objective, theta), *map(torch.tensor, arguments))
    return staticmethod(refusing(answer, LIMITS, RAISED))


def _numpy(function):
    return lambda *given: function(*given).detach().numpy()


class autograd:
    """Plain autograd and its double backward."""

    @at_a_point
    def value(here):
        return here.own_loss().item()

    @at_a_point
    def gradient(here):
        return here.pulled(here.own_loss())

    @at_a_point
    def per_example_gradients(here):
        _apart(here)
        losses = exampled(here.objective, here.outputs(), here.y)
        return np.stack([here.pulled(loss, retain_graph=True) for loss in losses])

    @at_a_point
    def jacobian(here):
        _apart(here)
        z = here.outputs()
        units = torch.eye(z.numel(), dtype=z.dtype).reshape(-1, *z.shape)
        return here.pulled(z, units, is_grads_batched=True).reshape(*z.shape, -1)

    @at_a_point
    def vjp(here, u):
        return here.pulled(here.outputs(), u)

    @at_a_point
    def hvp(here, v):
        return here.pulled(*_again(here, v))

    @at_a_point
    def hessian(here):
        units = torch.eye(here.size, dtype=here.t.dtype)
        return here.pulled(*_again(here, units), is_grads_batched=True)


def _again(here, v):
    """The gradient's parts and those of v (..., P), for a second pass."""
    named, split = here.leaves, here.twin.split(v)
    g = backward(here.own_loss(), list(named.values()), create_graph=True, allow_unused=True)
    kept = [(part, split[name]) for name, part in zip(named, g) if part is not None]
    return [a for a, _ in kept], [b for _, b in kept]


def _apart(here):
    """NotImplementedError where the examples are coupled: nothing is one example's alone."""
    if here.objective.net.couples:
        raise NotImplementedError


class func:
    """torch.func's transforms."""

    gradient = at_a_point(_numpy(lambda here: grad(here.loss_at)(here.t)))
    jvp = at_a_point(_numpy(lambda here, v: jvp(here.outputs_at, (here.t,), (v,))[1]))
    vjp = at_a_point(_numpy(lambda here, u: vjp(here.outputs_at, here.t)[1](u)[0]))
    hvp = at_a_point(_numpy(lambda here, v: jvp(grad(here.loss_at), (here.t,), (v,))[1]))
    hessian = at_a_point(_numpy(lambda here: hessian(here.loss_at)(here.t)))
    ggnvp = at_a_point(_numpy(lambda here, v: _ggnvp(here, v)))

    @at_a_point
    def per_example_gradients(here):
        _apart(here)
        each = vmap(grad(here.one_loss_at), (None, 0, 0))
        return each(here.t, here.x, here.y).numpy()

    @at_a_point
    def jacobian(here):
        _apart(here)
        return jacrev(here.outputs_at)(here.t).numpy()

    @at_a_point
    def gauss_newton(here):
        return vmap(partial(_ggnvp, here))(torch.eye(here.size, dtype=here.t.dtype)).numpy()


def _ggnvp(here, v):
    """J^T (d^2 L/dz^2) J v: of the loss without its decay."""
    z, Rz = jvp(here.outputs_at, (here.t,), (v,))
    SRz = jvp(grad(here.output_loss), (z,), (Rz,))[1]
    return vjp(here.outputs_at, here.t)[1](SRz)[0]


OFFERS = {"autograd": autograd, "torch.func": func}
