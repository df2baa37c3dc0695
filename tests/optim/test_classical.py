"""Newton steps against SciPy's solutions, L-BFGS steps against scipy.optimize's own."""

import pickle

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

import reference as ref
from reference.optim.classical import LBFGS, MODIFICATIONS, Newton, product, wolfe
from tests.curvature.brute import NETS, deep, dense
from tests.derivatives.cases import distance, wide


def whole_hessian(objective, theta):
    return ref.columns(ref.hessian(objective, theta))


# ---- Newton ----

@pytest.mark.parametrize("modification", MODIFICATIONS)
@pytest.mark.parametrize("net", NETS)
def test_on_a_definite_hessian_the_step_is_newtons(net, modification):
    objective, theta = NETS[net](l2=2.0)
    _, _, info = Newton(modification).step(objective, theta, 0)
    H = whole_hessian(objective, theta)
    d = scipy.linalg.solve(H, -objective.grad(theta), assume_a="pos")
    assert distance(info["direction"], d) < 1e-13          # a condition of about 10
    assert abs(info["model"] / (info["slope"] / 2) - 1) < 1e-13


def magnitude(H):
    """|H| = sqrt(H^2), a function of the matrix, without eigenvalues."""
    return scipy.linalg.sqrtm(H @ H).real


def at_least(H, c):
    """max(H, c I) = (H + c I + |H - c I|)/2."""
    eye = c * np.eye(len(H))
    return (H + eye + magnitude(H - eye)) / 2


def modified(H, name, floor):
    """B, by square roots of matrices."""
    c = floor * scipy.linalg.norm(H, 2)
    if name == "shift":
        return H + max(0, c - scipy.linalg.eigvalsh(H)[0]) * np.eye(len(H))
    return at_least(magnitude(H) if name == "absolute" else H, c)


@pytest.mark.parametrize("modification", MODIFICATIONS)
@pytest.mark.parametrize("net", ["recurrent", "words", "convolutional"])
def test_an_indefinite_hessian_is_made_definite_as_its_name_says(net, modification):
    objective, theta = NETS[net](l2=0.2)
    _, _, info = Newton(modification, floor=1e-2).step(objective, theta, 0)
    H = whole_hessian(objective, theta)
    assert distance(info["eigenvalues"], scipy.linalg.eigvalsh(H)) < 1e-13
    assert info["eigenvalues"][0] < 0
    B = modified(H, modification, 1e-2)
    d = scipy.linalg.solve(B, -objective.grad(theta))
    assert distance(info["direction"], d) < 1e-7           # sqrtm keeps half of the digits
    assert info["slope"] < 0 and abs(info["curvature"] / (d @ B @ d) - 1) < 1e-7
    plain = scipy.linalg.solve(H, -objective.grad(theta))
    assert distance(info["direction"], plain) > 0.01


def test_convergence_is_quadratic_and_the_loss_falls():
    objective, theta = dense(l2=0.5)
    lengths = []
    _, history = ref.run(Newton(), objective, theta, 6, watch=lambda k, theta, info:
                         lengths.append(np.linalg.norm(info["gradient"])))
    logs = np.log([size for size in lengths if 1e-12 < size < 0.1])
    assert len(logs) >= 3 and np.polyfit(logs[:-1], logs[1:], 1)[0] > 1.7     # two steps of 1.9
    assert (history["loss_after"] <= history["loss"]).all()
    for net in NETS:
        _, history = ref.run(Newton(), *NETS[net](), 5)
        assert (history["loss_after"] < history["loss"]).all()


# ---- L-BFGS ----

def scipys(objective, theta, memory, steps):
    """Iterates of SciPy's L-BFGS-B, as long as each has taken one look at the function."""
    seen, looks, counts = [], [], []

    def value(theta):
        looks.append(0)
        return objective.value(theta), objective.grad(theta)

    def after(x):
        seen.append(x.copy())
        counts.append(len(looks))
    scipy.optimize.minimize(value, theta, jac=True, method="L-BFGS-B", callback=after,
                            options={"maxcor": memory, "ftol": 0, "gtol": 0, "maxiter": steps})
    single = np.diff([1, *counts]) == 1
    return seen[:len(single) if single.all() else int(single.argmin())]


@pytest.mark.parametrize("net", NETS)
def test_the_steps_are_those_of_scipy_until_a_line_search_differs(net):
    objective, theta = NETS[net](l2=0.05)
    truth = scipys(objective, theta, 3, 25)
    assert len(truth) > 4                                  # more than the memory
    iterates = []
    ref.run(LBFGS(3), objective, theta, len(truth),
            watch=lambda k, theta, info: iterates.append(theta))
    for ours, theirs in zip(iterates, truth):
        assert distance(ours, theirs) < 1e-11              # rounding, as it grows over 25 steps
    iterates.clear()
    ref.run(LBFGS(2), objective, theta, len(truth),
            watch=lambda k, theta, info: iterates.append(theta))
    assert distance(iterates[-1], truth[-1]) > 1e-6        # one pair less is another method


def test_both_end_in_the_same_minimum():
    objective, theta = dense(l2=0.5)
    ours, history = ref.run(LBFGS(), objective, theta, 40)
    theirs = scipy.optimize.minimize(objective.value, theta, jac=objective.grad, method="L-BFGS-B",
                                     options={"ftol": 0, "gtol": 1e-10}).x
    assert distance(ours, theirs) < 1e-7 and np.abs(objective.grad(ours)).max() < 1e-8
    assert (history["loss_after"] <= history["loss"]).all()


