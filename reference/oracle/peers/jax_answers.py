"""JAX's answers: its transforms on networks written in jax.numpy, in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from . import array_recurrent                                  # noqa: F401 - adds its layers
from .array_losses import batched, labelwise
from .array_nets import outputs

SPECIAL = {"ndtr": jax.scipy.stats.norm.cdf, "logistic": jax.nn.sigmoid}


class Point:
    """The network and the loss as functions of theta."""

    def __init__(self, objective, theta):
        self.objective, self.t = objective, theta
        self.net = outputs(jnp, SPECIAL, objective.net)

    def outputs(self, t):
        """z (N, ..., C)."""
        return self.net(t, self.objective.x)

    def output_loss(self, z):
        """L of z."""
        return batched(jnp, self.objective, z)

    def loss(self, t):
        """L."""
        return self.output_loss(self.outputs(t)) + self.objective.l2 / 2 * jnp.sum(t * t)

    def losses(self, t):
        """loss_n (N,)."""
        losses = labelwise(jnp, self.objective.loss, self.outputs(t), self.objective.y)
        return losses.reshape(len(losses), -1).sum(1)

    def ggnvp(self, v):
        """J^T (d^2 L/dz^2) J v."""
        z, Rz = jax.jvp(self.outputs, (self.t,), (v,))
        SRz = jax.jvp(jax.grad(self.output_loss), (z,), (Rz,))[1]
        return jax.vjp(self.outputs, self.t)[1](SRz)[0]


def at_a_point(function):
    """A function of (Point, *arrays) as one of (objective, theta, *arrays).

    Compiled once for each objective, without optimisation: compiling is nearly all of the time.
    """
    @partial(jax.jit, static_argnums=0)
    def compiled(objective, t, *given):
        return function(Point(objective, t), *given)

    def answer(objective, theta, *arguments):
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_disable_most_optimizations", True)
        return np.asarray(compiled(objective, theta, *arguments))
    return staticmethod(answer)


def apart(function):
    """The same where examples are apart."""
    def answer(here):
        if here.objective.net.couples:
            raise NotImplementedError
        return function(here)
    return answer


class transforms:
    """jax.grad, jax.jvp, jax.vjp, jax.jacrev, jax.hessian."""

    value = at_a_point(lambda here: here.loss(here.t))
    gradient = at_a_point(lambda here: jax.grad(here.loss)(here.t))
    per_example_gradients = at_a_point(apart(lambda here: jax.jacrev(here.losses)(here.t)))
    jacobian = at_a_point(apart(lambda here: jax.jacrev(here.outputs)(here.t)))
    jvp = at_a_point(lambda here, v: jax.jvp(here.outputs, (here.t,), (v,))[1])
    vjp = at_a_point(lambda here, u: jax.vjp(here.outputs, here.t)[1](u)[0])
    hvp = at_a_point(lambda here, v: jax.jvp(jax.grad(here.loss), (here.t,), (v,))[1])
    ggnvp = at_a_point(lambda here, v: here.ggnvp(v))
    hessian = at_a_point(lambda here: jax.hessian(here.loss)(here.t))
    gauss_newton = at_a_point(lambda here: jax.lax.map(here.ggnvp, jnp.eye(here.t.size)))


OFFERS = {"": transforms}
