"""BackPACK: matrix-free products, and what its extensions give of the Gauss-Newton matrix."""

import torch
from backpack import backpack, extend
from backpack.custom_module.reduce_tuple import ReduceTuple
from backpack.custom_module.slicing import Slicing
from backpack.extensions import BatchGrad, SqrtGGNExact
from backpack.hessianfree.ggnvp import ggn_vector_product
from backpack.hessianfree.hvp import hessian_vector_product
from torch.nn import CrossEntropyLoss

from .steps import steps
from .torch_nets import Places, module


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function returns NumPy."""
    here = _Point(objective, theta)
    unit, v = torch.eye(theta.size, dtype=torch.float64), torch.tensor(v)
    whole = {"BatchGrad of every output": here.by_gradients}
    if not any(step.kind == "LSTM" for step in here.steps):     # which has no square root there
        whole["SqrtGGNExact"] = here.by_roots
    return {
        "hvp": {"hessian_vector_product": lambda: here.hvps(v[None])[0].numpy()},
        "ggnvp": {"ggn_vector_product": lambda: here.ggn_products(v[None])[0].numpy()},
        "hessian": {"hessian_vector_product, one by one": lambda: here.hvps(unit).numpy()},
        "gauss_newton": {"ggn_vector_product, one by one": lambda: here.ggn_products(unit).numpy(),
                         **{name: lambda f=f: f().numpy() for name, f in whole.items()}}}


class _Point:
    """A network, plain for products and extended for the rest."""

    def __init__(self, objective, theta):
        self.steps = steps(objective)
        self.places = Places(self.steps, theta.size)
        self.x, self.y = torch.tensor(objective.x), torch.tensor(objective.y)
        last = ReduceTuple(0), Slicing((slice(None), -1))
        self.net, copy = (module(self.steps, theta, last=last) for _ in range(2))
        self.loss, self.extended = CrossEntropyLoss(), extend(copy)
        self.extended_loss = extend(CrossEntropyLoss())

    def hvps(self, V):
        """V (K, P) -> H V^T, from one gradient's graph."""
        ps = list(self.net.parameters())
        value = self.loss(self.net(self.x), self.y)
        g = torch.autograd.grad(value, ps, create_graph=True)
        return torch.stack([self.places.join(hessian_vector_product(
            value, ps, self.places.split(v), grad_params=g)) for v in V])

    def ggn_products(self, V):
        """V (K, P) -> G V^T, from one forward pass."""
        z = self.net(self.x)
        value = self.loss(z, self.y)
        return torch.stack([self.places.join(ggn_vector_product(
            value, z, self.net, self.places.split(v))) for v in V])

    def by_roots(self):
        """G = V^T V from its square root V (C N, P), 1/N included."""
        default = torch.get_default_dtype()
        torch.set_default_dtype(self.x.dtype)            # BackPACK's average pooling relies on it
        try:
            with backpack(SqrtGGNExact()):
                self.extended_loss(self.extended(self.x), self.y).backward()
        finally:
            torch.set_default_dtype(default)
        roots = [p.sqrt_ggn_exact for p in self.extended.parameters()]
        V = self.places.join(roots, roots[0].shape[:2]).flatten(0, 1)
        return V.T @ V

    def by_gradients(self):
        """G = J^T S J where J holds each output's gradient for each example."""
        z, J = self.extended(self.x), []
        for output in z.unbind(1):
            with backpack(BatchGrad(), retain_graph=True):
                output.sum().backward(retain_graph=True)
            J.append(self.places.join([p.grad_batch for p in self.extended.parameters()],
                                      self.x.shape[:1]))
        J, p = torch.stack(J, 1), torch.softmax(z.detach(), 1)[:, :, None]
        SJ = p * (J - (p * J).sum(1, keepdim=True)) / len(p)
        return J.flatten(0, 1).T @ SJ.flatten(0, 1)
