"""Your own activation, loss, layer and route in a few lines each, and all of them checked.

    python examples/04_add_your_own.py
"""

from dataclasses import dataclass

import numpy as np

import reference as ref
from reference.arrays import functions as F
from reference.derivatives.routes import ROUTES, Route
from reference.network.elementwise import ACTIVATIONS, Activation, Elementwise
from reference.network.losses import LOSSES, Line, Loss, diagonal
from reference.oracle.check import rows_of

# ---- an activation is value(x) and slope(x, y), y = value(x) ----

ACTIVATIONS["Bump"] = Activation(lambda x: 1 / (1 + x * x), lambda x, y: -2 * x * y * y)


# ---- a loss is value, gradient and Hessian in z, and the targets that it takes ----

def root(z, y):
    return F.sqrt(1 + (z - y) * (z - y))


LOSSES["PseudoHuber"] = Line(
    lambda z, y: F.sum(root(z, y) - 1, -1), lambda z, y: (z - y) / root(z, y),
    lambda z, y: diagonal(1 / (root(z, y) ** 3)), LOSSES["SquaredError"].targets)


# ---- a layer is two methods; check_layer asks it for everything else ----

@dataclass(frozen=True)
class Scale(ref.Layer):
    """y = w x, feature by feature: W (1, D)."""

    features: int
    bias = False                                       # initial schemes ask

    @property
    def shape(self):
        return 1, self.features

    def forward(self, W, x):
        return x * W

    def vjp(self, W, x, y, dy):
        return F.sum(dy * x, -2)[..., None, :], dy * W


print(ref.check_layer(Scale(5), (5,), np.random.default_rng(0)), end="\n\n")


# ---- a route is a function and the error to expect of it ----

def five_points(objective, theta, v, h=1e-3):                               # [For88]
    far, near, on, beyond = (objective.grad(theta + k * h * v) for k in (-2, -1, 1, 2))
    return (far - 8 * near + 8 * on - beyond) / (12 * h)


ROUTES["five points"] = Route(lambda eps: 10 * eps ** 0.7, hvp=five_points)


def mine(rng):
    x, y = ref.problems.teacher(rng, 11, inputs=3, hidden=4, outputs=2)
    net = ref.Sequential(ref.Dense(3, 5), Elementwise("Bump"), Scale(5), ref.Dense(5, 2))
    return ref.Objective(net, Loss("PseudoHuber"), x, y, l2=0.01), net.initial(rng)


ref.problems.ZOO["mine"] = mine
for quantity in ("gradient", "jvp", "hvp", "hessian", "gauss_newton"):
    for row in rows_of(("mine", quantity, 0)):
        print(f"{row.title:<16}{row.route:<28}proven {row.proven:5.1f}  {row.verdict}")

ACTIVATIONS["Bump"] = Activation(lambda x: 1 / (1 + x * x), lambda x, y: -2 * x * y)    # y, not y^2
print("\nwith a wrong slope the balls enclose what the wrong formula says, but the routes part:")
for row in rows_of(("mine", "gradient", 0))[:2]:
    print(f"{row.route:<10}agreed {row.agreed:4.1f}  proven {row.proven:4.1f}  {row.verdict}")
