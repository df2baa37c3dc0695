"""Truncated conjugate gradients: their iterates by definition, their end, and where they stop."""

from math import ceil

import numpy as np
import pytest
import scipy.linalg

from reference.optim.truncated_cg import every_third_more, truncated_cg
from tests.derivatives.cases import distance

n = 29


def system(seed=0, largest=100.0, dtype=float):
    """B (n, n) with eigenvalues from 1 to `largest`, b, x_0 and a positive diagonal."""
    rng = np.random.default_rng(seed)
    Q = scipy.linalg.qr(rng.standard_normal((n, n)))[0]
    B = (Q * np.geomspace(1, largest, n)) @ Q.T
    pieces = (B + B.T) / 2, rng.standard_normal(n), rng.standard_normal(n), rng.random(n) + 0.5
    return tuple(piece.astype(dtype) for piece in pieces)


def path_of(B, b, start, scales, **options):
    return truncated_cg(lambda v: B @ v, b, start, scales, **options)


def phi(B, b, x):
    return x @ B @ x / 2 - b @ x


def krylov_minimum(B, b, start, scales, k):
    """The x of least phi in x_0 + span(M r, (M B) M r, ...): by an explicit basis."""
    basis = [(b - B @ start) / scales]
    for _ in range(k - 1):
        v = B @ basis[-1] / scales
        for _ in range(2):                                 # orthogonal, for the digits
            v = v - sum((u @ v) / (u @ u) * u for u in basis)
        basis.append(v / np.sqrt(v @ v))
    V = np.stack(basis, axis=1)
    return start + V @ np.linalg.solve(V.T @ B @ V, V.T @ (b - B @ start))


def test_every_kept_iterate_has_the_least_phi_of_its_krylov_space():
    """In longdouble, since conjugate directions lose their conjugacy faster than digits."""
    B, b, start, scales = system()
    path = path_of(*system(dtype="longdouble"), maxiter=15)
    assert path.steps == (5, 7, 9, 11, 15)
    for k, x in zip(path.steps, path.iterates):
        assert distance(x, krylov_minimum(B, b, start, scales, k)) < 1e-10
        assert distance(x, krylov_minimum(B, b, start, 1, k)) > 1e-4      # another space
        assert distance(x, krylov_minimum(B, b, start, scales, k - 1)) > 1e-4


def test_run_to_the_end_they_solve():
    B, b, start, scales = system()
    path = path_of(B, b, start, scales, maxiter=4 * n, tolerance=0)
    assert distance(path.last, scipy.linalg.solve(B, b)) < 1e-12          # condition 100
    assert distance(path_of(B, b, start, scales).last, scipy.linalg.solve(B, b)) > 1e-12


def test_as_many_steps_as_eigenvalues_suffice():
    d = np.array([1.0, 3.0, 7.0])[np.arange(n) % 3]
    _, b, start, _ = system()
    solution, scales = b / d, np.ones(n)
    assert distance(path_of(np.diag(d), b, start, scales, maxiter=3).last, solution) < 1e-13
    assert distance(path_of(np.diag(d), b, start, scales, maxiter=2).last, solution) > 1e-4
    exact = path_of(np.diag(d), b, 0 * b, d)                # preconditioned by B itself
    assert distance(exact.phis[1], phi(np.diag(d), b, solution)) < 1e-14
    assert distance(exact.last, solution) < 1e-14


def test_phi_falls_at_every_product_and_the_residual_need_not():
    B, b, start, scales = system(largest=1e4)
    path = path_of(B, b, start, scales, maxiter=n, keep=range(n + 1), tolerance=0)
    assert (np.diff(path.phis) < 0).all() and not (np.diff(path.residuals) < 0).all()
    own = [phi(B, b, x) for x in (start, *path.iterates)]
    assert distance(path.phis, own) < 1e-12                # 1e4 eps
    assert path.residuals[0] == np.sqrt((b - B @ start) @ (b - B @ start))
    wrong = path_of(np.triu(B) + np.triu(B, 1).T * 0.9, b, start, scales, maxiter=n,
                    keep=range(n + 1), tolerance=0)        # not symmetric
    assert distance(wrong.phis[1:], [phi(B, b, x) for x in wrong.iterates][:len(wrong.phis) - 1]
                    ) > 1e-4


