"""EA-CG: per layer, conjugate gradients on averaged positive curvature [CCC18].

    [(1 - a) C_l (x) A_l + a I] d_l = -g_l,      theta <- theta + t d

C_l is the mean curvature by the pre-activation and A_l = E[p p^T] (`bda_pch`): the *expectation
approximation* makes the block a Kronecker product, of which V -> C V A^T alone is taken.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays.krylov import cg
from ..curvature.averaged import INPUTS, SLOPES, bda_pch
from ..curvature.bends import PHI
from .refusals import require_fraction, require_one_of, require_positive, require_whole


@dataclass(frozen=True)
class EACG:
    """theta <- theta + t d, [(1 - a) C_l (x) A_l + a I] d_l = -g_l by CG from 0 [CCC18].

    Differs from the paper:
    1. the bias is a column of W, in one block with it, where the paper solves for it apart, by C;
    2. weight decay, if the objective has any, adds its l2 I to C (x) A.

    Parameters
    ----------
    length : float
        t > 0.
    mixing : float
        0 < a < 1: how much of the matrix is the identity.
    tolerance : float
        CG stops at |r| <= tolerance |g_l|, 0 < tolerance < 1: at 1 it would not begin.
    maxiter : int
        Products per layer and step at most.
    phi, slopes, inputs : str
        As `bda_pch` takes them.  With phi = "identity" a block may be indefinite: CG then ends
        where it meets negative curvature, with what it has, which is 0 if it is met at once.

    Notes
    -----
    For chains of Dense and elementwise layers.  info["blocks"] has per matrix the CG's Solution,
    info["factors"] the Kronecker factors.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of range, or a name unknown; from `step`, for other networks,
        naming the layer, and for matrices that layers share.
    """

    length: float = 0.1
    mixing: float = 0.02
    tolerance: float = 0.1
    maxiter: int = 50
    phi: str = "abs"
    slopes: str = "mean"
    inputs: str = "second moment"

    State = int

    def __post_init__(self):
        require_positive(self, "length", "mixing", "tolerance")
        require_fraction(self, "mixing", "tolerance")
        require_whole(self, "maxiter")
        for name, choices in (("phi", PHI), ("slopes", SLOPES), ("inputs", INPUTS)):
            require_one_of(self, name, choices)

    def init(self, objective, theta):
        """The number of steps taken."""
        return 0

    def step(self, objective, theta, state):
        """theta, state, info."""
        g = objective.grad(theta)
        factors = bda_pch(objective, theta, self.phi, self.slopes, self.inputs)
        products = [self._mixed(K, objective.l2) for K in factors]
        solved = [cg(product, -g[s], tol=self.tolerance, maxiter=self.maxiter)
                  for product, s in zip(products, objective.net.layout.slices)]
        d = np.concatenate([solution.x for solution in solved])
        Bd = np.concatenate([K.matvec(solution.x) for K, solution in zip(factors, solved)])
        slope, curvature = g @ d, d @ (Bd + objective.l2 * d)
        info = {"loss": objective.value(theta), "gradient": g, "direction": d,
                "length": self.length, "damping": self.mixing, "slope": slope,
                "curvature": curvature, "model": slope + curvature / 2,
                "iterations": sum(solution.iterations for solution in solved),
                "factors": factors, "blocks": solved}
        return theta + self.length * d, state + 1, info

    def _mixed(self, K, l2):
        """v -> (1 - a) (K + l2 I) v + a v for row-major vectors."""
        a = self.mixing
        return lambda v: (1 - a) * (K.matvec(v) + l2 * v) + a * v
