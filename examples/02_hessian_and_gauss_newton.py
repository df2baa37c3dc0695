"""Hessian, Gauss-Newton and K-FAC of a digit classifier: blocks, spectra, and what each leaves out.

    python examples/02_hessian_and_gauss_newton.py               a few numbers
    python examples/02_hessian_and_gauss_newton.py matrices.png  and the matrices as a picture
"""

import sys

import numpy as np
from scipy.linalg import block_diag

import reference as ref

objective, theta = ref.problems.ZOO["digits"](np.random.default_rng(0))
layout = objective.net.layout
H = ref.dense(ref.hessian(objective, theta))
G = ref.dense(ref.gauss_newton(objective, theta))
K = block_diag(*[k.dense() for k in ref.kfac(objective, theta)])     # G (x) A, one per layer
blocks = block_diag(*ref.blocks(ref.gauss_newton(objective, theta), layout))


def size(M):
    """Frobenius norm."""
    return np.sqrt((M * M).sum())


print(f"{objective.net}\nP = {theta.size}, N = {objective.N}")
places = ", ".join(f"{s.start}..{s.stop - 1}" for s in layout.slices)
print(f"weight matrices at {places} of theta\n")

# H = G + R with R = (1/R) sum_n sum_c (d loss_n/dz_c) d^2 z_c/dtheta^2: what bends the network.
for name, ratio, why in [
        ("|H - G| / |H|", size(H - G) / size(H), "the network's own curvature"),
        ("|G - blocks of G| / |G|", size(G - blocks) / size(G), "between the layers"),
        ("|blocks of G - K-FAC| / |blocks of G|", size(blocks - K) / size(blocks),
         "E[gg^T (x) pp^T] against E[gg^T] (x) E[pp^T]")]:
    print(f"{name:<40}{ratio:.3f}  {why}")

# The input of a bias is the constant 1, which factors out: there K-FAC is exact.
bias = [np.arange(s.stop - s.start).reshape(shape)[:, -1] + s.start
        for s, shape in zip(layout.slices, layout.shapes)]
corner = max(np.abs(K[np.ix_(b, b)] - G[np.ix_(b, b)]).max() for b in bias)
print(f"{'largest difference among biases':<40}{corner:.0e}\n")

# For one example the expectation is no average, and K-FAC is exact.
one = objective.batch(slice(0, 1))
exact = ref.blocks(ref.gauss_newton(one, theta), layout)
apart = max(np.abs(k.dense() - g).max() for k, g in zip(ref.kfac(one, theta), exact))
print(f"one example: K-FAC and the blocks of G differ by {apart:.0e}\n")

spectra = {name: np.linalg.eigvalsh(M)[::-1] for name, M in {"H": H, "G": G, "K-FAC": K}.items()}
for name, values in spectra.items():
    print(f"{name:<6} largest {values[0]:.4f}  smallest {values[-1]: .1e}  "
          f"below -1e-12: {int((values < -1e-12).sum())}")

if len(sys.argv) > 1:
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure
    figure = Figure(figsize=(10, 9.6), layout="constrained")
    axes = figure.subplots(2, 2)
    for ax, (name, M) in zip(axes.flat, {"Hessian H": H, "Gauss-Newton G": G, "K-FAC": K}.items()):
        cells = np.add.reduceat(np.add.reduceat(M * M, range(0, len(M), 5)), range(0, len(M), 5), 1)
        image = ax.imshow(np.sqrt(cells / 25) + 1e-12, norm=LogNorm(1e-5, 2e-2), cmap="magma",
                          extent=(0, len(M), len(M), 0))
        for edge in [s.start for s in layout.slices][1:]:
            ax.axhline(edge, color="cyan", lw=0.8)
            ax.axvline(edge, color="cyan", lw=0.8)
        ax.set(title=name, xlabel="entry of theta", ylabel="entry of theta")
    figure.colorbar(image, ax=axes[0], label="root mean square of 5 x 5 entries", shrink=0.8)
    for name, values in spectra.items():
        axes[1, 1].semilogy(np.arange(1, len(values) + 1), np.maximum(values, 1e-20), label=name)
    axes[1, 1].set(title="positive eigenvalues, in descending order", xlabel="rank",
                   ylabel="eigenvalue", ylim=(1e-9, 10), xlim=(0, 800))
    axes[1, 1].legend()
    figure.supxlabel("Cyan lines part the two layers (1040 and 170 parameters). K-FAC has no "
                     "blocks between layers.", fontsize=9)
    figure.savefig(sys.argv[1], dpi=110)
