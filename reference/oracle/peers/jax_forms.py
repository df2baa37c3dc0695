"""JAX: jitted forms of every quantity, in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from .jax_nets import nets
from .steps import steps

BATCHES = (8, 16, 32)
FORWARD = ("jvp of grad", "linearized grad")             # what batches of H v are made by
UNBATCHED = "lax convolution"          # XLA takes ten seconds for batches of its products


def forms(objective, theta, v):
    """{quantity: {form: function}}; every function waits for its result and returns NumPy."""
    jax.config.update("jax_enable_x64", True)
    X, Y = jnp.array(objective.x), jnp.array(objective.targets)
    T, v = jnp.array(theta), jnp.array(v)
    found = {}
    for variant, net in nets(steps(objective)).items():
        batches = () if variant == UNBATCHED else BATCHES
        for quantity, functions in _functions(net, X, Y, v, batches).items():
            found.setdefault(quantity, {}).update({
                ", ".join(filter(None, (name, variant))): _timed(function, T)
                for name, function in functions.items()})
    return found


def _timed(function, T):
    compiled = jax.jit(function)
    return lambda: np.asarray(compiled(T).block_until_ready())


def _functions(net, X, Y, v, batches):
    """{quantity: {form: theta -> array}} of one network."""
    def outputs(t):
        return net(t, X)

    def loss_of(z):
        return -jnp.sum(jax.nn.log_softmax(z) * Y) / len(X)

    def loss(t):
        return loss_of(outputs(t))

    hvps, ggn = _hessian_products(loss), _ggn_products(outputs, loss_of)
    return {
        "gradient": {"grad": jax.grad(loss)},
        "hvp": {name: _one(product, v) for name, product in hvps.items()},
        "ggnvp": {name: _one(product, v) for name, product in ggn.items()},
        "hessian": {"jax.hessian": jax.hessian(loss),
                    "jacrev(jacrev)": jax.jacrev(jax.jacrev(loss)),
                    **_mapped({name: hvps[name] for name in FORWARD}, batches)},
        "gauss_newton": {"J^T S J by jacrev": _sandwich(net, X), **_mapped(ggn, batches)}}


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


def _mapped(products, batches):
    """lax.map of products(theta) over batches of unit vectors."""
    def whole(product, batch):
        return lambda t: jax.lax.map(product(t), jnp.eye(t.size), batch_size=batch)
    return {f"lax.map of {name}, {batch} at once": whole(product, batch)
            for name, product in products.items() for batch in batches}


def _sandwich(net, X):
    """sum_n J_n^T S_n J_n from per-example Jacobians, for cross-entropy."""
    def matrix(t):
        J = jax.vmap(jax.jacrev(lambda t, x: net(t, x[None])[0]), (None, 0))(t, X)
        p = jax.nn.softmax(net(t, X))[:, :, None]
        SJ = p * (J - jnp.sum(p * J, 1, keepdims=True)) / len(X)
        return J.reshape(-1, t.size).T @ SJ.reshape(-1, t.size)
    return matrix
