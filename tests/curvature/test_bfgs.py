"""BFGS on an inverse matrix, its dampings, its Hessian action, against SciPy and numpy.linalg."""

import numpy as np
import pytest
from scipy.optimize import BFGS

from reference.arrays.linalg import symmetric
from reference.arrays.precision import eps
from reference.curvature.bfgs import (bfgs_inverse, double_damping, guarded_bfgs_inverse,
                                      hessian_action, levenberg_marquardt, powell)
from tests.derivatives.cases import distance

LAM, MU = 0.3, 0.2
TOLERANCE = 45 * eps(float)                       # times a condition number where one inverts


def positive(n, seed=1):
    X = np.random.default_rng(seed).standard_normal((n, 2 * n))
    return X @ X.T / n


def pair(n, rng):
    """s and y, of which neither is near zero; s.y has any sign."""
    return rng.standard_normal(n), rng.standard_normal(n)


# ---- the update of an inverse ----

@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_secant_equation_holds_after_double_damping(n):
    rng, H = np.random.default_rng(0), positive(n)
    for _ in range(50):
        s, y = double_damping(H, *pair(n, rng), LAM)
        new = bfgs_inverse(H, s, y)
        assert np.abs(new @ y - s).max() <= TOLERANCE * np.linalg.norm(new, 2) * np.abs(y).max()
        assert (new == new.T).all() and np.linalg.eigvalsh(new)[0] > 0


def test_the_update_is_the_inverse_of_scipys_direct_one():
    H, rng = positive(5), np.random.default_rng(0)
    direct = BFGS(init_scale=symmetric(np.linalg.inv(H)))
    direct.initialize(5, "hess")
    for _ in range(4):
        s, y = double_damping(H, *pair(5, rng), LAM)
        direct.update(s, y)
        H = bfgs_inverse(H, s, y)
        truth = np.linalg.inv(direct.get_matrix())
        assert distance(H, truth) <= TOLERANCE * np.linalg.cond(H)


def test_a_pair_without_curvature_is_skipped_and_so_is_what_overflows():
    H, s, y = positive(3), np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    for s, y in [(s, y), (s, -s), (s, 1e-5 * s), (0 * s, y), (s, np.nan * y)]:
        assert guarded_bfgs_inverse(H, s, y, np.ones(3)) is H
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(bfgs_inverse(H, 1e-160 * s, 1e-160 * s)).all()
        assert guarded_bfgs_inverse(H, 1e-160 * s, 1e-160 * s, np.ones(3)) is H
    assert guarded_bfgs_inverse(H, s, s, np.ones(3)) is not H


# ---- double damping ----

def trials(count=2000, n=5):
    """H of every scale from 0.1 to 100, and pairs."""
    rng = np.random.default_rng(0)
    for k in range(count):
        yield (10 ** rng.uniform(-1, 2) * positive(n, k), *pair(n, rng))


def test_powells_damping_reaches_mu_and_leaves_good_pairs_alone():
    damped = 0
    for H, s, y in trials():
        t = powell(s, y, H @ y)
        assert t @ y >= MU * (y @ H @ y) * (1 - TOLERANCE)
        assert (t is s) == (s @ y > MU * (y @ H @ y))
        damped += t is not s
    assert 500 < damped < 2000


def test_after_both_dampings_the_second_inequality_holds_always_and_the_first_does_not():
    broken = 0
    for H, s, y in trials():
        s, y = double_damping(H, s, y, LAM)
        assert s @ y >= np.sqrt(LAM) * (s @ s) * (1 - TOLERANCE)
        broken += s @ y < MU * (y @ H @ y) * (1 - 1e-9)
    assert 200 < broken < 1800                    # the second step does not preserve the first


def test_the_pair_zero_is_left_alone():
    H, zero = positive(3), np.zeros(3)
    s, y = double_damping(H, zero, zero, LAM)
    assert not s.any() and not y.any()
    assert not levenberg_marquardt(zero, zero, 0.5).any()
    assert guarded_bfgs_inverse(H, s, y, zero) is H
    s, y = double_damping(H, zero, np.ones(3), LAM)                    # s = 0, y not: damped
    assert s @ y >= np.sqrt(LAM) * (s @ s) > 0
    s, y = double_damping(H, np.ones(3), zero, LAM)
    assert s @ y >= np.sqrt(LAM) * (s @ s) * (1 - TOLERANCE) > 0


# ---- Hessian action ----

def test_hessian_action_drives_Ha_to_the_damped_inverse():
    rng, n = np.random.default_rng(0), 7
    A_LM = positive(n) + np.sqrt(LAM) * np.eye(n)
    truth, Ha, errors = np.linalg.inv(A_LM), np.eye(n), {}
    for k in range(1, 302):
        Ha = hessian_action(Ha, A_LM, rng.standard_normal(n))
        errors[k] = distance(Ha, truth)
    assert errors[1] > 1e-2 and 1e-12 < errors[101] < 1e-3
    assert errors[301] <= TOLERANCE * np.linalg.cond(A_LM)
    assert distance(Ha, np.linalg.inv(A_LM + 1e-6 * np.eye(n))) > 1e-8      # a limit told apart


def test_the_least_curvature_grows_with_the_gradient():
    """An update is skipped at s.y <= 1e-4 |s|^2 |gbar| [GRB20]: here s.y = 1e-3 |s|^2."""
    H, s = np.eye(3), np.array([1.0, 0.0, 0.0])
    assert guarded_bfgs_inverse(H, s, 1e-3 * s, np.array([9.0, 0.0, 0.0])) is not H
    assert guarded_bfgs_inverse(H, s, 1e-3 * s, np.array([11.0, 0.0, 0.0])) is H


def test_hessian_action_is_skipped_by_the_size_of_the_mean_input():
    """s = Ha pbar, s.y = s.A s: with A = 1e-3 the bound 1e-4 |s|^2 |pbar| falls at |pbar| = 10."""
    Ha, A = np.eye(2), 1e-3 * np.eye(2)
    assert hessian_action(Ha, A, np.array([9.0, 0.0])) is not Ha
    assert hessian_action(Ha, A, np.array([11.0, 0.0])) is Ha


def test_the_size_of_that_bound_is_not_that_of_the_step():
    """With Ha = 1e-2, |s| is 1e-2 |pbar|: the bound is as above, and not at |pbar| = 1000."""
    Ha, A = 1e-2 * np.eye(2), 1e-3 * np.eye(2)
    assert hessian_action(Ha, A, np.array([9.0, 0.0])) is not Ha
    assert hessian_action(Ha, A, np.array([11.0, 0.0])) is Ha


def test_powell_damps_however_small_the_curvature_of_H_is():
    """y.Hy is 1e-6 here, and s.y < 0."""
    H, s, y = 1e-6 * np.eye(1), np.array([-1.0]), np.array([1.0])
    assert np.isclose(powell(s, y, H @ y) @ y, MU * (y @ H @ y), rtol=1e-9)
