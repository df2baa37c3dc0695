"""JAX: jitted forms of Hv, the Hessian and the Gauss-Newton matrix, in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from . import dense_tanh_shapes

BATCHES = (8, 16, 32)


def forms(objective, theta):
    """{quantity: {form: function}}; every function waits for its result and returns NumPy."""
    jax.config.update("jax_enable_x64", True)
    shapes = dense_tanh_shapes(objective)
    X, Y, T = jnp.array(objective.x), jnp.array(objective.targets), jnp.array(theta)

    def outputs(t):
        return _forward(shapes, t, X)

    def loss_of(z):
        return -jnp.sum(jax.nn.log_softmax(z) * Y) / len(X)

    def loss(t):
        return loss_of(outputs(t))

    def hvps(t):
        return lambda v: jax.jvp(jax.grad(loss), (t,), (v,))[1]

    def linearized_hvps(t):
        return jax.linearize(jax.grad(loss), t)[1]

    def ggn_products(t):
        z, J = jax.linearize(outputs, t)
        S = jax.linearize(jax.grad(loss_of), z)[1]
        transposed = jax.linear_transpose(J, t)
        return lambda v: transposed(S(J(v)))[0]

    return {
        "hessian": {"jax.hessian": _timed(jax.hessian(loss), T),
                    "jacrev(jacrev)": _timed(jax.jacrev(jax.jacrev(loss)), T),
                    **_mapped("lax.map of hvp", hvps, T),
                    **_mapped("lax.map of linearized hvp", linearized_hvps, T)},
        "gauss_newton": {"J^T S J by jacrev": _timed(_sandwich(shapes, loss_of, X), T),
                         **_mapped("lax.map of ggn product", ggn_products, T)},
    }


def _forward(shapes, t, x):
    ends = np.cumsum([0] + [o * i for o, i in shapes])
    for k, (o, i) in enumerate(shapes):
        W = t[ends[k]:ends[k + 1]].reshape(o, i)
        s = x @ W[:, :-1].T + W[:, -1]
        x = jnp.tanh(s)
    return s


def _timed(function, *arguments):
    compiled = jax.jit(function)
    return lambda: np.asarray(compiled(*arguments).block_until_ready())


def _mapped(name, products, T):
    """lax.map of products(theta) over batches of unit vectors."""
    def whole(batch):
        return lambda t: jax.lax.map(products(t), jnp.eye(t.size), batch_size=batch)
    return {f"{name}, {batch} at once": _timed(whole(batch), T) for batch in BATCHES}


def _sandwich(shapes, loss_of, X):
    """sum_n J_n^T S_n J_n from per-example Jacobians, for cross-entropy."""
    def matrix(t):
        J = jax.vmap(jax.jacrev(lambda t, x: _forward(shapes, t, x)), (None, 0))(t, X)
        p = jax.nn.softmax(_forward(shapes, t, X))
        pJ = jnp.einsum("nc,ncp->np", p, J)
        return jnp.einsum("ncp,ncq->pq", J, (p[:, :, None] * (J - pJ[:, None]))) / len(X)
    return matrix
