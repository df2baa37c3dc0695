"""Is theirs a Monte-Carlo estimate of the exact answer?  By the spread of draws of our own.

    D = theirs - exact,     D_k = draw_k - exact,     M = mean |D_k|^2/|D|^2

is the number of samples that theirs would be the mean of.  It is believed where D is as other
draws' D_k are: as much of it lies in the span of some of them, as many entries differ, and its part
along the exact answer is within LARGEST standard errors; that part is the z-score that is told.
A Fisher matrix often tells the labels themselves: then they must be whole numbers of draws, and as
likely as the model's are.
"""

import numpy as np

from ...curvature import gauss_newton as gn
from ...curvature.operator import dense
from ...derivatives.jacobian import jacobian
from ...network.losses import CrossEntropy, softmax
from .explanation import Explanation
from .factors import Factor
from .hypotheses import NOISE
from .noise_kronecker import SUBJECTS as KRONECKER
from .noise_kronecker import factors_drawn, is_spread
from .retold import FISHERS, GAUSS_NEWTONS, as_subject
from .subjects import SUBJECTS

DRAWS = 96                                         # of which the last HELD are compared with
HELD = 16
LARGEST = 4.0                                      # z-scores beyond are no chance
MOST = 1e5                                         # samples: nearer than that is no estimate
FARTHER, ROUNDED = 1.5, 1e-6                       # from the span of draws, than held ones are
WHOLE = 300                                        # samples of a label that are looked for
UNKNOWNS = 2e7                                     # entries of a system that is solved for labels
FEWEST = 3                                         # entries: fewer are near some draw
SPREAD = 12                                        # |D|^2 of a single draw varies by less


def estimate(case):
    """The Explanation "it is a Monte-Carlo estimate", or None."""
    exact, draws = _labels(case) or _probes(case) or factors_drawn(case) or (None, None)
    if exact is None or [a.shape for a in exact] != [t.shape for t in case.theirs]:
        return None
    exact, theirs = _flat(exact), _flat(case.theirs)
    if exact.size < FEWEST:
        return None
    D, own = theirs - exact, np.stack([_flat(draw) for draw in draws]) - exact
    M = np.square(own).sum(1).mean() / max(D @ D, np.finfo(float).tiny)
    kronecker = case.subject.name in KRONECKER
    if not (1 / SPREAD < M < MOST and is_everywhere(D, own) and is_like(D, own)
            and is_everywhere(theirs - _flat(case.ours), own)      # of a draw, that of our seed
            and (is_spread(D, own) if kronecker else of_labels(case, theirs))):
        return None
    along = own @ exact
    z = float(D @ exact / np.sqrt(np.square(along).mean() / M))
    if abs(z) > LARGEST:
        return None
    size, samples = np.linalg.norm(D) / np.linalg.norm(theirs), max(1, round(M))
    what = "G" if kronecker else "it"
    return Explanation(
        "Monte Carlo", "as it is", NOISE, {"": Factor(1.0)}, float(size), 2.0,
        f"{what} is a Monte-Carlo estimate, as of about {samples} sample{'s' * (samples > 1)} of "
        f"each example or vector: within z = {abs(z):.1f} of the exact one",
        'Average over more samples; or take noise for agreement, by allow=("noise",).')


def is_everywhere(D, own):
    """Whether D is off wherever draws are: in more than half of these entries."""
    spread = np.sqrt(np.square(own).mean(0))
    moved = spread > 1e-9 * spread.max(initial=0)
    typical = spread[moved] * np.linalg.norm(D) / max(np.linalg.norm(spread), np.finfo(float).tiny)
    return bool(np.mean(np.abs(D[moved]) > 0.01 * typical) > 0.5)


def is_like(D, own):
    """Whether D could be one more of the differences `own`, whatever its length."""
    _, sizes, basis = np.linalg.svd(own[:-HELD], full_matrices=False)
    basis = basis[sizes > 1e-9 * sizes[0]]
    held = own[-HELD:]

    def outside(d):
        return np.linalg.norm(d - basis.T @ (basis @ d)) / np.linalg.norm(d)

    def moved(d):
        """About how many entries carry d."""
        return np.square(d).sum() ** 2 / (d ** 4).sum()
    return (outside(D) <= FARTHER * max(map(outside, held)) + ROUNDED
            and moved(D) > 0.25 * min(map(moved, held)))


def of_labels(case, theirs):
    """Whether theirs = sum_nc w_nc g_nc g_nc^T/R with w_nc the share of label c among m draws.

    g_nc = J_n^T (p_n - e_c).  True, too, where theirs does not determine w.
    """
    objective = case.objective
    if case.subject.name == "hessian_diagonal" or objective.loss != CrossEntropy() \
            or len(objective.output_shape) != 2:
        return True
    p, J = softmax(objective.outputs(case.theta))[0], jacobian(objective, case.theta)
    g = np.einsum("ncd,ndi->nci", p[:, None] - np.eye(p.shape[1]), J)
    if p.size * theirs.size > UNKNOWNS:
        return True
    weights = objective.weighted(np.ones(objective.N))
    g = g * np.sqrt(weights)[:, None, None]
    columns = np.stack([_flat(as_subject(case, np.outer(row, row)))
                        for row in g.reshape(-1, g.shape[-1])], 1)
    w, _, rank, _ = np.linalg.lstsq(columns, theirs, rcond=1e-9)
    return rank < w.size or (np.linalg.norm(columns @ w - theirs)
                             <= case.closeness * np.linalg.norm(theirs)
                             and are_drawn(w.reshape(p.shape), p))


def are_drawn(w, p):
    """Whether w (N, C) are shares of labels among m draws from p, for an m."""
    m = next((m for m in range(1, WHOLE) if np.abs(m * w - np.round(m * w)).max() < 0.01), None)
    if m is None or w.min() < -0.01:
        return False
    log_p = np.log(np.maximum(p, np.finfo(float).tiny))
    centred = log_p - np.sum(p * log_p, 1, keepdims=True)
    return bool(abs(np.sum(w * centred)) <= LARGEST * np.sqrt(np.sum(p * centred ** 2) / m))


def _labels(case):
    """(exact, draws) of Fisher matrices, and of Gauss-Newton where it is one."""
    name, loss = case.subject.name, case.objective.loss
    fisher = name in FISHERS and name != "fisher_empirical"
    same = loss.line.fisher is None and loss.line.sample is not None
    if not (fisher or (name in GAUSS_NEWTONS and same)):
        return None
    rng = np.random.default_rng(0)

    def form(*how):
        return as_subject(case, dense(gn.fisher(case.objective, case.theta, *how)))
    return form("type-2"), [form("mc", rng) for _ in range(DRAWS)]


def _probes(case):
    """(exact, draws) of the diagonal of a matrix by v * (H v), v of random signs."""
    if case.subject.name != "hessian_diagonal":
        return None
    H = SUBJECTS["hessian"].pieces(case.objective, case.theta)[0].array
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (DRAWS, len(H)))
    return [np.diagonal(H)], [[v * (H @ v)] for v in signs]


def _flat(arrays):
    return np.concatenate([np.ravel(a) for a in arrays])
