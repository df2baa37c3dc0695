"""The spectrum of B as a density, from products: stochastic Lanczos quadrature [UCS17; GKX19].

For a unit vector v, Lanczos gives T (k, k) tridiagonal; with T = Y diag(theta) Y^T,

    v^T f(B) v ~ sum_j w_j f(theta_j),      w_j = Y[0, j]^2,

which is Gauss' quadrature of the spectrum as v sees it: exact for polynomials of degree 2 k - 1
[GMe10, ch. 6].  The weights are *squares*, of the *first row*; they sum to 1.  For random signs,
P E[v^T f(B) v] = tr f(B).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays.checks import is_finite, require_array, require_generator, require_whole
from ..arrays.krylov import lanczos
from ..arrays.namespace import library
from .operand import require_matrix, scaled_product
from .traces import alike, averaged, draw


@dataclass(frozen=True, eq=False)
class SpectralDensity:
    """Nodes and weights (M, k) of M probes, for eigenvalues of a matrix (P, P), P = `size`.

    A probe whose Krylov space is exhausted earlier repeats its last node with weight 0.  If the
    probes are `alike`, one vector up to sign, standard errors are infinite.
    """

    nodes: Any
    weights: Any
    size: int
    products: int
    alike: bool

    def density(self, grid, width):
        """The density at the points of `grid`: the nodes as Gaussians of standard deviation width.

        It integrates to 1; times P, it counts eigenvalues.

        Parameters
        ----------
        grid : array (n,)
            In the unit of the eigenvalues.
        width : float
            In the same.

        Returns
        -------
        array (n,)
            In one over that unit.
        """
        require_array("grid", grid)
        if not is_finite(width) or width <= 0:
            raise ValueError(f"width must be a positive number, got {width!r}.")
        found = np.zeros(grid.shape)
        for theta, w in zip(self.nodes, self.weights):           # (n, k) at a time
            distance = (grid[..., None] - theta) / width
            found += np.exp(-distance * distance / 2) @ w
        return found / (len(self.nodes) * width * np.sqrt(2 * np.pi))

    def sum(self, f):
        """tr f(B) = sum_i f(lam_i), estimated, with its standard error over the probes.

        Parameters
        ----------
        f : callable
            Of an array of eigenvalues: np.log for log det B, lambda x: x < 0 to count.

        Returns
        -------
        Estimate

        Raises
        ------
        ValueError
            If f is not finite at a node, as log where B is not positive definite.
        TypeError
            If f is not real.
        """
        with np.errstate(all="ignore"):
            values = f(self.nodes)
        values = values if hasattr(values, "dtype") else np.asarray(values)
        if values.dtype.kind not in "fiub":
            raise TypeError(f"f gives {values.dtype}; sum its real and its imaginary part, each by "
                            "an f of its own.")
        values = values.astype(float)
        if values.shape != self.nodes.shape:
            raise ValueError(f"f gives shape {values.shape} for {self.nodes.shape}; it must act "
                             "entry by entry.")
        if not np.isfinite(values).all():
            worst = self.nodes[~np.isfinite(values)][0]
            raise ValueError(f"f is not finite at the node {worst:.3e}; choose f for all of the "
                             "spectrum, or add damping to B.")
        return averaged(self.size * (self.weights * values).sum(-1), self.products,
                        self.alike)


def spectral_density(B, rng, probes=10, steps=50):
    """The spectrum of B as a density and for sums over eigenvalues, by products alone.

    Parameters
    ----------
    B : array or LinearOperator
        Symmetric (P, P), float32 or float64.
    rng : numpy.random.Generator
        Draws the signs.
    probes : int
        Random vectors, 2 or more; standard errors fall with its square root.
    steps : int
        Products for each, besides two that tell the scale and the symmetry of B; features of
        the spectrum narrower than its extent/steps are not resolved, but for the outermost.

    Returns
    -------
    SpectralDensity

    Raises
    ------
    TypeError, ValueError
        As `ref.eigenvalues`; and if rng is no generator, or a product is not finite.
    """
    require_matrix(B)
    require_generator(rng)
    require_whole("probes", probes, 2)
    require_whole("steps", steps, 1)
    return quadrature(B, draw(rng, B, probes, "rademacher"), steps)


def quadrature(B, V, steps):
    """The SpectralDensity of the probes V (P, M)."""
    mixed = V @ np.cos(library(V).arange(V.shape[1])).astype(V.dtype)  # 0 under B only if all are
    apply, e = scaled_product(B, mixed)
    rules = [_rule(lanczos(apply, v, steps)[1]) for v in V.T]
    k = max(len(theta) for theta, _ in rules)
    nodes = np.stack([np.pad(theta, (0, k - len(theta)), "edge") for theta, _ in rules])
    weights = np.stack([np.pad(w, (0, k - len(w))) for _, w in rules])
    return SpectralDensity(np.ldexp(nodes, e), weights, len(V),
                           2 + sum(len(theta) for theta, _ in rules), alike(V))


def _rule(T):
    """Nodes, and squared first components of the eigenvectors as weights."""
    theta, Y = np.linalg.eigh(T)
    return theta, Y[0] ** 2
