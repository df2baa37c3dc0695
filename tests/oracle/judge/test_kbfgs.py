"""K-BFGS's bookkeeping in straight NumPy, right and with documented faults, which are named."""

import numpy as np
import pytest

import reference as ref

from . import plain

LAM, MU = 0.3, 0.3 ** 0.5
ALL = "dense", "two convolutions", "recurrent"


def means(name, theta):
    """Per matrix: A of the batch, pbar, sbar, gbar."""
    pairs, _, y = plain.uses_at(name, theta)
    found = []
    for (p, g), W in zip(pairs, plain.matrices(plain.problem(name)[0], theta)):
        rows = p.reshape(-1, p.shape[-1])
        own = g[y, np.arange(len(y))]
        found.append((rows.T @ rows / len(rows), rows.mean(0), W @ rows.mean(0),
                      own.sum((0, 1)) / len(y)))
    return found


def begun(name, theta):
    """A, Ha, Hg, s, y of each matrix."""
    return [(A, np.linalg.inv(A + MU * np.eye(len(A))), np.eye(len(g)), 0 * g, 0 * g)
            for A, _, _, g in means(name, theta)]


def bfgs(H, s, y, fault=""):
    rho = 1 / (s @ y)
    V = np.eye(len(s)) - rho * np.outer(s, y)
    inner = H @ H if fault == "H multiplied twice" else H
    last = 0 if fault == "rho s s^T dropped" else rho * np.outer(s, s)
    return V @ inner @ V.T + last


def damped(H, s, y, fault):
    """s and y after both dampings."""
    Hy = H @ y
    if s @ y <= 0.2 * (y @ Hy) and fault != "no Powell":
        t = 0.8 * (y @ Hy) / (y @ Hy - s @ y)
        s = t * s - (1 - t) * Hy if fault == "Powell's sign" else t * s + (1 - t) * Hy
    if fault == "y + mu s":
        return s, y + MU * s
    mu = LAM if fault == "damping without root" else MU
    if s @ y <= mu * (s @ s) and fault != "no second damping":
        t = (1 - mu) * (s @ s) / (s @ s - s @ y)
        y = t * y + (1 - t) * s
    return s, y


def advanced(old, here, there, fault="", first=False):
    """(factors, pairs, damped pairs) after one step."""
    factors, pairs, dampeds = [], [], []
    for (A, Ha, Hg, s, y), (now, pbar, sb, gb), (_, _, sb_, gb_) in zip(old, here, there):
        if not (first or fault == "A kept"):
            A = now if fault == "A not averaged" else 0.9 * A + 0.1 * now
        ds, dy = sb - sb_, gb - gb_
        if fault == "s and y exchanged":
            ds, dy = dy, ds
        if fault == "the sign of y":
            dy = -dy
        if fault == "after minus before":
            ds, dy = -ds, -dy
        if fault == "weights exchanged":
            s, y = 0.1 * s + 0.9 * ds, 0.1 * y + 0.9 * dy
        elif fault == "not averaged":
            s, y = ds, dy
        else:
            s, y = 0.9 * s + 0.1 * ds, 0.9 * y + 0.1 * dy
        sd, yd = damped(Hg, s, y, fault)
        enough = sd @ yd > max(0, 1e-4 * (sd @ sd) * np.linalg.norm(gb))
        Hg_ = bfgs(Hg, sd, yd, fault) if enough and fault != "Hg not updated" else Hg
        root = LAM if fault == "damping without root" else MU
        q = pbar if fault == "action of pbar" else Ha @ pbar
        Ha_ = bfgs(Ha, q, (A + root * np.eye(len(A))) @ q) if fault != "Ha not updated" else Ha
        factors.append((A, Ha_, Hg_, s, y))
        pairs.append((s, y))
        dampeds.append((sd, yd))
    return factors, pairs, dampeds


def case(name, seed=1):
    """The problem, theta after a step, and factors that have seen two steps before."""
    objective, theta = plain.problem(name)
    rng, old = np.random.default_rng(seed), begun(name, theta)
    at = theta
    for k in range(2):
        after = at + 0.1 * rng.standard_normal(theta.size)
        old = advanced(old, means(name, at), means(name, after))[0]
        at = after
    plus = at + 0.1 * rng.standard_normal(theta.size)
    return objective, at, plus, old


