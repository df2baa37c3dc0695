"""K-BFGS as published diverges from some starts: at which step, why, and what holds it.

    python examples/studies/when_kbfgs_diverges.py                  a small autoencoder, in seconds
    python examples/studies/when_kbfgs_diverges.py D/mnist k.png    MNIST as published, half an hour
"""

import sys
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import reference as ref

PUBLISHED = {"length": 0.3, "damping": 0.3}            # and weight decay 1e-5, of [GRB20]'s code
ITS_LOSS = 169.0, 109.6, 85.2, 73.8, 68.0              # what that code prints after each epoch
task, setting = ref.problems.task("mnist-autoencoder", "tiny"), {"length": 1.0, "damping": 0.1}
epochs, seeds = 25, range(6)
if len(sys.argv) > 1:
    task = ref.problems.task("mnist-autoencoder", "paper", sys.argv[1], "float32")
    task = replace(task, train=replace(task.train, l2=1e-5), test=replace(task.test, l2=1e-5))
    setting, epochs, seeds = PUBLISHED, 5, range(5)


@dataclass
class Watch:
    """All laws of the first 100 steps; and how far each went that raised its batch's loss."""

    seed: int
    laws: ref.Invariants
    theta: np.ndarray
    raised: list
    start: float = 0.0

    def __call__(self, k, theta, info):
        found = self.laws.check(k + 1, theta=theta, **info) if k < 100 else ()
        if any(law.law == "rise" for law in found):
            epoch, place = divmod(k, task.train.N // task.batch)         # as ref.train draws them
            order = np.random.default_rng([self.seed, 1, epoch + 1]).permutation(task.train.N)
            batch = task.train.batch(order[place * task.batch:][:task.batch])
            d, G = info["direction"], ref.gauss_newton(batch, self.theta)
            with np.errstate(all="ignore"):
                best = -info["slope"] / (d @ (G @ d))
            self.raised.append((k + 1, info["loss"], info["loss_after"], info["length"] / best))
        self.theta, self.start = theta, self.start if k else info["loss"]


def trained(seed, safeguard):
    """The Watch of a run, and the training losses by epoch, none if it diverged."""
    theta = task.initial(np.random.default_rng(seed))
    optimizer = ref.KBFGS(**setting, safeguard=safeguard)
    watch = Watch(seed, ref.invariants(optimizer, theta, also=("rise",)), theta, [])
    try:
        _, log = ref.train(task, optimizer, epochs=epochs, seed=seed, watch=watch)
        return watch, [row[3] for row in log.epochs]
    except ArithmeticError:
        return watch, []

runs, fatal = {}, {}                                   # the last rise from below the first loss
for safeguard, seed in product((None, 0.0), seeds):
    watch, losses = runs[safeguard, seed] = trained(seed, safeguard)
    print(f"safeguard {safeguard}, seed {seed}:", *[f"{loss:.2f}" for loss in losses[-5:]])
    if not losses:
        fatal[seed] = [rise for rise in watch.raised if rise[1] < watch.start][-1]
        others = [law.text for law in watch.laws.violations if law.law != "rise"]
        print("    diverged: step {} raised its batch's loss from {:.1f} to {:.4g}; it was {:.1f} x"
              "\n    the length that minimises the Gauss-Newton model".format(*fatal[seed]),
              f"\n    first other law: {others[0] if others else 'none broke'}", flush=True)
assert fatal and all(far > 2 for *_, far in fatal.values()), "beyond 2 the model itself rises"
assert all(runs[0.0, seed][1] for seed in seeds), "the safeguard holds every one"

if len(sys.argv) > 2:
    from matplotlib.figure import Figure
    axes = (figure := Figure(figsize=(7, 5), layout="constrained")).subplots()
    axes.plot(range(1, 6), ITS_LOSS, "k--", marker="s", label="the authors' code")
    for (safeguard, seed), (_, losses) in (one for one in runs.items() if one[1][1]):
        axes.plot(range(1, len(losses)), losses[1:], f"C{seed}.{'-' if safeguard == 0 else ':'}",
                  label=f"seed {seed}, safeguard {safeguard}")
    axes.legend(title=f"as published, seeds {sorted(fatal)} diverge in the first epoch")
    axes.set(xlabel="epochs", xticks=range(1, 6), ylabel="training loss [nats per image]")
    figure.savefig(sys.argv[2], dpi=90)
