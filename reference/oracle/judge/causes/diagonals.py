"""Contents: means and sums taken over the wrong axes, roots on the wrong side, differences."""

import numpy as np

from ....derivatives.jacobian import jacobian
from ....derivatives.routes import gradient, hvp
from ....network.losses import softmax
from .backwards import nearest
from ..hypotheses import ERROR, PRECISION, content
from ..retold import MATRICES, as_subject

DIAGONALS = tuple(name for name in MATRICES if name.endswith("_diagonal"))
SQUARES = tuple(name for name in MATRICES if name not in ("hessian", "hessian_blocks",
                                                          "hessian_diagonal"))

# ---- means over the wrong axes ----


def _averaged(name, says, change):
    """change(W) -> W with means in place of its entries."""
    @content(name, ERROR, says, "Average over examples alone.", DIAGONALS)
    def arrays(case):
        layout = case.objective.net.layout
        return [layout.pack([change(W) for W in layout.unpack(case.ours[0])])]


_averaged("mean over matrices", "the entries of each matrix are one: a mean over it",
          lambda W: np.full_like(W, W.mean()))
_averaged("mean over rows", "the entries of each row are one: a mean over it",
          lambda W: np.broadcast_to(W.mean(1, keepdims=True), W.shape))
_averaged("mean over columns", "the entries of each column are one: a mean over it",
          lambda W: np.broadcast_to(W.mean(0), W.shape))




@content("transposed root", ERROR, "the root B of S = B B^T is on the wrong side: it is "
         "J^T B^T B J", "Multiply J by B^T, not by B.", SQUARES)
def _turned(case):
    """B = diag(sqrt p) - p sqrt(p)^T, of which S is B B^T."""
    objective = case.objective
    if objective.loss.name != "CrossEntropy":
        return None
    J, p = jacobian(objective, case.theta), softmax(objective.outputs(case.theta))[0]
    root, C = np.sqrt(p), p.shape[-1]
    S = objective.weighted(_gram(root[..., None] * np.eye(C) - p[..., None] * root[..., None, :]),
                           2)
    rows, S = J.reshape(-1, C, J.shape[-1]), S.reshape(-1, C, C)
    return as_subject(case, np.tensordot(rows, S @ rows, ((0, 1), (0, 1))))


def _gram(B):
    return np.swapaxes(B, -1, -2) @ B


# ---- matrices that are not symmetric ----

@content("symmetric part", ERROR, "its symmetric part is ours, but it is not symmetric",
         "Look at the order of differences, or of the two derivatives: H_ij = H_ji.",
         ("hessian", "gauss_newton", "fisher_type2", "fisher_empirical"), 2.5)
def _symmetric(case):
    theirs, = case.theirs
    if theirs.shape != case.ours[0].shape or np.linalg.norm(
            theirs - theirs.T) <= case.closeness * np.linalg.norm(theirs):
        return None
    return [case.ours[0] + (theirs - theirs.T) / 2]


# ---- differences ----

LENGTHS = [10.0 ** -k for k in range(1, 10)] + [2.0 ** -k for k in range(1, 28)]


@content("one-sided difference", PRECISION, "it is a one-sided difference (f(x + h) - f(x))/h",
         "Take the derivative, central differences, or a step that suits each entry.",
         ("gradient",), 1.25)
def _one_sided(case):
    """For the h among LENGTHS, of either sign, that comes nearest; or one that is fitted."""
    if not 2 < case.theta.size <= 1000 or [t.shape for t in case.theirs] != [case.theta.shape]:
        return None
    steps, value = np.eye(case.theta.size), case.objective.value
    lengths = [s * h for h in LENGTHS for s in (1, -1)]
    bends = hvp(case.objective, case.theta, steps).diagonal()
    g = gradient(case.objective, case.theta)
    fits = sorted(lengths, key=lambda h: np.linalg.norm(case.theirs[0] - g - h / 2 * bends))[:3]
    found = [[(value(case.theta + h * steps) - value(case.theta)) / h] for h in fits]
    c = bends @ (case.theirs[0] - g) / (bends @ bends or 1)
    return nearest(case, [*found, [g + c * bends]])
