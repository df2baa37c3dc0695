"""Gradient, J v and H v by every route, each measured against balls that enclose the exact answer.

    python examples/01_first_derivatives.py             a table
    python examples/01_first_derivatives.py steps.png   and error against step length, as a picture
"""

import sys

import numpy as np

import reference as ref
from reference.derivatives.routes import offering
from reference.oracle.certify import enclosure, measured
from reference.oracle.step_sizes import step_size_errors

objective, theta = ref.problems.ZOO["pooled digits"](np.random.default_rng(0))
v = np.random.default_rng(1).standard_normal(theta.size)
print(f"{objective.net}\n{objective.loss}, {objective.N} images, {theta.size} parameters\n")

print(f"{'quantity':<10}{'route':<28}{'error at most':>14}{'digits':>8}{'expected':>10}")
for quantity, arguments in {"gradient": (), "jvp": (v,), "hvp": (v,)}.items():
    exact = enclosure(getattr(ref, quantity), objective, theta, *arguments, bits=128)
    for route, function in offering(quantity).items():
        proof = measured(function(objective, theta, *arguments), exact)
        expected = -np.log10(ref.ROUTES[route].error(np.finfo(float).eps))
        print(f"{quantity:<10}{route:<28}{proof.radius:14.0e}{proof.digits:8.1f}{expected:10.1f}")

# Along one line, Taylor series give all derivatives at once, with proven radii.
series = ref.taylor(objective, theta, v / np.sqrt(v @ v), order=4)
print("\nL(theta + t v/|v|) = " + " + ".join(
    f"({c:.10f}) t^{k}" for k, c in enumerate(series.coefficients)) + " + ...")
print(f"every coefficient is proven to {series.radii.max():.0e}")

if len(sys.argv) > 1:
    from reference import plotting
    steps = np.logspace(0, -18, 73)
    axes = plotting.step_sizes(steps, step_size_errors(objective, theta, v, steps))
    axes.figure.savefig(sys.argv[1], dpi=150)
