"""The family of curvature matrices of one network, side by side: entries, eigenvalues, residuals.

    python examples/06_the_family_of_matrices.py             how far each is from H and from G
    python examples/06_the_family_of_matrices.py family.png  and all of them as a picture
"""

import sys

import numpy as np
from scipy.linalg import block_diag

import reference as ref

rng = np.random.default_rng(0)
pixels, labels = ref.problems.digits(200)
x = pixels.reshape(200, 4, 2, 4, 2).mean((2, 4)).reshape(200, 16)        # 4 x 4 pixels
net = ref.Sequential(ref.Dense(16, 4), ref.Tanh(), ref.Dense(4, 3), ref.Tanh(), ref.Dense(3, 10))
objective, theta = ref.Objective(net, ref.CrossEntropy(), x, labels), net.initial(rng)
for _ in range(50):                                          # a little way down from the start
    theta = theta - 0.5 * objective.grad(theta)

H, G = ref.hessian(objective, theta), ref.gauss_newton(objective, theta)
exact = ref.blocks(G, net.layout)
nearest = [ref.nearest_kron(B, shape)[0] for B, shape in zip(exact, net.layout.shapes)]
products = {"K-FAC": ref.kfac(objective, theta), "EKFAC": ref.ekfac(objective, theta),
            "nearest products": nearest}
family = {"Hessian H": ref.dense(H), "Gauss-Newton G": ref.dense(G),
          "positive curvature": ref.dense(ref.positive_curvature(objective, theta))}
family |= {name: block_diag(*[K.dense() for K in Ks]) for name, Ks in products.items()}


def distance(M, B):
    """|M - B|/|B| in Frobenius norm."""
    return np.linalg.norm(M - B) / np.linalg.norm(B)


print(f"P = {theta.size}, N = {objective.N}, L = {objective.value(theta):.4f}\n")
print(f"{'':<20}{'from H':>8}{'from G':>8}{'negative':>10}{'zero':>6}{'positive':>10}{'trace':>9}")
for name, M in family.items():
    from_H, from_G = (distance(M, family[of]) for of in ("Hessian H", "Gauss-Newton G"))
    signs = ref.inertia(M)
    print(f"{name:<20}{from_H:8.3f}{from_G:8.3f}{signs.negative:10}{signs.zero:6}"
          f"{signs.positive:10}{np.trace(M):9.3f}")

residuals = {name: [distance(K.dense(), B) for K, B in zip(Ks, exact)]
             for name, Ks in products.items()}
print("\nrelative distance from the blocks of G")
for name, values in residuals.items():
    print(f"{name:<20}" + "".join(f"{r:8.3f}" for r in values))
assert all(r <= k for name in ("EKFAC", "nearest products")
           for r, k in zip(residuals[name], residuals["K-FAC"])), "theorems, not luck"

print("\nby products with random vectors alone")
down = ref.negative_curvature(H, rng, objective.grad(theta))
print(f"most negative curvature of H {down.curvature:.6f}, residual {down.residual:.0e}")
spectral = ref.spectral_density(H, rng, probes=20, steps=40)
for what, found in {"tr H, quadrature": spectral.sum(lambda value: value),
                    "tr H, xtrace": ref.trace(H, 100, rng)}.items():
    print(f"{what:<20}{found.value:8.3f} +- {found.standard_error:.3f}, {found.products} products")

if len(sys.argv) > 1:
    from matplotlib.figure import Figure
    from reference import plotting
    figure = Figure(figsize=(10, 13), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1))
    plotting.heat_maps(family, net.layout, above.subplots(2, 3))
    axes, values = below.subplots(2, 2), {name: ref.eigenvalues(M) for name, M in family.items()}
    plotting.spectrum(values, axes[0])
    plotting.density(spectral, values["Hessian H"], 0.03, axes[1, 0]).set_title(
        "spectral density of H")
    plotting.kron_residuals(residuals, axes[1, 1])
    figure.supxlabel(
        "H alone has negative eigenvalues.  K-FAC, EKFAC and the nearest products have no blocks "
        "between layers;\nof those within layers, EKFAC's and the nearest products are never "
        "farther from G's than K-FAC's.", fontsize=10)
    figure.savefig(sys.argv[1], dpi=90)
