"""K-BFGS against its dense twin, which inverts with numpy.linalg.inv and multiplies numpy.kron."""

from dataclasses import replace

import numpy as np
import pytest

from reference import (CrossEntropy, Dense, Objective, Sequential, Tanh, block, certify,
                       gauss_newton, kbfgs_factors, kbfgs_update)
from reference.arrays.precision import eps
from reference.curvature.kbfgs import directions, double_damping, step
from tests.derivatives.cases import LOSSES, distance, make, small, wide

LAM, LENGTH, MU = 0.3, 0.3, 0.2
TOLERANCE = 45 * eps(float)                       # times a condition number where one inverts


# ---- the twin ----

def forward_backward(objective, theta):
    """Per layer of 5-3-4 with tanh and cross-entropy: p, s, g, written out."""
    V, W = objective.net.layout.unpack(theta)
    ones = np.ones((objective.N, 1))
    p = np.hstack([objective.x, ones])
    s = p @ V.T
    q = np.hstack([np.tanh(s), ones])
    z = q @ W.T
    e = np.exp(z - z.max(1, keepdims=True))
    g = e / e.sum(1, keepdims=True) - np.eye(4)[objective.y]
    return [(p, s, g @ W[:, :-1] / np.cosh(s) ** 2), (q, z, g)]


def damped_twice(H, s, y, mu):
    Hy = H @ y
    if s @ y <= MU * (y @ Hy):
        t = (1 - MU) * (y @ Hy) / (y @ Hy - s @ y)
        s = t * s + (1 - t) * Hy
    if s @ y <= mu * (s @ s):
        t = (1 - mu) * (s @ s) / (s @ s - s @ y)
        y = t * y + (1 - t) * s
    return s, y


def through_the_direct_matrix(H, s, y):
    """inv of the direct BFGS update of inv(H)."""
    B = np.linalg.inv(H)
    Bs = B @ s
    return np.linalg.inv(B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (s @ y))


def twin(objective, theta, factors):
    """theta+ and [(A, Ha, Hg, s, y)] with explicit Kronecker products and inverses."""
    mu = np.sqrt(LAM)
    here, D = forward_backward(objective, theta), []
    for (p, _, g), f in zip(here, factors):
        B = np.kron(np.linalg.inv(f.Hg), np.linalg.inv(f.Ha))
        D.append(-np.linalg.solve(B, (g.T @ p / objective.N).reshape(-1)))
    theta_plus, new = theta + LENGTH * np.concatenate(D), []
    there = forward_backward(objective, theta_plus)
    for (p, s, g), (_, s_plus, g_plus), f in zip(here, there, factors):
        A = 0.9 * f.A + 0.1 * p.T @ p / objective.N
        sbar = 0.9 * f.s + 0.1 * (s.mean(0) - s_plus.mean(0))
        ybar = 0.9 * f.y + 0.1 * (g.mean(0) - g_plus.mean(0))
        action = f.Ha @ p.mean(0)
        Ha = through_the_direct_matrix(f.Ha, action, (A + mu * np.eye(len(A))) @ action)
        Hg = through_the_direct_matrix(f.Hg, *damped_twice(f.Hg, sbar, ybar, mu))
        new.append((A, Ha, Hg, sbar, ybar))
    return theta_plus, new


# ---- the step ----

def test_steps_equal_their_dense_twins():
    objective, theta = small()
    factors = kbfgs_factors(objective, theta, LAM)
    for _ in range(4):
        truth, expected = twin(objective, theta, factors)
        theta, factors = step(objective, theta, factors, LAM, LENGTH)
        assert distance(theta, truth) <= TOLERANCE * 100                # conditions are below 100
        for f, (A, Ha, Hg, s, y) in zip(factors, expected):
            assert max(np.linalg.cond(f.Ha), np.linalg.cond(f.Hg)) < 100
            for found, wanted in [(f.A, A), (f.Ha, Ha), (f.Hg, Hg), (f.s, s), (f.y, y)]:
                assert distance(found, wanted) <= TOLERANCE * 100


def test_the_twin_sees_factors_in_the_wrong_order():
    objective, theta = small()
    factors = kbfgs_factors(objective, theta, LAM)
    M = objective.net.layout.unpack(objective.grad(theta))[0]
    D, f = directions([M], factors)[0], factors[0]
    wrong = -np.linalg.solve(np.kron(np.linalg.inv(f.Ha), np.linalg.inv(f.Hg)), M.reshape(-1))
    assert distance(D.reshape(-1), wrong) > 0.1