def ours(old):
    """The package's Factors."""
    return [type(ref.kbfgs_factors(*plain.problem("dense"), LAM)[0])(*each) for each in old]


def judged(name, fault, subject, quantity):
    objective, theta, plus, old = case(name)
    told = advanced(old, means(name, theta), means(name, plus), fault)
    theirs = [M for each in told[quantity] for M in (each[:3] if quantity == 0 else each)]
    return ref.check(theirs, subject, objective, theta, plus, damping=LAM, factors=ours(old))


SUBJECTS = ("kbfgs_update", 0), ("kbfgs_pairs", 1), ("kbfgs_damped_pairs", 2)


@pytest.mark.parametrize("name", ALL)
def test_right_bookkeeping_raises_no_alarm(name):
    for subject, quantity in SUBJECTS:
        assert judged(name, "", subject, quantity).verdict == "agrees"


OF_PAIRS = "s and y exchanged", "the sign of y", "weights exchanged", "not averaged"
OF_UPDATES = ("rho s s^T dropped", "H multiplied twice", "Hg not updated", "Ha not updated",
              "action of pbar")


@pytest.mark.parametrize("name", ALL[1:])
def test_faults_of_pairs_are_named(name):
    for fault in OF_PAIRS:
        found = judged(name, fault, "kbfgs_pairs", 1).explanation
        assert (found.content, found.kind) == (f"K-BFGS: {fault}", "error")
    found = judged(name, "after minus before", "kbfgs_pairs", 1).explanation
    assert (found.content, found.kind) == ("K-BFGS: after minus before", "convention")


@pytest.mark.parametrize("name", ALL[:2])
def test_faults_of_updates_are_named(name):
    for fault in (*OF_UPDATES, "A not averaged", "A kept"):
        report = judged(name, fault, "kbfgs_update", 0)
        assert (report.explanation.content, report.explanation.kind) == (f"K-BFGS: {fault}",
                                                                         "error")


@pytest.mark.parametrize("fault", ["Powell's sign", "no Powell", "no second damping", "y + mu s",
                                   "damping without root"])
def test_faults_of_dampings_are_named(fault):
    seen = set()
    for name in ALL:
        for subject, quantity in SUBJECTS[::2]:
            report = judged(name, fault, subject, quantity)
            if report.explanation is not None and not report.passed:
                seen.add((report.explanation.content, report.explanation.kind))
            assert report.passed or report.explanation is not None
    assert seen == {(f"K-BFGS: {fault}", "error")}


def lost(name, steps=4):
    """Thetas of K-BFGS whose update of Hg is lost, by an assignment to a temporary."""
    objective, theta = plain.problem(name)
    factors, out = begun(name, theta), []
    for k in range(steps):
        M = plain.matrices(objective, objective.grad(theta))
        after = theta - 0.3 * np.concatenate([(f[2] @ m @ f[1]).ravel()
                                              for f, m in zip(factors, M)])
        factors = advanced(factors, means(name, theta), means(name, after), "Hg not updated",
                           k == 0)[0]
        theta = after
        out.append(theta)
    return np.stack(out)


def test_a_lost_update_is_found_in_the_trajectory():
    objective, theta = plain.problem("dense")
    report = ref.check(lost("dense"), "trajectory", objective, theta,
                       optimizer=ref.KBFGS(momentum=0.0), steps=4)
    assert report.explanation.content == "K-BFGS step: Hg not updated"
    assert report.first_wrong.startswith("step 1, counted from 0: its direction")


def test_a_foreign_update_can_be_watched_by_its_laws():
    for fault, broken in (("", 0), ("Hg not updated", 2)):
        objective, theta, plus, old = case("dense")
        new, _, dampeds = advanced(old, means("dense", theta), means("dense", plus), fault)
        watcher = ref.Invariants(("secant",))
        watcher.check(0, factors=ours(old), factors_after=ours(new), pairs=[
            {"s": s, "y": y, "s_damped": s, "y_damped": y, "Hg_taken": True} for s, y in dampeds])
        assert len(watcher.violations) == broken


def test_a_pair_of_zeros_explains_nan():
    objective, theta = plain.problem("dense")
    report = ref.check(lambda *given: np.nan * np.ones((2, 2)), "kbfgs_update", objective, theta,
                       theta.copy())
    assert report.verdict == "unusable"
    assert "s or y of matrix 0 is zero: BFGS divides by s.y" in " ".join(report.faults)
