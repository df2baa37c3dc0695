"""PyTorch: torch.func and plain autograd's double backward, in the precision of theta."""

import torch
from torch.autograd import grad as backward
from torch.func import functional_call, grad, hessian, jacrev, jvp, vjp, vmap

from .parts import AtOnce, Rows, share
from .steps import is_chain, steps, wide
from .torch_nets import Places, mean_loss, modules, second, tensor

CHUNKS = (64, 256)


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function returns NumPy, or on a GPU what is computed."""
    network, found, v = steps(objective), {}, tensor(v)
    places = Places(network, theta.size, v.device)
    for variant, net in modules(network, theta).items():
        here = _Point(net, places, objective, theta)
        makers = (_functions,) if variant == "nn.LSTM" else (_functions, _func_functions)
        for make in makers:                        # vmap(jacrev) cannot go through nn.LSTM
            for quantity, functions in make(here, v).items():
                found.setdefault(quantity, {}).update({
                    ", ".join(filter(None, (name, variant))): _numpy(function)
                    for name, function in functions.items()})
    return found


def _numpy(function):
    """The same form with NumPy's arrays for answers."""
    if isinstance(function, Rows):
        return Rows(lambda k: _spared(lambda: function.rows(k)), function.size, function.step)
    if isinstance(function, AtOnce):
        return AtOnce(_numpy(function.function), function.bytes)
    return lambda: _spared(function)


def _spared(function):
    """Its arrays; what a GPU has no room for is a MemoryError, as of everyone else."""
    try:
        return arrays(function())
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from None


def arrays(tensors):
    """A tensor or a list of them, as NumPy; on a GPU, where that is a copy, as they are."""
    if isinstance(tensors, list):
        return [arrays(t) for t in tensors]
    if tensors.is_cuda:
        torch.cuda.synchronize()
        return tensors.detach()
    return tensors.detach().numpy()


class _Point:
    """The loss as a function of parameters ps, a list of tensors, and what it is made of."""

    def __init__(self, net, places, objective, theta):
        self.net, self.places, self.theta = net, places, tensor(theta)
        self.kind, self.loss_function = objective.loss.name, mean_loss(objective)
        self.names, self.leaves = map(list, zip(*net.named_parameters()))
        self.ps = [p.detach() for p in self.leaves]
        self.x, self.y = tensor(objective.x), tensor(objective.y)

    def outputs(self, ps, x=None):
        return functional_call(self.net, dict(zip(self.names, ps)), self.x if x is None else x)

    def loss_of(self, z):
        return self.loss_function(z, self.y)

    def loss(self, ps):
        return self.loss_of(self.outputs(ps))

    def gradient(self, **options):
        """Plain autograd, on the module's own parameters."""
        return backward(self.loss_of(self.net(self.x)), self.leaves, **options)

    def at_block(self, l):
        """The outputs as a function of matrix l's weight and bias, and these two."""
        a, b = 2 * l, 2 * l + 2
        return lambda ps: self.outputs([*self.ps[:a], *ps, *self.ps[b:]]), self.ps[a:b]

    def bytes(self, directions):
        """Of activations and their tangents for so many directions, forwards and back."""
        numbers = 3 * directions * len(self.x) * wide(self.places.steps)
        return numbers * self.x.element_size()

    def jacobian_bytes(self):
        """Of J and S J, with what products and reordering copy."""
        C = self.places.steps[-1].outputs[0]
        return 6 * len(self.x) * C * self.theta.numel() * self.x.element_size()


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
    hvps = _hessian_products(here.loss_of, here.outputs, here.ps)
    ggn = _ggn_products(here.loss_of, here.outputs, here.ps)
    found = {
        "gradient": {"torch.func.grad": lambda: join(grad(here.loss)(here.ps))},
        "hvp": {name: _one(product, vs, join) for name, product in hvps.items()},
        "ggnvp": {name: _one(product, vs, join) for name, product in ggn.items()},
        "hessian": {"torch.func.hessian": AtOnce(lambda: hessian(
            lambda t: here.loss(here.places.split(t)))(here.theta), here.bytes(len(here.theta))),
            **_mapped({"jvp of grad": hvps["jvp of grad"]}, here)},
        "gauss_newton": {**_sandwiched(here, _sandwich), **_mapped(ggn, here)}}
    if is_chain(here.places.steps):
        found["hessian_blocks"] = _mapped_blocks("jvp of grad", _hessian_products, here)
        found["gauss_newton_blocks"] = {**_sandwiched(here, _block_sandwich),
                                        **_mapped_blocks("jvp and vjp", _ggn_products, here)}
    return found


