"""Steps and trajectories in straight NumPy: right ones agree, changed ones are named."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref

from . import plain

T, BETA = 0.1, 0.9
BATCHES = np.arange(0, 5), np.arange(5, 11), np.arange(2, 9), np.arange(1, 8)


def posed(name="dense", l2=0.0):
    objective, theta = plain.problem(name)
    return ref.Objective(objective.net, objective.loss, objective.x, objective.y, l2=l2), theta


def walked(rule, objective, theta, batches=BATCHES):
    """Thetas of rule(theta, g, memory, k) -> theta, memory over the batches."""
    memory, out = None, []
    for k, batch in enumerate(batches):
        theta, memory = rule(theta, objective.batch(batch).grad(theta), memory, k)
        out.append(theta)
    return np.stack(out)


def momentum(change):
    """theta - t * change(m, g, k), m <- beta m + g."""
    def rule(theta, g, m, k):
        m = BETA * (0 if m is None else m) + g
        return theta - T * change(m, g, k), m
    return rule


def adam(change):
    """Adam with t = 0.1, (0.9, 0.99), 1e-3: change(m, v, k) of k = 1, 2, ... is -d."""
    def rule(theta, g, memory, k):
        m, v = memory or (0, 0)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        return theta - T * change(m, v, k + 1), (m, v)
    return rule


def hat(m, beta, k):
    return m / (1 - beta ** k)


EPS = 1e-3
ADAM = ref.Adam(T, 0.9, 0.99, EPS)
SGD = ref.SGD(T, BETA)
RULES = {
    "Nesterov": (SGD, "convention", momentum(lambda m, g, k: g + BETA * m)),
    "form=average": (SGD, "convention", momentum(lambda m, g, k: (1 - BETA) * m)),
    "average, de-biased": (SGD, "convention", momentum(
        lambda m, g, k: (1 - BETA) * m / (1 - BETA ** (k + 1)))),
    "momentum one step late": (SGD, "error", momentum(lambda m, g, k: (m - g) / BETA)),
    "momentum=0.0": (SGD, "error", momentum(lambda m, g, k: g)),
    "uphill": (SGD, "error", momentum(lambda m, g, k: -m)),
    "half the step": (SGD, "convention", momentum(lambda m, g, k: m / 2)),
    "no bias correction": (ADAM, "error", adam(lambda m, v, k: m / (v ** .5 + EPS))),
    "m not de-biased": (ADAM, "error", adam(lambda m, v, k: m / (hat(v, .99, k) ** .5 + EPS))),
    "v not de-biased": (ADAM, "error", adam(lambda m, v, k: hat(m, .9, k) / (v ** .5 + EPS))),
    "placement=inside": (ADAM, "convention", adam(
        lambda m, v, k: hat(m, .9, k) / (hat(v, .99, k) + EPS) ** .5)),
    "epsilon before correction": (ADAM, "convention", adam(                        # O03
        lambda m, v, k: hat(m, .9, k) * (1 - .99 ** k) ** .5 / (v ** .5 + EPS))),
    "root left out": (ADAM, "error", adam(
        lambda m, v, k: hat(m, .9, k) / (hat(v, .99, k) + EPS))),
    "steps counted from 0": (ADAM, "error", adam(
        lambda m, v, k: hat(m, .9, k + 1) / (hat(v, .99, k + 1) ** .5 + EPS))),
}


@pytest.mark.parametrize("optimizer, rule", [
    (SGD, momentum(lambda m, g, k: m)),
    (ADAM, adam(lambda m, v, k: hat(m, .9, k) / (hat(v, .99, k) ** .5 + EPS)))])
@pytest.mark.parametrize("name", ["dense", "two convolutions", "recurrent"])
def test_right_trajectories_raise_no_alarm(name, optimizer, rule):
    objective, theta = posed(name)
    theirs = walked(rule, objective, theta)
    report = ref.check(theirs, "trajectory", objective, theta, optimizer=optimizer, batches=BATCHES)
    assert report.verdict == "agrees"
    report = ref.check(theirs[0], "step", objective.batch(BATCHES[0]), theta, optimizer=optimizer)
    assert report.verdict == "agrees"


@pytest.mark.parametrize("fault", RULES)
def test_rules_are_named(fault):
    optimizer, kind, rule = RULES[fault]
    objective, theta = posed()
    report = ref.check(walked(rule, objective, theta), "trajectory", objective, theta,
                       optimizer=optimizer, batches=BATCHES)
    assert (report.explanation.content, report.explanation.kind) == (fault, kind)
    late = fault in ("momentum=0.0", "average, de-biased")     # whose first step is ours
    assert report.first_wrong.startswith("step 1" if late else "step 0")


def test_weight_decay_is_told_apart():
    l2, (objective, theta) = 0.05, posed(l2=0.05)
    bare = posed()[0]
    weights = np.ones(theta.size)
    for name, entries in objective.net.entries().items():
        weights[entries] = "weight" in name
    for content, kind, rule in (
            ("no weight decay", "error", lambda th, g: th - T * g),
            ("decoupled weight decay", "convention", lambda th, g: th - T * l2 * th - T * g),
            ("weight decay doubled", "error", lambda th, g: th - T * (g + 2 * l2 * th)),
            ("weights decay, biases do not", "convention",
             lambda th, g: th - T * (g + l2 * weights * th))):
        optimizer = ref.SGD(T)
        if content == "decoupled weight decay":
            optimizer = ref.RMSprop(T, 0.9, EPS)
            theirs = walked(lambda th, g, v, k: (lambda v: (
                th - T * l2 * th - T * g / (v ** .5 + EPS), v))(
                    0.9 * (0 if v is None else v) + 0.1 * g * g), bare, theta)
        else:
            theirs = walked(lambda th, g, m, k, rule=rule: (rule(th, g), m), bare, theta)
        found = ref.check(theirs, "trajectory", objective, theta, optimizer=optimizer,
                          batches=BATCHES).explanation
        assert (found.content, found.kind) == (content, kind)


def test_batches_and_gradients_of_others():
    objective, theta = posed()
    plainly = lambda th, g, m, k: (th - T * g, m)                          # noqa: E731
    for content, batches in (("batches one late", (BATCHES[0], *BATCHES[:-1])),
                             ("batches one early", (*BATCHES[1:], BATCHES[-1])),
                             ("batches reversed", BATCHES[::-1]),
                             ("the first batch always", BATCHES[:1] * 4)):
        report = ref.check(walked(plainly, objective, theta, batches), "trajectory", objective,
                           theta, optimizer=ref.SGD(T), batches=BATCHES)
        assert report.explanation.content == content
    steep = 5 * theta                              # where |g| > 1 on every batch
    for bound, content in ((1, "gradient clipped to 1"), (0.9, None)):
        clipped = walked(lambda th, g, m, k, bound=bound: (
            th - T * bound * g / max(bound, np.linalg.norm(g)), m), objective, steep)
        report = ref.check(clipped, "trajectory", objective, steep, optimizer=ref.SGD(T),
                           batches=BATCHES)
        assert report.verdict != "agrees"
        assert getattr(report.explanation, "content", None) == content


def test_a_single_step_is_a_multiple_of_ours():
    objective, theta = posed()
    g, N = objective.grad(theta), objective.N
    for step, content in ((T * g * N, "gradients summed"), (-T * g, "uphill"), (g, "ours")):
        found = ref.check(theta - step, "step", objective, theta, optimizer=ref.SGD(T))
        assert found.explanation.content == content
    assert found.explanation.text == "ours x 1/length"
    found = ref.check(theta - 0.3 * g, "step", objective, theta, optimizer=ref.KBFGS())
    assert found.explanation.content == "not preconditioned: the gradient"


# ---- K-FAC ----

def simple_kfac(name, inverse, steps=3, beta=0.9, lam=0.2):
    """The baseline of K-BFGS's code with exact labels; inverse(G, A, G_past, A_past, lam)."""
    objective, theta = posed(name)
    past = plain.moments(name)
    m, out = 0, []
    for _ in range(steps):
        pairs, prob, _ = plain.uses_at(name, theta)
        now = []
        for (p, g), (G, A, S) in zip(pairs, past):
            now.append((0.9 * G + 0.1 * np.einsum("nc,cnso,cnsi->oi", prob, g, g) / len(p),
                        0.9 * A + 0.1 * np.einsum("nsi,nsj->ij", p, p) / (len(p) * S), S))
        m = beta * m + (1 - beta) * objective.grad(theta)
        M = plain.matrices(objective, m)
        theta = theta - 0.5 * np.concatenate([
            (lambda Hg, Ha, V=V: Hg @ V @ Ha)(*inverse(G, A, Gp, Ap, lam)).ravel()
            for V, (G, A, _), (Gp, Ap, _) in zip(M, now, past)])
        past = now
        out.append(theta)
    return np.stack(out)