def test_the_first_factors_are_the_full_average_its_damped_inverse_and_one():
    objective, theta = small()
    factors = kbfgs_factors(objective, theta, LAM)
    for f, (p, _, g) in zip(factors, forward_backward(objective, theta)):
        A = p.T @ p / 7
        assert distance(f.A, A) <= TOLERANCE and not f.s.any() and not f.y.any()
        truth = np.linalg.inv(A + np.sqrt(LAM) * np.eye(len(A)))
        assert distance(f.Ha, truth) <= TOLERANCE * np.linalg.cond(truth)
        assert (f.Hg == np.eye(g.shape[1])).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_inverse_factors_stay_positive_definite_and_symmetric_and_point_downhill(loss):
    layers = (Dense(5, 3), Tanh(), Dense(3, 2, bias=False), Tanh(), Dense(2, 4))
    objective, theta = make(layers, LOSSES[loss], l2=0.01)
    factors = kbfgs_factors(objective, theta, LAM)
    for _ in range(40):
        theta, factors = step(objective, theta, factors, LAM, 0.05)
        g, layout = objective.grad(theta), objective.net.layout
        assert g @ layout.pack(directions(layout.unpack(g), factors)) < 0
        for f in factors:
            assert np.linalg.eigvalsh(f.Ha)[0] > 0 and np.linalg.eigvalsh(f.Hg)[0] > 0
            assert (f.Ha == f.Ha.T).all() and (f.Hg == f.Hg.T).all()


def test_the_new_Hg_maps_the_damped_y_to_the_damped_s():
    objective, theta = small()
    old = kbfgs_factors(objective, theta, LAM)
    _, new = step(objective, theta, old, LAM, LENGTH)
    for before, f in zip(old, new):
        s, y = double_damping(before.Hg, f.s, f.y, LAM)
        assert distance(f.Hg @ y, s) <= 100 * TOLERANCE


def test_no_step_leaves_Hg_as_it_was_without_dividing_by_zero():
    objective, theta = small()
    old = kbfgs_factors(objective, theta, LAM)
    for before, f in zip(old, kbfgs_update(objective, theta, theta, old, LAM)):
        assert f.Hg is before.Hg and not f.s.any() and not f.y.any()


def test_of_a_sum_y_is_N_times_that_of_a_mean_as_the_curvature_is():
    objective, theta = small()
    total, _ = small(reduction="sum")
    old, there = kbfgs_factors(objective, theta, LAM), 0.9 * theta
    for a, b in zip(*(kbfgs_update(o, theta, there, old, LAM) for o in (objective, total))):
        assert distance(objective.N * a.y, b.y) <= TOLERANCE
        assert (a.s == b.s).all() and (a.Ha == b.Ha).all()


@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"weights": np.arange(1.0, 8)}],
                         ids=["mean", "sum", "weighted"])
def test_the_factors_of_one_linear_layer_tend_to_the_block_in_any_reduction(options):
    """Squared error: G = sum w/R I, which 300 steps in all directions find."""
    objective, theta = make((Dense(5, 3),), LOSSES["SquaredError"], **options)
    rng, factors = np.random.default_rng(0), kbfgs_factors(objective, theta, 1e-6)
    for _ in range(300):
        there = theta + 0.1 * rng.standard_normal(theta.size)
        factors = kbfgs_update(objective, theta, there, factors, 1e-6, decay=0)
    exact = block(gauss_newton(objective, theta), slice(None))
    assert distance(factors[0].block().dense(), exact) < 0.05         # sqrt(lam) and few steps


def one_step(objective, theta):
    return step(objective, theta, kbfgs_factors(objective, theta, LAM), LAM, LENGTH)


def test_an_integer_weight_is_a_repeated_example_and_weight_zero_an_absent_one():
    counts = np.array([1, 0, 2, 1, 3, 0, 1])
    objective, theta = small(weights=counts * 1.0, reduction="sum")
    repeated = replace(objective.batch(np.repeat(np.arange(7), counts)), weights=None)
    (a, old), (b, new) = one_step(objective, theta), one_step(repeated, theta)
    assert distance(a, b) <= TOLERANCE
    for f, e in zip(old, new):
        for name in ("A", "Ha", "Hg", "s", "y"):
            assert distance(getattr(f, name), getattr(e, name)) <= 100 * TOLERANCE


def test_the_mean_input_of_Hessian_action_is_weighted():
    """From Ha = I: the first Ha is the damped inverse, which no pair changes."""
    counts = np.array([1, 0, 2, 1, 3, 0, 1])
    objective, theta = small(weights=counts * 1.0)
    repeated = replace(objective.batch(np.repeat(np.arange(7), counts)), weights=None)
    found = []
    for o in (objective, repeated, replace(objective, weights=None)):
        first = [replace(f, Ha=np.eye(len(f.Ha))) for f in kbfgs_factors(objective, theta, LAM)]
        found.append(kbfgs_update(o, theta, theta + 0.1, first, LAM))
    for weighted, truth, plain in zip(*found):
        assert distance(weighted.Ha, truth.Ha) <= 100 * TOLERANCE
        assert distance(plain.Ha, truth.Ha) > 1e-3


def test_a_pair_is_skipped_by_the_size_of_the_gradient_and_not_of_its_change():
    """s.y >= sqrt(lam) |s|^2 = 0.55 |s|^2 after damping: the bound 1e-4 |s|^2 |gbar| is 5500."""
    for size, skipped in ((1e3, False), (1e5, True)):
        objective, theta = small(loss="SquaredError")
        far = replace(objective, y=objective.y + size)          # |gbar| = 2 size, or more
        factors = kbfgs_factors(far, theta, LAM)
        last = kbfgs_update(far, theta, theta + 0.1, factors, LAM)[-1]
        assert (last.Hg is factors[-1].Hg) == skipped


