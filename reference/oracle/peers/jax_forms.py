"""JAX: jitted forms of every quantity, in the precision of theta."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...arrays.transfer import to_host
from .jax_kfac import factors
from .jax_nets import nets
from .parts import AtOnce, Rows, share
from .steps import is_chain, sizes, steps, wide

BATCHES = (8, 16, 32)
BLOCK_BATCHES = (8, 32)                # three loops each to compile
FORWARD = ("jvp of grad", "linearized grad")             # what batches of H v are made by
UNBATCHED = "lax convolution"          # XLA takes ten seconds for batches of its products


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function waits for its result and returns NumPy."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")           # no TF32 on a GPU
    targets = objective.targets.astype(theta.dtype)
    T, X, Y, v = map(jnp.array, map(to_host, (theta, objective.x, targets, v)))
    network, found = steps(objective), {}
    for variant, net in nets(network).items():
        def made(X, Y, v, net=net, variant=variant):
            return _functions(_Problem(net, X, Y, objective.loss.name, network, variant), v)
        for quantity, functions in made(X, Y, v).items():
            found.setdefault(quantity, {}).update({
                ", ".join(filter(None, (name, variant))): _timed(made, quantity, name, T, (X, Y, v))
                for name in functions})
    return found


def _timed(made, quantity, name, T, data):
    """The compiled form at theta, of whatever kind it is.

    The data and v are arguments: of constants XLA forms products when it compiles, X V_1^T too.
    """
    def form(data):
        return made(*data)[quantity][name]
    kind = form(data)
    if isinstance(kind, Rows):
        rows = jax.jit(lambda T, data, k: form(data).rows(T, k), static_argnums=2)
        return Rows(lambda k: _numpy(rows, T, data, k), kind.size, kind.step)
    compiled = jax.jit(lambda T, data: form(data)(T))
    if isinstance(kind, AtOnce):
        return AtOnce(lambda: _numpy(compiled, T, data), kind.bytes)
    return lambda: _numpy(compiled, T, data)


def _numpy(function, *given):
    """NumPy's arrays; on a GPU, where they would be copies, what is computed there."""
    try:
        result = jax.block_until_ready(function(*given))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise MemoryError(str(error)) from None
    return result if jax.default_backend() == "gpu" else jax.tree.map(np.asarray, result)


# ---- the loss ----

LOSSES = {"CrossEntropy": lambda z, Y: -jnp.sum(jax.nn.log_softmax(z) * Y),
          "BinaryCrossEntropy": lambda z, Y: jnp.sum(jax.nn.softplus(z) - Y * z),
          "SquaredError": lambda z, Y: jnp.sum((z - Y) ** 2) / 2}


@dataclass(frozen=True)
class _Problem:
    """A network in one of its variants, with data and loss."""

    net: Any
    X: Any
    Y: Any
    kind: str
    steps: list
    variant: str

    def outputs(self, t):
        """z (N, C)."""
        return self.net(t, self.X)

    def loss_of(self, z):
        """The mean over examples of what the loss sums over outputs."""
        return LOSSES[self.kind](z, self.Y) / len(self.X)

    def loss(self, t):
        """L(theta)."""
        return self.loss_of(self.outputs(t))

    @property
    def batches(self):
        """How many unit vectors to take at once."""
        return () if self.variant == UNBATCHED else BATCHES

    def bytes(self, directions):
        """Of activations and their tangents for so many directions, forwards and back."""
        return 3 * directions * len(self.X) * wide(self.steps) * self.X.dtype.itemsize

    def jacobian_bytes(self):
        """Of J and S J, with what the products copy."""
        C = self.steps[-1].outputs[0]
        return 4 * len(self.X) * C * sum(sizes(self.steps)) * self.X.dtype.itemsize


def _functions(here, v):
    """{quantity: {form: theta -> array}} of one network."""
    hvps, ggn = _hessian_products(here.loss), _ggn_products(here.outputs, here.loss_of)
    found = {
        "gradient": {"grad": jax.grad(here.loss)},
        "hvp": {name: _one(product, v) for name, product in hvps.items()},
        "ggnvp": {name: _one(product, v) for name, product in ggn.items()},
        "hessian": {"jax.hessian": _at_once(jax.hessian(here.loss), here),
                    "jacrev(jacrev)": _at_once(jax.jacrev(jax.jacrev(here.loss)), here),
                    **_mapped({name: hvps[name] for name in FORWARD}, here)},
        "gauss_newton": {**_mapped(ggn, here), **_sandwiched(here, _sandwich)}}
    if here.variant == UNBATCHED:
        return found
    found["hessian_blocks"] = _mapped_blocks(
        lambda f: {name: _hessian_products(lambda w: here.loss_of(f(w)))[name]
                   for name in FORWARD}, here)
    found["gauss_newton_blocks"] = {
        **_mapped_blocks(lambda f: _ggn_products(f, here.loss_of), here),
        **_sandwiched(here, _block_sandwich)}
    if here.kind == "CrossEntropy" and is_chain(here.steps):
        found["kfac"] = factors(here.steps, here.X)
    return found