def shifted(G, A, s, t):
    return np.linalg.inv(G + s * np.eye(len(G))), np.linalg.inv(A + t * np.eye(len(A)))


KFAC = ref.SimpleKFAC(length=0.5, damping=0.2, kind="type-2")
INVERSES = {
    "": lambda G, A, Gp, Ap, lam: shifted(G, A, lam ** .5, lam ** .5),
    "stale inverse": lambda G, A, Gp, Ap, lam: shifted(Gp, Ap, lam ** .5, lam ** .5),
    "step damped by 'per factor'": lambda G, A, Gp, Ap, lam: shifted(G, A, lam, lam),
    "step damped by 'pi'": lambda G, A, Gp, Ap, lam: (lambda p: shifted(
        G, A, lam ** .5 / p, lam ** .5 * p))(
            ((np.trace(A) / len(A)) / (np.trace(G) / len(G))) ** .5),
}


@pytest.mark.parametrize("name", ["dense", "two convolutions"])
def test_kfac_steps(name):
    objective, theta = posed(name)
    for content, inverse in INVERSES.items():
        report = ref.check(simple_kfac(name, inverse), "trajectory", objective, theta,
                           optimizer=KFAC, steps=3)
        if not content:
            assert report.verdict == "agrees"
        else:
            assert report.explanation.content == content
    debiased = ref.check(simple_kfac(name, INVERSES[""], beta=0.0), "trajectory", objective, theta,
                         optimizer=KFAC, steps=3)
    assert debiased.explanation.content in ("momentum=0.0", "gradient in place of m")


