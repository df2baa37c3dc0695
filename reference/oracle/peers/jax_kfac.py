"""JAX: the Kronecker factors of K-FAC by hand, since JAX has no library for them.

G sums g g^T over the gradients at the pre-activations s, which JAX gives as derivatives by zeros
that are added to s.  Type-2 with S = diag(p) - p p^T: either unit cotangents e_c and S between
them, or the columns of a root, B = diag(sqrt p) - p sqrt(p)^T with B B^T = S.
"""

import jax
import jax.numpy as jnp

from .steps import parts


def factors(steps, X):
    """{form: theta -> [G_1, A_1, G_2, A_2, ...]}: A a mean over examples, G with the 1/N."""
    return {"vmap of vjp, columns of the root of S": lambda t: _by_roots(steps, X, t),
            "vmap of vjp, S between unit cotangents": lambda t: _by_units(steps, X, t)}


def _forward(steps, X, t, added):
    """z, and the inputs (N, I) of every Dense with their constant 1; `added` to its outputs."""
    x, ps, added = X, [], iter(added)
    for step, matrices in parts(steps, t):
        if step.kind == "Dense":
            ps.append(jnp.concatenate([x, jnp.ones((len(x), 1), x.dtype)], 1))
            x = ps[-1] @ matrices[0].T + next(added)
        else:
            x = jnp.tanh(x)
    return x, ps


def _pulled(steps, X, t):
    """z, the inputs, and cotangents of z (M, N, C) -> [g (M, N, O), ...]."""
    zeros = [jnp.zeros((len(X), *step.outputs), X.dtype) for step in steps if step.kind == "Dense"]
    z, pull, ps = jax.vjp(lambda added: _forward(steps, X, t, added), zeros, has_aux=True)
    return z, ps, lambda dz: jax.vmap(lambda u: pull(u)[0])(dz)


def _by_roots(steps, X, t):
    z, ps, pulled = _pulled(steps, X, t)
    p = jax.nn.softmax(z)
    B = jnp.sqrt(p)[:, :, None] * jnp.eye(p.shape[1]) - p[:, :, None] * jnp.sqrt(p)[:, None, :]
    gs = [g.reshape(-1, g.shape[-1]) for g in pulled(jnp.moveaxis(B, 2, 0))]
    return _paired([g.T @ g / len(X) for g in gs], ps)


def _by_units(steps, X, t):
    z, ps, pulled = _pulled(steps, X, t)
    p, unit = jax.nn.softmax(z).T, jnp.eye(z.shape[1], dtype=z.dtype)
    gs = pulled(jnp.broadcast_to(unit[:, None], (z.shape[1], *z.shape)))
    Sgs = [p[:, :, None] * (g - jnp.sum(p[:, :, None] * g, 0)) for g in gs]
    return _paired([jnp.einsum("cno,cnk->ok", g, Sg) / len(X) for g, Sg in zip(gs, Sgs)], ps)


def _paired(Gs, ps):
    return [M for G, p in zip(Gs, ps) for M in (G, p.T @ p / len(p))]