def test_the_kept_iterations_are_a_third_more_each_time():
    assert sorted(every_third_more(200)) == [5, 7, 9, 11, 15, 19, 25, 32, 41, 54, 69, 90, 117, 152,
                                             197]
    B, b, start, scales = system()
    path = path_of(B, b, start, scales, maxiter=13, tolerance=0)
    assert path.steps == (5, 7, 9, 11, 13) and path.iterations == 13
    assert path.reason == "iterations" and path.iterates.shape == (5, n)


def first_stop(phis, tolerance=5e-4, factor=True):
    for i, now in enumerate(phis):
        k = max(10, ceil(0.1 * i))
        if i > k and now < 0 and (now - phis[i - k]) / now < (k if factor else 1) * tolerance:
            return i


@pytest.mark.parametrize("largest", [10.0, 1e3, 1e6])
def test_they_stop_at_the_first_iteration_of_little_progress(largest):
    B, b, _, scales = system(largest=largest)
    path = path_of(B, b, 0 * b, scales)
    whole = path_of(B, b, 0 * b, scales, tolerance=0, maxiter=4 * n).phis
    assert path.reason == "progress" and path.iterations == first_stop(whole) > 10
    if largest > 100:
        assert path.iterations < first_stop(whole, factor=False)     # as programs without k do


def test_they_look_ten_iterations_back_and_a_tenth_of_all_later():
    B, b, _, scales = system()
    assert path_of(B, b, 0 * b, scales, tolerance=1e9).iterations == 11
    b, d, scales = np.ones(400), np.geomspace(1, 1e6, 400), np.ones(400)
    path = path_of(np.diag(d), b, 0 * b, scales, tolerance=1e-3, maxiter=600)
    whole = path_of(np.diag(d), b, 0 * b, scales, tolerance=0, maxiter=600).phis
    ten = next(i for i in range(11, 600) if whole[i] - whole[i - 10] > 10 * 1e-3 * whole[i])
    assert path.iterations == first_stop(whole, 1e-3) > 100 and path.iterations != ten


def test_no_progress_is_asked_for_while_phi_is_positive():
    """From a start where phi is above 1e8 and falls by little, they go on until it is below 0."""
    B, b, start, scales = system(largest=1e6)
    path = path_of(B, b, 1e2 * start, scales, tolerance=1e-2)
    below = np.flatnonzero(path.phis < 0)
    slow = [i for i in range(11, below[0])
            if abs(path.phis[i] - path.phis[i - 10]) < 0.1 * abs(path.phis[i])]
    assert path.phis[0] > 1e8 and slow and path.iterations >= below[0] > slow[0]


def test_they_break_on_negative_curvature_and_keep_what_they_had():
    B, b, _, _ = system()
    B = B - 5 * np.eye(n)                                  # eigenvalues from -4
    path = path_of(B, b, 0 * b, np.ones(n))
    assert path.reason == "negative curvature" and 0 < path.iterations < n
    assert distance(path.last, krylov_minimum(B, b, 0 * b, 1, path.iterations)) < 1e-10
    first = path_of(-np.eye(n), b, 0 * b, np.ones(n))
    assert first.reason == "negative curvature" and first.iterations == 0
    assert first.steps == (0,) and (first.iterates == 0).all()


def test_nothing_to_do_is_nothing_done():
    B, b, start, scales = system()
    path = path_of(B, 0 * b, 0 * b, scales)
    assert path.reason == "residual" and path.iterations == 0 and not path.last.any()


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("longdouble", 1e-15)])
def test_they_keep_the_precision(dtype, tolerance):
    B, b, start, scales = system(dtype=dtype)
    path = path_of(B, b, start, scales, maxiter=4 * n, tolerance=0)
    for array in (path.iterates, path.phis, path.residuals):
        assert array.dtype == dtype
    assert distance(B @ path.last, b) < tolerance          # 100 condition eps
