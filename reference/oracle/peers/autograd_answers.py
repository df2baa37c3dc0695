"""HIPS autograd's answers, on networks written in autograd.numpy."""

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import expit
from autograd.scipy.stats.norm import cdf

from . import array_recurrent                                  # noqa: F401 - adds its layers
from .array_losses import batched, labelwise
from .array_nets import outputs

SPECIAL = {"ndtr": cdf, "logistic": expit}


def functions(objective):
    """theta -> z, theta -> L, theta -> loss_n, z -> L."""
    net = outputs(anp, SPECIAL, objective.net)

    def z_of(t):
        return net(t, objective.x)

    def output_loss(z):
        return batched(anp, objective, z)

    def loss(t):
        return output_loss(z_of(t)) + objective.l2 / 2 * anp.sum(t * t)

    def losses(t):
        found = labelwise(anp, objective.loss, z_of(t), objective.y)
        return anp.sum(anp.reshape(found, (len(found), -1)), 1)

    return z_of, loss, losses, output_loss


def of_loss(transform):
    """(objective, theta, *arrays) -> transform(L)(theta, *arrays)."""
    return staticmethod(lambda objective, theta, *arrays: np.array(
        transform(functions(objective)[1])(theta, *arrays)))


def of_examples(k):
    """The Jacobian of z, or of loss_n."""
    def answer(objective, theta):
        if objective.net.couples:
            raise NotImplementedError
        return autograd.jacobian(functions(objective)[k])(theta)
    return staticmethod(answer)


class transforms:
    """grad, jacobian, hessian, hessian_vector_product, make_vjp, make_ggnvp."""

    value = of_loss(lambda loss: loss)
    gradient = of_loss(autograd.grad)
    hvp = of_loss(autograd.hessian_vector_product)
    hessian = of_loss(autograd.hessian)
    jacobian = of_examples(0)
    per_example_gradients = of_examples(2)

    @staticmethod
    def vjp(objective, theta, u):
        return autograd.make_vjp(functions(objective)[0])(theta)[0](u)

    @staticmethod
    def ggnvp(objective, theta, v):
        z_of, _, _, output_loss = functions(objective)
        return autograd.make_ggnvp(z_of, output_loss)(theta)(v)


OFFERS = {"": transforms}
