"""What the papers say of their optimisers, and whether the runs show it: by rule, not by eye.

    better      confirmed if the median is lower and the ranges over the seeds do not overlap
    as good     confirmed if the median is within the rival's range or below it

Otherwise it is not confirmed; not testable here without runs of both.  Each claim is told in our
words, of what was read of its paper: abstracts alone of [SSZ20; ZXB17; CCC18], of [WLX13] the
title.
"""

from dataclasses import dataclass

from .measured import after_epochs, after_seconds, common_epochs, pace, spread, trained

HOW = {                                 # name -> number(run, what), of which lower is better
    "epochs": after_epochs,
    "seconds": after_seconds,
    "seconds per epoch": pace,
}
NOT_TESTABLE = "not testable here"
AUTOENCODERS = ("mnist-autoencoder", "curves-autoencoder", "faces-autoencoder")
ZXB17 = ("mnist-autoencoder", "sequential-mnist", "cifar-resnet", "mnist-resnet")
FIRST_ORDER = ("simple-kfac", "adam-momentum", "rmsprop-momentum")


@dataclass(frozen=True)
class Claim:
    """`optimizer` is better than its rivals, or as good, on these tasks by this measure.

    what : "training" or "test", the loss
    how : of HOW
    why : why it is not testable, where no run could show it
    """

    source: str
    text: str
    optimizer: str = ""
    rivals: tuple = ()
    tasks: tuple = ()
    what: str = "training"
    how: str = "epochs"
    relation: str = "better"
    why: str = ""


@dataclass(frozen=True)
class Finding:
    """The verdict on one rival on one task, with both numbers or the reason."""

    claim: Claim
    task: str
    rival: str
    verdict: str
    told: str


def _grb20(name, title):
    for how in ("epochs", "seconds"):
        yield Claim("GRB20", f"{title} does better than K-FAC, Adam and RMSprop or as well, in "
                    f"{how}", name, FIRST_ORDER, AUTOENCODERS, "training", how, "as good")


CLAIMS = (
    Claim("SSZ20", "Newton-Krylov often converges one order faster", why="an order is that of "
          "the gradient near a minimum, in more digits than these runs have; fitted in longdouble, "
          "it is above 1.9, and below 1.3 without the rule for the tolerance "
          "(`tests/optim/test_newton_krylov.py`)"),
    Claim("ZXB17", "Block-diagonal Hessian-free optimisation converges better than Hessian-free "
          "on the same batches and curvature batches", "block-hessian-free",
          ("hessian-free-batches",), ZXB17),
    Claim("ZXB17", "... and than Adam, in as many updates", "block-hessian-free", ("adam",), ZXB17),
    Claim("ZXB17", "... and generalises better than both", "block-hessian-free",
          ("hessian-free-batches", "adam"), ZXB17, "test"),
    *_grb20("kbfgs", "K-BFGS"), *_grb20("kbfgs-l", "K-BFGS(L)"),
    Claim("GRB20", "K-BFGS(L) does as well as K-BFGS", "kbfgs-l", ("kbfgs",), AUTOENCODERS,
          relation="as good"),
    Claim("MG15", "K-FAC is faster than SGD with momentum, in updates", "kfac", ("sgd",),
          AUTOENCODERS),
    Claim("MG15", "... and in time", "kfac", ("sgd",), AUTOENCODERS, how="seconds"),
    Claim("CCC18", "EA-CG with positive curvature converges faster than SGD, in epochs", "ea-cg",
          ("sgd",), ("mnist-classifier", "fashion-classifier")),
    Claim("CCC18", "... and in time", "ea-cg", ("sgd",),
          ("mnist-classifier", "fashion-classifier"), how="seconds"),
    Claim("Kir13", "Stochastic Hessian-free optimisation, not tuned, is as good as SGD with "
          "momentum for dropout", "stochastic-hessian-free", ("sgd",), ("mnist-dropout",), "test",
          relation="as good"),
    Claim("Mar10", "Hessian-free optimisation trains deep autoencoders where first-order methods "
          "stall (Adam is younger than the claim)", "hessian-free", ("sgd", "adam"), AUTOENCODERS,
          how="seconds"),
    Claim("CS99", "A sweep by blocks is cheaper than a step of Levenberg and Marquardt",
          "block-levenberg-marquardt", ("levenberg-marquardt",), ("chaotic-series",),
          how="seconds per epoch"),
    Claim("CS99", "... and does not generalise worse", "block-levenberg-marquardt",
          ("levenberg-marquardt",), ("chaotic-series",), "test", "seconds", "as good"),
    Claim("CS99", "Asynchronous blocks do better than synchronous ones, per sweep",
          "block-levenberg-marquardt", ("block-lm-synchronous",), ("chaotic-series",)),
    Claim("WLX13", "Hessian-free optimisation trains classifiers by cross-entropy as well as SGD",
          "hessian-free", ("sgd",), ("mnist-classifier",), how="seconds", relation="as good"),
)


def findings(found, missing):
    """A Finding for every claim, task and rival.

    Parameters
    ----------
    found : dict
        Of measured.gathered.
    missing : collection of str
        Tasks whose files are not there.
    """
    for claim in CLAIMS:
        if claim.why:
            yield Finding(claim, "", "", NOT_TESTABLE, claim.why)
        for task in claim.tasks:
            for rival in claim.rivals:
                why = _untestable(claim, task, rival, found.get(task, {}), missing)
                yield (Finding(claim, task, rival, NOT_TESTABLE, why) if why else
                       judged(claim, task, rival, found[task]))


def _untestable(claim, task, rival, runs, missing):
    """Why there are no two numbers, "" if there are."""
    if task in missing:
        return "its files are not there"
    for name in (claim.optimizer, rival):
        if name not in runs:
            return f"`{name}` not run"
        if not trained(runs[name]):
            return f"`{name}` {runs[name][0].end['status']}"
    return ""


def judged(claim, task, rival, runs):
    """The Finding of two medians and two ranges."""
    number, after = _number(claim, [*runs[claim.optimizer], *runs[rival]])
    ours, theirs = (spread([number(run, claim.what) for run in runs[name]])
                    for name in (claim.optimizer, rival))
    told = f"{ours}; `{rival}` {theirs}{after}"
    if ours.median != ours.median or theirs.median != theirs.median:
        return Finding(claim, task, rival, NOT_TESTABLE,
                       f"`{claim.optimizer}` {told}: a seed did not come so far")
    held = (ours.median < theirs.median and ours.high < theirs.low
            if claim.relation == "better" else ours.median <= theirs.high)
    held = held and ours.median < float("inf")
    return Finding(claim, task, rival, "confirmed" if held else "not confirmed", told)


def _number(claim, runs):
    """HOW of the claim, and a clause: where all E epochs were not reached, as many as all have."""
    epochs = common_epochs(runs)
    if claim.how != "epochs" or epochs in (0, runs[0].job.epochs):
        return HOW[claim.how], ""
    return (lambda run, what: after_epochs(run, what, epochs)), f", after {epochs}"
