"""BackPACK: matrix-free products, and what its extensions give of the Gauss-Newton matrix."""

import torch
from backpack import backpack, extend
from backpack.custom_module.reduce_tuple import ReduceTuple
from backpack.custom_module.slicing import Slicing
from backpack.extensions import KFLR, BatchGrad, SqrtGGNExact
from backpack.hessianfree.ggnvp import ggn_vector_product
from backpack.hessianfree.hvp import hessian_vector_product
from torch.nn import CrossEntropyLoss

from .parts import AtOnce, Rows, share
from .steps import is_chain, steps
from .torch_forms import arrays
from .torch_nets import Places, mean_loss, module, second


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function returns NumPy."""
    here, v = _Point(objective, theta), torch.tensor(v)
    found = {
        "hvp": {"hessian_vector_product": lambda: here.hvps([v])[0].numpy()},
        "ggnvp": {"ggn_vector_product": lambda: here.ggn_products([v])[0].numpy()},
        "hessian": {"hessian_vector_product, one by one": here.rows(here.hvps)},
        "gauss_newton": {"ggn_vector_product, one by one": here.rows(here.ggn_products)}}
    roots = {"BatchGrad of every output": here.by_gradients}
    if here.has_roots:
        roots["SqrtGGNExact"] = here.by_roots
    found["gauss_newton"] |= {name: here.at_once(root, here.joined)
                              for name, root in roots.items()}
    if is_chain(here.steps):
        found["hessian_blocks"] = {"hessian_vector_product by block, one by one": Rows(
            lambda k: arrays(here.block_rows(k)), theta.size, 1)}
        found["gauss_newton_blocks"] = {name: here.at_once(root, here.by_block)
                                        for name, root in roots.items()}
        if objective.loss.name == "CrossEntropy":
            found["kfac"] = {"KFLR": lambda: arrays(here.factors())}
    return found


class _Point:
    """A network, plain for products and extended for the rest."""

    def __init__(self, objective, theta):
        self.steps, self.kind = steps(objective), objective.loss.name
        self.places = Places(self.steps, theta.size)
        self.x, self.y = torch.tensor(objective.x), torch.tensor(objective.y)
        last = ReduceTuple(0), Slicing((slice(None), -1))
        self.net, copy = (module(self.steps, theta, last=last) for _ in range(2))
        self.loss, self.extended = mean_loss(objective), extend(copy)
        self.extended_loss = extend(CrossEntropyLoss())

    @property
    def has_roots(self):
        """Whether BackPACK has square roots of this loss and these layers."""
        return self.kind == "CrossEntropy" and all(step.kind != "LSTM" for step in self.steps)

    # ---- products ----

    def rows(self, products):
        """A matrix by products with one unit vector after the other."""
        def units(k):
            return (self.places.unit(a, a + 1, self.x.dtype)[0] for a in range(k))
        return Rows(lambda k: products(units(k)).numpy(), self.places.size, 1)

    def _graph(self):
        ps = list(self.net.parameters())
        value = self.loss(self.net(self.x), self.y)
        return ps, value, torch.autograd.grad(value, ps, create_graph=True)

    def hvps(self, V):
        """K vectors v -> H v (K, P), from one gradient's graph."""
        ps, value, g = self._graph()
        return torch.stack([self.places.join(hessian_vector_product(
            value, ps, self.places.split(v), grad_params=g)) for v in V])

    def ggn_products(self, V):
        """K vectors v -> G v (K, P), from one forward pass."""
        z = self.net(self.x)
        value = self.loss(z, self.y)
        return torch.stack([self.places.join(ggn_vector_product(
            value, z, self.net, self.places.split(v))) for v in V])

    def block_rows(self, k):
        """The first k rows of all diagonal blocks of H, differentiating by the block alone."""
        (ps, value, g), found, start = self._graph(), [], 0
        for l, (size, count) in enumerate(zip(self.places.sizes, share(self.places.sizes, k))):
            block, rows = slice(2 * l, 2 * l + 2), []
            for a in range(start, start + count):
                v = self.places.split(self.places.unit(a, a + 1, self.x.dtype)[0])[block]
                rows += self.places.blocks(hessian_vector_product(
                    value, ps[block], v, grad_params=g[block]))
            found += [torch.stack(rows)] if rows else []
            start += size
        return found

    # ---- extensions ----

    def at_once(self, root, shaped):
        """The matrix or its blocks from pairs (V, U) of roots, V^T U."""
        numbers = 6 * len(self.x) * self.steps[-1].outputs[0] * self.places.size
        return AtOnce(lambda: arrays(root(shaped)), numbers * self.x.element_size())

    def joined(self, leaves, products):
        """V^T U from all leaves (C, N, ...)."""
        return products(self.places.join(leaves, leaves[0].shape[:2]))

    def by_block(self, leaves, products):
        """[V^T U, ...] from the leaves of each block."""
        return [products(V) for V in self.places.blocks(leaves, leaves[0].shape[:2])]

    def _backward(self, *extensions, hook=None):
        default = torch.get_default_dtype()
        torch.set_default_dtype(self.x.dtype)            # BackPACK's average pooling relies on it
        try:
            with backpack(*extensions, extension_hook=hook):
                self.extended_loss(self.extended(self.x), self.y).backward()
        finally:
            torch.set_default_dtype(default)
        return list(self.extended.parameters())

    def by_roots(self, shaped):
        """G = V^T V from its square root V (C N, P), 1/N included."""
        roots = [p.sqrt_ggn_exact for p in self._backward(SqrtGGNExact())]
        return shaped(roots, lambda V: V.flatten(0, 1).T @ V.flatten(0, 1))

    def by_gradients(self, shaped):
        """G = J^T S J where J holds each output's gradient for each example."""
        z, J = self.extended(self.x), []
        for output in z.unbind(1):
            with backpack(BatchGrad(), retain_graph=True):
                output.sum().backward(retain_graph=True)
            J.append([p.grad_batch for p in self.extended.parameters()])
        leaves = [torch.stack(outputs, 1) for outputs in zip(*J)]
        return shaped(leaves, lambda J: J.flatten(0, 1).T @ (
            second(self.kind, z.detach(), J) / len(J)).flatten(0, 1))

    def factors(self):
        """[G_1, A_1, ...]: KFLR leaves the bias out of A, so its row is made from the inputs."""
        means, found = {}, []

        def keep_mean(layer):
            if hasattr(layer, "weight"):
                means[layer] = layer.input0.mean(0, keepdim=True)
        self._backward(KFLR(), hook=keep_mean)
        for layer in (layer for layer in self.extended if layer in means):
            G, A = layer.weight.kflr
            rows = torch.cat([A, means[layer]])
            found += [G, torch.cat([rows, torch.cat([means[layer].T, torch.ones_like(A[:1, :1])])],
                                   1)]
        return found