# ---- products with directions ----

def _hessian_products(loss_of, outputs, ps):
    """{name: vs -> H vs} by torch.func."""
    def loss(ps):
        return loss_of(outputs(ps))
    return {"jvp of grad": lambda vs: jvp(grad(loss), (ps,), (vs,))[1],
            "vjp of grad": lambda vs: vjp(grad(loss), ps)[1](vs)[0]}


def _ggn_products(loss_of, outputs, ps):
    """{name: vs -> J^T S J vs} by torch.func."""
    def product(vs):
        z, Rz = jvp(outputs, (ps,), (vs,))
        return vjp(outputs, ps)[1](jvp(grad(loss_of), (z,), (Rz,))[1])[0]
    return {"jvp and vjp": product}


def _one(product, vs, join):
    return lambda: join(product(vs))


# ---- matrices ----

def _chunks(product, places, start, stop, chunk, dtype):
    """What vmap of product gives for unit vectors start..stop, a chunk at a time."""
    for a in range(start, stop, chunk):
        yield vmap(product)(places.split(places.unit(a, min(a + chunk, stop), dtype)))


def _mapped(products, here):
    """vmap of products over chunks of unit vectors."""
    def rows(product, chunk, k):
        found = _chunks(product, here.places, 0, k, chunk, here.theta.dtype)
        return torch.cat([here.places.join(ps, ps[0].shape[:1]) for ps in found])
    return {f"vmap of {name}, {chunk} at once": Rows(
        lambda k, p=product, c=chunk: rows(p, c, k), here.theta.numel(), chunk)
        for name, product in products.items() for chunk in CHUNKS}


def _mapped_blocks(name, products_of, here):
    """The same for each matrix's own block, with nothing else to differentiate by."""
    def block(l, start, count, chunk):
        product = products_of(here.loss_of, *here.at_block(l))[name]
        found = _chunks(lambda vs: product(vs[2 * l:2 * l + 2]), here.places, start, start + count,
                        chunk, here.theta.dtype)
        return torch.cat([here.places.blocks(ps, ps[0].shape[:1])[0] for ps in found])

    def rows(k, chunk):
        found, start = [], 0
        for l, (size, count) in enumerate(zip(here.places.sizes, share(here.places.sizes, k))):
            found += [block(l, start, count, chunk)] if count else []
            start += size
        return found
    return {f"vmap of {name} by block, {chunk} at once": Rows(
        lambda k, c=chunk: rows(k, c), here.theta.numel(), chunk) for chunk in CHUNKS}


def _batched_backward(here):
    """One graph of the gradient, walked backward with chunks of unit vectors."""
    def rows(k, chunk):
        g, found = here.gradient(create_graph=True), []
        for a in range(0, k, chunk):
            E = here.places.unit(a, min(a + chunk, k), here.theta.dtype)
            found.append(here.places.join(
                backward(g, here.leaves, here.places.split(E), retain_graph=True,
                         is_grads_batched=True), E.shape[:1]))
        return torch.cat(found)
    return {f"batched double backward, {chunk} at once": Rows(
        lambda k, c=chunk: rows(k, c), here.theta.numel(), chunk) for chunk in CHUNKS}


# ---- J^T S J from per-example Jacobians ----

def _sandwiched(here, function):
    return {"J^T S J by jacrev": AtOnce(lambda: function(here), here.jacobian_bytes())}


def _jacobians(here):
    """[dz/dp (N, C, ...), ...]"""
    return vmap(jacrev(lambda ps, x: here.outputs(ps, x[None])[0]), (None, 0))(here.ps, here.x)


def _product(here, J):
    """J^T S J/N of J (N, C, p)."""
    SJ = second(here.kind, here.outputs(here.ps), J) / len(J)
    return J.flatten(0, 1).T @ SJ.flatten(0, 1)


def _sandwich(here):
    """sum_n J_n^T S_n J_n (P, P)."""
    J = _jacobians(here)
    return _product(here, here.places.join(J, J[0].shape[:2]))


def _block_sandwich(here):
    """Its diagonal blocks."""
    J = _jacobians(here)
    return [_product(here, block) for block in here.places.blocks(J, J[0].shape[:2])]
