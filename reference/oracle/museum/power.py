"""How often a fault in one gradient is missed by the rule |theirs - ours| <= bounds alone.

Theirs is the gradient of a random network, in another order of its sums or in float32.  Parameters
are drawn for every trial, of large networks for every tenth; the entry that is spoiled for every
one.  A fault in one entry counts as missed if that entry is within its bound, whatever the others
are; a wrong scale, one trial for each gradient, if all entries are.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from ...network.affine import Dense
from ...network.elementwise import Elementwise
from ..judge.tolerance import SAMPLES, bound, rounded
from .points import posed

FAULTS = ("one entry +1 %", "one entry +10 %", "one entry zeroed", "two entries swapped",
          "global scale 0.1 %")
ALARM = "no fault: false alarms"
DTYPES = "float64", "float32"
WIDTHS = {100: (4, 10, 5), 10000: (49, 100, 50)}   # D, hidden, C
ROWS = {100: 1000, 10000: 20}                      # parameter vectors at once
ENTRIES = {100: 1, 10000: 10}                      # trials with each
SURE = 0.95


@dataclass(frozen=True)
class Power:
    """Of so many trials so many were missed.

    nearest : float
        The least number of bounds that a fault was from ours: 1 or less is a miss.
    """

    fault: str
    size: int
    dtype: str
    missed: int
    trials: int
    nearest: float

    @property
    def most(self):
        """The exact (Clopper-Pearson) 95 % upper limit of the chance to be missed."""
        return 1.0 if self.missed == self.trials else float(
            betaincinv(self.missed + 1, self.trials - self.missed, SURE))


def powers(trials=30000, seed=0, sizes=tuple(WIDTHS), dtypes=DTYPES):
    """[Power, ...] of every fault, number of entries and precision; last the false alarms."""
    return [one for size in sizes for dtype in dtypes
            for one in _powers(trials, seed, size, dtype)]


def _powers(trials, seed, size, dtype):
    rng, found = np.random.default_rng([seed, size]), {name: [] for name in (*FAULTS, ALARM)}
    count = trials // ENTRIES[size]
    for start in range(0, count, ROWS[size]):
        arrays = gradients(rng, size, dtype, min(ROWS[size], count - start))
        for _ in range(ENTRIES[size]):
            for fault, beyond in one_entry(rng, *arrays).items():
                found[fault].append(beyond)
        for fault, factor in ((FAULTS[4], 1.001), (ALARM, 1)):
            found[fault].append((np.abs(factor * arrays[1] - arrays[0]) / arrays[2]).max(1))
    told = {fault: np.concatenate(each) for fault, each in found.items()}
    return [Power(fault, size, dtype, int(((each > 1) if fault == ALARM else (each <= 1)).sum()),
                  each.size, float(each.max() if fault == ALARM else each.min()))
            for fault, each in told.items()]


def gradients(rng, size, dtype, rows):
    """Ours, theirs and the bounds (rows, n) at random parameters and data."""
    D, H, C = WIDTHS[size]
    objective, _ = posed((Dense(D, H), Elementwise("Tanh"), Dense(H, C, bias=False)),
                         rng.standard_normal((11, D)), C, seed=int(rng.integers(2 ** 31)))
    theta = rng.standard_normal((rows, size)) / np.sqrt(np.repeat([D, H], size // 2))
    eps, moved = float(np.finfo(dtype).eps), []
    ours = objective.grad(theta)
    for _ in range(SAMPLES):
        near, at = rounded((objective, theta), eps, rng)
        moved.append(near.grad(at))
    moved.append(ours + _inside(objective, theta, eps))
    theirs = objective.batch(rng.permutation(11)).to(dtype).grad(theta.astype(dtype))
    bounds = [bound(g, [each[k] for each in moved], eps) for k, g in enumerate(ours)]
    return ours, theirs.astype(float), np.array(bounds)


def _inside(objective, theta, eps):
    """What roundings within the gradient move, as `tolerance.within` has it."""
    single, low = objective.to("float32"), theta.astype("float32")
    off = single.grad(low) - single.to("float64").grad(low.astype(float))
    return off * (eps / np.finfo("float32").eps)


def one_entry(rng, ours, theirs, bounds):
    """{fault: how many bounds it is from ours (rows,)}, at one random entry of each row, or two."""
    rows, n = ours.shape
    i, k = rng.integers(n, size=rows), np.arange(rows)
    j = (i + rng.integers(1, n, size=rows)) % n
    a, b = theirs[k, i], theirs[k, j]

    def beyond(value, at):
        return np.abs(value - ours[k, at]) / bounds[k, at]
    return {FAULTS[0]: beyond(1.01 * a, i), FAULTS[1]: beyond(1.1 * a, i),
            FAULTS[2]: beyond(0 * a, i),
            FAULTS[3]: np.maximum(beyond(b, i), beyond(a, j))}