def test_ignored_examples_count_nowhere():
    loss = CrossEntropy(ignore=0)
    objective, theta = small()
    some = replace(objective, loss=loss, reduction="sum")
    kept = some.batch(objective.y != 0)
    assert 0 < kept.N < some.N
    for f, e in zip(one_step(some, theta)[1], one_step(kept, theta)[1]):
        for name in ("A", "Ha", "Hg", "s", "y"):
            assert distance(getattr(f, name), getattr(e, name)) <= 100 * TOLERANCE


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_a_step_keeps_the_precision(dtype):
    objective, theta = small()
    objective, theta = objective.to(dtype), theta.astype(dtype)
    (found, factors), (truth, exact) = (
        step(o, t, kbfgs_factors(o, t, LAM), LAM, LENGTH)
        for o, t in [(objective, theta), wide(objective, theta)])
    assert found.dtype == dtype and distance(found, truth) <= 45 * eps(dtype)
    for f, e in zip(factors, exact):
        for name in ("A", "Ha", "Hg", "s", "y"):
            assert getattr(f, name).dtype == dtype
            # s and y are differences of means, of which a digit or two cancel
            assert distance(getattr(f, name), getattr(e, name)) <= 4500 * eps(dtype)


def test_balls_prove_a_step_and_its_factors():
    def after_one_step(objective, theta):
        return step(objective, theta, kbfgs_factors(objective, theta, LAM), LAM, LENGTH)
    proof = certify(after_one_step, *small())
    assert proof.digits >= 14 and len(proof.errors) == 1 + 2 * 5


@pytest.mark.parametrize("lam", [0.0, 1.0, 2.0, -0.1, np.nan])
def test_a_damping_with_a_pole_is_refused(lam):
    objective, theta = small()
    factors = kbfgs_factors(objective, theta, LAM)
    for act in (lambda: kbfgs_factors(objective, theta, lam),
                lambda: kbfgs_update(objective, theta, theta, factors, lam)):
        with pytest.raises(ValueError, match=r"K-BFGS needs 0 < lam < 1, got .*: .* has a pole"):
            act()


# ---- bad input ----

def test_factors_of_another_network_are_refused():
    objective, theta = small()
    factors = kbfgs_factors(objective, theta, LAM)
    for wrong in (factors[:1], factors + factors, factors[::-1], []):
        with pytest.raises(ValueError, match=r"factors are for .*, the weight matrices"):
            kbfgs_update(objective, theta, theta, wrong, LAM)


@pytest.mark.parametrize("decay", [1, 1.5, -0.1, np.nan])
def test_a_decay_that_averages_nothing_is_refused(decay):
    objective, theta = small()
    factors = kbfgs_factors(objective, theta, LAM)
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), got"):
        kbfgs_update(objective, theta, theta, factors, LAM, decay=decay)


def test_points_that_are_no_finite_vectors_are_refused():
    objective, theta = small()
    factors, bad = kbfgs_factors(objective, theta, LAM), theta.copy()
    bad[2] = np.nan
    with pytest.raises(ValueError, match=r"theta_plus has 1 entries that are not finite"):
        kbfgs_update(objective, theta, bad, factors, LAM)
    with pytest.raises(ValueError, match=r"theta has 1 entries that are not finite"):
        kbfgs_factors(objective, bad, LAM)
    with pytest.raises(ValueError, match=r"theta_plus has shape \(1, 34\)"):
        kbfgs_update(objective, theta, theta[None], factors, LAM)


def test_weights_at_places_are_refused():
    rng, net = np.random.default_rng(0), Sequential(Dense(3, 3), Tanh(), Dense(3, 3))
    objective = Objective(net, CrossEntropy(ignore=-1), rng.standard_normal((4, 5, 3)),
                          rng.integers(-1, 3, (4, 5)))
    with pytest.raises(ValueError, match=r"one weight per example"):
        kbfgs_factors(objective, net.initial(rng), 0.3)


def test_a_damping_too_small_for_a_singular_A_is_refused():
    objective, theta = small()
    dead = replace(objective, x=objective.x * np.array([1.0, 1, 0, 1, 1]))
    with pytest.raises(np.linalg.LinAlgError, match="add damping"):
        kbfgs_factors(dead, theta, 1e-34)
    for f in kbfgs_factors(dead, theta, 1e-20):
        assert np.linalg.eigvalsh(f.Ha)[0] > 0


@pytest.mark.parametrize("factors", [None, [1, 2], "ab"])
def test_what_are_no_factors_is_said(factors):
    objective, theta = small()
    with pytest.raises(TypeError, match="begin with kbfgs_factors"):
        kbfgs_update(objective, theta, theta, factors, LAM)
    for damping in None, "a", True:
        with pytest.raises(ValueError, match="0 < lam < 1"):
            kbfgs_factors(objective, theta, damping)