# ---- products with directions ----

def _hessian_products(loss):
    """{name: theta -> (v -> H v)}."""
    def reverse(t):
        product = jax.vjp(jax.grad(loss), t)[1]
        return lambda v: product(v)[0]
    return {"jvp of grad": lambda t: lambda v: jax.jvp(jax.grad(loss), (t,), (v,))[1],
            "linearized grad": lambda t: jax.linearize(jax.grad(loss), t)[1],
            "vjp of grad": reverse}


def _ggn_products(outputs, loss_of):
    """{name: theta -> (v -> J^T S J v)}."""
    def linearized(t):
        z, J = jax.linearize(outputs, t)
        S = jax.linearize(jax.grad(loss_of), z)[1]
        transposed = jax.linear_transpose(J, t)
        return lambda v: transposed(S(J(v)))[0]

    def pushed(t):
        def product(v):
            z, Rz = jax.jvp(outputs, (t,), (v,))
            return jax.vjp(outputs, t)[1](jax.jvp(jax.grad(loss_of), (z,), (Rz,))[1])[0]
        return product
    return {"linearize and transpose": linearized, "jvp and vjp": pushed}


def _one(product, v):
    return lambda t: product(t)(v)


# ---- matrices ----

def _at_once(function, here):
    return AtOnce(function, here.bytes(sum(sizes(here.steps))))


def _map(product, t, k, batch):
    """product (k, p) with the first k unit vectors of t's space, a batch at a time."""
    unit = jnp.zeros_like(t)
    return jax.lax.map(lambda i: product(unit.at[i].set(1)), jnp.arange(k), batch_size=batch)


def _mapped(products, here):
    """lax.map of products(theta) over batches of unit vectors."""
    def rows(product, batch, t, k):
        return _map(product(t), t, k, batch)
    return {f"lax.map of {name}, {batch} at once": Rows(partial(rows, product, batch),
                                                        sum(sizes(here.steps)), batch)
            for name, product in products.items() for batch in here.batches}


def _mapped_blocks(products_of, here):
    """The same for each matrix's own block, with nothing else to differentiate by."""
    def rows(name, batch, t, k):
        found, start = [], 0
        for size, count in zip(sizes(here.steps), share(sizes(here.steps), k)):
            before, w, after = t[:start], t[start:start + size], t[start + size:]
            product = products_of(
                lambda w, a=before, b=after: here.outputs(jnp.concatenate([a, w, b])))[name]
            found += [_map(product(w), w, count, batch)] if count else []
            start += size
        return found
    names = products_of(here.outputs)
    return {f"lax.map of {name} by block, {batch} at once": Rows(
        partial(rows, name, batch), sum(sizes(here.steps)), batch)
        for name in names for batch in BLOCK_BATCHES}


# ---- J^T S J from per-example Jacobians ----

def _softmax_times(p, J):
    return p * (J - jnp.sum(p * J, 1, keepdims=True))


def _slope_of_sigmoid(z):
    return jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)


SECOND = {"CrossEntropy": lambda z, J: _softmax_times(jax.nn.softmax(z)[:, :, None], J),
          "BinaryCrossEntropy": lambda z, J: _slope_of_sigmoid(z)[:, :, None] * J,
          "SquaredError": lambda z, J: J}


def _sandwiched(here, function):
    return {"J^T S J by jacrev": AtOnce(partial(function, here), here.jacobian_bytes())}


def _jacobians(here, t):
    """J and S J/N (N, C, P)."""
    J = jax.vmap(jax.jacrev(lambda t, x: here.net(t, x[None])[0]), (None, 0))(t, here.X)
    return J, SECOND[here.kind](here.outputs(t), J) / len(here.X)


def _sandwich(here, t):
    """sum_n J_n^T S_n J_n (P, P)."""
    J, SJ = _jacobians(here, t)
    return J.reshape(-1, t.size).T @ SJ.reshape(-1, t.size)


def _block_sandwich(here, t):
    """Its diagonal blocks."""
    ends = np.cumsum(sizes(here.steps))[:-1]
    parts = (jnp.split(J.reshape(-1, t.size), ends, axis=1) for J in _jacobians(here, t))
    return [J.T @ SJ for J, SJ in zip(*parts)]
