"""PyTorch: torch.func and plain autograd's double backward, in float64."""

import torch
from torch.autograd import grad as backward
from torch.func import functional_call, grad, hessian, jacrev, jvp, vjp, vmap

from .steps import steps
from .torch_nets import Places, modules

CHUNKS = (64, 256)


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function returns NumPy."""
    network, found = steps(objective), {}
    places = Places(network, theta.size)
    for variant, net in modules(network, theta).items():
        here = _Point(net, places, objective, theta)
        makers = (_functions,) if variant == "nn.LSTM" else (_functions, _func_functions)
        for make in makers:                        # vmap(jacrev) cannot go through nn.LSTM
            for quantity, functions in make(here, torch.tensor(v)).items():
                found.setdefault(quantity, {}).update({
                    ", ".join(filter(None, (name, variant))): _numpy(function)
                    for name, function in functions.items()})
    return found


def _numpy(function):
    return lambda: function().detach().numpy()


class _Point:
    """The loss as a function of parameters ps, a list of tensors, and what it is made of."""

    def __init__(self, net, places, objective, theta):
        self.net, self.places, self.theta = net, places, torch.tensor(theta)
        self.names, self.leaves = map(list, zip(*net.named_parameters()))
        self.ps = [p.detach() for p in self.leaves]
        self.x, self.y = torch.tensor(objective.x), torch.tensor(objective.y)

    def outputs(self, ps, x=None):
        return functional_call(self.net, dict(zip(self.names, ps)), self.x if x is None else x)

    def loss_of(self, z):
        return torch.nn.functional.cross_entropy(z, self.y)

    def loss(self, ps):
        return self.loss_of(self.outputs(ps))

    def gradient(self, **options):
        """Plain autograd, on the module's own parameters."""
        return backward(self.loss_of(self.net(self.x)), self.leaves, **options)


def _functions(here, v):
    """{quantity: {form: () -> tensor}} at one point: plain autograd."""
    join, vs = here.places.join, here.places.split(v)
    return {
        "gradient": {"autograd": lambda: join(here.gradient())},
        "hvp": {"double backward": lambda: join(backward(here.gradient(create_graph=True),
                                                         here.leaves, vs))},
        "hessian": _batched_backward(here)}


def _func_functions(here, v):
    """{quantity: {form: () -> tensor}} at one point: torch.func."""
    join, vs = here.places.join, here.places.split(v)
    hvps, ggn = _hessian_products(here), _ggn_products(here)
    return {
        "gradient": {"torch.func.grad": lambda: join(grad(here.loss)(here.ps))},
        "hvp": {name: _one(product, vs, join) for name, product in hvps.items()},
        "ggnvp": {name: _one(product, vs, join) for name, product in ggn.items()},
        "hessian": {"torch.func.hessian": lambda: hessian(
            lambda t: here.loss(here.places.split(t)))(here.theta),
            **_mapped({"jvp of grad": hvps["jvp of grad"]}, here)},
        "gauss_newton": {"J^T S J by jacrev": lambda: _sandwich(here), **_mapped(ggn, here)}}


def _hessian_products(here):
    """{name: vs -> H vs} by torch.func."""
    return {"jvp of grad": lambda vs: jvp(grad(here.loss), (here.ps,), (vs,))[1],
            "vjp of grad": lambda vs: vjp(grad(here.loss), here.ps)[1](vs)[0]}


def _ggn_products(here):
    """{name: vs -> J^T S J vs} by torch.func."""
    def product(vs):
        z, Rz = jvp(here.outputs, (here.ps,), (vs,))
        return vjp(here.outputs, here.ps)[1](jvp(grad(here.loss_of), (z,), (Rz,))[1])[0]
    return {"jvp and vjp": product}


def _one(product, vs, join):
    return lambda: join(product(vs))


def _mapped(products, here):
    """vmap of products over chunks of unit vectors."""
    unit = torch.eye(here.theta.numel(), dtype=here.theta.dtype)

    def whole(product, chunk):
        return lambda: here.places.join(vmap(product, chunk_size=chunk)(here.places.split(unit)),
                                        unit.shape[:1])
    return {f"vmap of {name}, {chunk} at once": whole(product, chunk)
            for name, product in products.items() for chunk in CHUNKS}


def _batched_backward(here):
    """One graph of the gradient, walked backward with chunks of unit vectors."""
    unit = torch.eye(here.theta.numel(), dtype=here.theta.dtype)

    def whole(chunk):
        g = here.gradient(create_graph=True)
        return torch.cat([here.places.join(
            backward(g, here.leaves, here.places.split(E), retain_graph=True,
                     is_grads_batched=True), E.shape[:1]) for E in unit.split(chunk)])
    return {f"batched double backward, {chunk} at once": lambda chunk=chunk: whole(chunk)
            for chunk in CHUNKS}


def _sandwich(here):
    """sum_n J_n^T S_n J_n from per-example Jacobians, for cross-entropy."""
    n, size = len(here.x), here.theta.numel()
    J = vmap(jacrev(lambda ps, x: here.outputs(ps, x[None])[0]), (None, 0))(here.ps, here.x)
    p = torch.softmax(here.outputs(here.ps), 1)[:, :, None]
    J = here.places.join(J, (n, p.shape[1]))
    SJ = p * (J - (p * J).sum(1, keepdim=True)) / n
    return J.reshape(-1, size).T @ SJ.reshape(-1, size)