# ---- the rule of the damping ----

@pytest.mark.parametrize("content, rule", [
    ("", lambda lam, rho: lam * 1.5 if rho < .25 else lam / 1.5 if rho > .75 else lam),
    ("damping by 2 for 3/2", lambda lam, rho: lam * 2 if rho < .25 else lam / 2 if rho > .75
     else lam),
    ("damping never moves", lambda lam, rho: lam),
    ("damping the other way", lambda lam, rho: lam / 1.5 if rho < .25 else lam * 1.5 if rho > .75
     else lam)])
def test_rules_of_the_damping(content, rule):
    objective, theta = posed()
    optimizer = ref.HessianFree(damping=0.5)
    state, at, out = optimizer.init(objective, theta), theta, []
    for _ in range(3):
        lam = state.damping
        at, state, info = optimizer.step(objective, at, state)
        state = replace(state, damping=rule(lam, info["rho"]))
        out.append(at)
    report = ref.check(np.stack(out), "trajectory", objective, theta, optimizer=optimizer, steps=3)
    assert (report.verdict == "agrees") if not content else (
        report.explanation.content == content)


# ---- what a step tells ----

def test_rho_and_its_model_are_told_apart():
    objective, theta = posed()
    optimizer = ref.HessianFree(damping=0.5)
    _, _, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    d, lam = info["direction"], info["damping"]
    change = info["loss_after"] - info["loss"]
    quantities = "gradient", "direction", "rho"
    given = {"optimizer": optimizer, "quantities": quantities}
    right = [info[name] for name in quantities]
    assert ref.check(right, "step", objective, theta, **given).verdict == "agrees"
    for content, rho in (
            ("the model has the damping",
             change / (info["slope"] + (info["curvature"] + lam * d @ d) / 2)),
            ("the model without its half", change / (info["slope"] + info["curvature"])),
            ("rho of the slope alone", change / info["slope"]),
            ("rho upside down", 1 / info["rho"])):
        report = ref.check([*right[:2], np.array(rho)], "step", objective, theta, **given)
        assert report.explanation.content == content
        assert report.first_wrong == "step: rho"
    report = ref.check([2 * right[0], right[1], np.array(1.0)], "step", objective, theta, **given)
    assert report.first_wrong == "step: gradient"


@pytest.mark.parametrize("arguments, message", [
    ({}, "step needs optimizer="),
    ({"optimizer": ref.SGD(0.1), "quantities": ("rho",)}, "'rho' is no quantity of this step"),
    ({"optimizer": ref.SGD}, "pass one with its hyper-parameters")])
def test_what_no_step_has_is_refused(arguments, message):
    objective, theta = posed()
    with pytest.raises((TypeError, ValueError), match=message):
        ref.check(theta, "step", objective, theta, **arguments)


@pytest.mark.parametrize("optimizer", [
    ref.SGD(0.1, 0.9), ref.RMSprop(), ref.Adam(), ref.KBFGS(), ref.KBFGS(memory=3), ref.KFAC(),
    ref.SimpleKFAC(), ref.HessianFree(), ref.BlockHessianFree(), ref.StochasticHessianFree(),
    ref.NewtonKrylov(), ref.EACG(), ref.Newton(), ref.LBFGS()], ids=lambda o: type(o).__name__)
def test_every_optimiser_agrees_with_itself_and_noise_is_not_explained(optimizer):
    objective, theta = posed()
    out, at, state = [], theta, optimizer.init(objective, theta)
    for _ in range(2):
        at, state, _ = optimizer.step(objective, at, state)
        out.append(at)
    given = {"optimizer": optimizer, "steps": 2}
    assert ref.check(np.stack(out), "trajectory", objective, theta, **given).verdict == "agrees"
    noise = np.random.default_rng(0).standard_normal((2, theta.size))
    report = ref.check(np.stack(out) + 1e-3 * noise, "trajectory", objective, theta, **given)
    assert report.verdict == "differs" and report.explanation is None