def test_the_product_is_that_of_dense_updates_from_gamma():
    """H <- V^T H V + rho s s^T one after the other, from gamma I of the last pair."""
    objective, theta = deep(l2=0.1)
    _, history = ref.run(LBFGS(5), objective, theta, 12)
    memory = history.state
    s, y = memory.S[-1], memory.Y[-1]
    H = (s @ y) / (y @ y) * np.eye(theta.size)
    for s, y in zip(memory.S, memory.Y):
        V = np.eye(theta.size) - np.outer(y, s) / (s @ y)
        H = V.T @ H @ V + np.outer(s, s) / (s @ y)
    v = objective.grad(theta)
    assert len(memory.S) == 5 and distance(product(memory, v), H @ v) < 1e-13
    assert distance(product(memory, memory.Y[-1]), memory.S[-1]) < 1e-13       # the secant equation
    assert distance(memory @ v, H @ v) > 0.01              # gamma = 1 is another matrix


def quartic(t):
    return (t - 3) ** 4, np.array([4 * (t - 3) ** 3])


@pytest.mark.parametrize("start", [1e-3, 0.1, 1.0, 50.0])
def test_wolfes_conditions_hold_from_wherever_it_begins(start):
    loss, g = quartic(0.0)
    found = wolfe(quartic, np.array([1.0]), loss, g, start)
    assert found.accepted and found.loss <= loss + 1e-4 * found.length * g[0]
    assert found.gradient[0] >= 0.9 * g[0] and (found.loss, found.gradient) == quartic(found.length)


def test_a_point_that_is_hardly_lower_is_too_long_a_step():
    """L = (t - 1)^2/2 is lower at 1.99 than at 0, by 0.01, and not by 1.99 share = 0.02."""
    def parabola(t):
        return (t - 1) ** 2 / 2, np.array([t - 1])
    loss, g = parabola(0.0)
    assert wolfe(parabola, np.array([1.0]), loss, g, 1.99).length == 1.99
    assert wolfe(parabola, np.array([1.0]), loss, g, 1.99, share=0.01).length == 1.99 / 2


def test_a_direction_that_does_not_descend_is_not_taken():
    loss, g = quartic(0.0)
    for d in -1.0, 0.0:
        found = wolfe(quartic, np.array([d]), loss, g, 1.0)
        assert not found.accepted and found.length == 0 and found.loss == loss
    endless = wolfe(lambda t: (-t, np.array([-1.0])), np.array([1.0]), 0.0, np.array([-1.0]), 1.0)
    assert not endless.accepted and endless.evaluations == 20


@pytest.mark.parametrize("rule", [LBFGS(), Newton()], ids=["lbfgs", "newton"])
@pytest.mark.parametrize("size", [0.0, 1.0])
def test_where_the_gradient_is_zero_nothing_moves_and_no_pair_is_kept(rule, size):
    """0 = W x at W = 0: a minimum, of which size = 0 makes a plain where H = 0, too."""
    net = ref.Sequential(ref.Dense(3, 2, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), size * np.ones((4, 3)), np.zeros((4, 2)))
    theta = np.zeros(6)
    after, state, info = rule.step(objective, theta, rule.init(objective, theta))
    assert (after == 0).all() and not info["accepted"] and info["loss"] == info["loss_after"] == 0
    assert isinstance(state, int) or not len(state.S)


def test_a_loss_that_falls_below_the_squares_of_its_precision_ends_no_run():
    digits = ref.problems.task("digits", "tiny", dtype="float32")           # separable: L -> 0
    theta = digits.initial(np.random.default_rng(0))
    theta, history = ref.run(LBFGS(), digits.train, theta, 150)
    assert np.isfinite(theta).all() and 0 < history["loss"][-1] < 1e-30     # |g|^2 is 0 below 1e-23


# ---- contract ----

@pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("rule", [LBFGS(3), Newton()], ids=["lbfgs", "newton"])
def test_states_resume_and_precision_is_kept(rule, kind):
    objective, theta = dense(l2=0.5)
    objective, theta = objective.to(kind), theta.astype(kind)
    if kind == np.longdouble and isinstance(rule, Newton):
        with pytest.raises(TypeError, match="cast to float64"):
            rule.step(objective, theta, 0)
        return
    whole, _ = ref.run(rule, objective, theta, 5)
    half, first = ref.run(rule, objective, theta, 2)
    rest, _ = ref.run(rule, objective, half, 3, pickle.loads(pickle.dumps(first.state)))
    assert whole.dtype == kind and (whole == rest).all()
    if isinstance(rule, LBFGS):
        truth, _ = ref.run(rule, *wide(objective, theta), 5)
        assert distance(whole, truth) < 1e4 * np.finfo(kind).eps     # five steps of a condition 100


def test_bad_parameters_are_refused():
    for make, match in [(lambda: Newton("none"), "absolute, clip, shift"),
                        (lambda: Newton(floor=0), "above 0"), (lambda: Newton(shrink=1), "below"),
                        (lambda: LBFGS(0), "at least 1"), (lambda: LBFGS(flat=1.0), "below 1"),
                        (lambda: LBFGS(share=0.95), "share < flat")]:
        with pytest.raises(ValueError, match=match):
            make()
