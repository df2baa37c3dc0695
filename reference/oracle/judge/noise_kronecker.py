"""Is theirs K-FAC from labels that were drawn?  G is then off as the mean of some draws of ours is.

    u_i = (v_i.D) |D_k|/(sigma_i |D|),    v_i, sigma_i  the principal axes and spreads of the D_k

are about as large as those of draws that were held back: an error that is no noise is too large
along axes where labels move little, or all along one.  A is no estimate, and must be ours.
"""

import numpy as np

DRAWS, HELD = 192, 48
AXES = 36                              # of the largest spreads: their sigma is known to 6 per cent
BEYOND = 1.5                           # times what held draws reach
SUBJECTS = ("kfac", "kfac_G", "kfac_blocks")


def factors_drawn(case):
    """(exact, draws) of Kronecker factors from drawn labels, or None."""
    name, loss = case.subject.name, case.objective.loss
    if name not in SUBJECTS or case.options.get("kind", "type-2") not in ("type-2", "mc") \
            or loss.line.sample is None:
        return None
    rng = np.random.default_rng(0)
    options = {"setting": case.options.get("setting", "expand")}

    def made(**kind):
        return [piece.array for piece in case.subject.pieces(*case.given, **options, **kind)]
    return made(kind="type-2"), [made(kind="mc", rng=rng) for _ in range(DRAWS)]


def is_spread(D, own):
    """Whether D is as large along each principal axis of `own` as one more of them would be."""
    made, held = own[:-HELD], own[-HELD:]
    _, sigma, axes = np.linalg.svd(made, full_matrices=False)
    kept = (sigma > 1e-9 * sigma[0]) & (np.arange(sigma.size) < AXES)
    scale, size = axes[kept] / sigma[kept, None], np.linalg.norm(made)

    def moments(d):
        u = scale @ d * (size / np.linalg.norm(d))
        return np.abs(u).max(), np.mean(u ** 2)
    largest, mean = zip(*map(moments, held))
    of_D = moments(D)
    return (of_D[0] <= BEYOND * max(largest)
            and min(mean) / BEYOND <= of_D[1] <= BEYOND * max(mean))
