"""Newton-Krylov steps against dense Newton steps, and where the loop must stop."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

import reference as ref
from reference.derivatives import complex_step
from reference.optim.newton_krylov import (Disturbing, ErrorMonitored, Length, Look, NewtonKrylov,
                                           State, krylov)
from tests.curvature.brute import NETS, dense
from tests.derivatives.cases import distance, wide

EXACT = NewtonKrylov("dual", tolerance=1e-14, power=0, maxiter=1000)


def hessian(objective, theta):
    return ref.dense(ref.hessian(objective, theta))


def best_in(space, H, g):
    """The minimiser of g.d + d.Hd/2 over the span of some vectors, by least squares on a basis."""
    Q = np.linalg.qr(np.stack(space, 1))[0]
    return -Q @ scipy.linalg.solve(Q.T @ H @ Q, Q.T @ g)


@pytest.mark.parametrize("net", NETS)
def test_run_to_the_end_the_step_is_the_dense_newton_step(net):
    objective, theta = NETS[net](l2=2.0)
    theta_next, _, info = EXACT.step(objective, theta, State())
    H, g = hessian(objective, theta), objective.grad(theta)
    d = scipy.linalg.solve(H, -g, assume_a="pos")
    assert info["reason"] == "converged" and info["accepted"]
    assert distance(info["direction"], d) < 1e-12          # residual 1e-14 times a condition of 10
    assert distance(theta_next, theta + info["length"] * d) < 1e-12
    for name, truth in [("slope", g @ d), ("curvature", d @ H @ d), ("model", g @ d / 2)]:
        assert abs(info[name] / truth - 1) < 1e-12, name


@pytest.mark.parametrize("route", ["complex step", "bicomplex", "hyper-dual", "autograd"])
def test_every_route_takes_the_same_steps(route):
    objective, theta = dense(l2=0.5)
    truth = ref.run(NewtonKrylov("dual"), objective, theta, 3)[0]
    other = ref.run(NewtonKrylov(route), objective, theta, 3)[0]
    assert distance(other, truth) < 1e-13                  # products differ by some eps


def test_a_complex_step_that_is_too_long_is_seen(monkeypatch):
    objective, theta = dense(l2=0.5)
    truth = ref.run(NewtonKrylov("dual"), objective, theta, 3)[0]
    monkeypatch.setattr(complex_step, "complex_step_length", lambda dtype: 1e-4)
    assert distance(ref.run(NewtonKrylov(), objective, theta, 3)[0], truth) > 1e-10   # O(h^2)


def order(optimizer, **options):
    """The slope of log |g_(k+1)| over log |g_k| between 1e-2 and 1e-17, in longdouble."""
    objective, theta = wide(*dense(l2=0.5))
    lengths = []
    ref.run(replace(optimizer, **options), objective, theta, 10, watch=lambda k, theta, info:
            lengths.append(float(np.sqrt(info["gradient"] @ info["gradient"]))))
    logs = np.log([size for size in lengths if 1e-17 < size < 1e-2])
    return np.polyfit(logs[:-1], logs[1:], 1)[0]


def test_convergence_is_quadratic_and_linear_without_the_power():
    assert order(NewtonKrylov()) > 1.9
    assert order(NewtonKrylov(), power=0) < 1.3


def test_the_loop_stops_at_a_planted_direction_of_negative_curvature():
    """g = (1, 1, 1) and H = diag(4, 2, c): p_0 curves by 6 + c, and only later p meets c < 0."""
    g = np.ones(3)
    for c, products in [(-7.0, 1), (-1.0, 2), (0.5, 3)]:
        H = np.diag([4.0, 2.0, c])
        inner = krylov(lambda v: H @ v, g, 1e-12, 9, Disturbing())
        space = [g, H @ g, H @ H @ g][:products - (c < 0)]
        truth = best_in(space, H, g) if space else -g
        assert inner.reason == ("disturbing" if c < 0 else "converged")
        assert inner.iterations == products and distance(inner.d, truth) < 1e-14
        assert distance(inner.Hd, H @ inner.d) < 1e-14 and g @ inner.d < 0
        assert (inner.look.c <= 0) == (c < 0)
        assert np.abs(inner.residual + g + H @ inner.d).max() < 1e-14


def test_without_the_test_the_loop_walks_along_it():
    """The counterexample: the same H with nothing found disturbing gives the saddle, uphill."""
    H, g = np.diag([4.0, 2.0, -1.0]), np.ones(3)
    blind = krylov(lambda v: H @ v, g, 1e-12, 9, lambda look: False)
    assert distance(blind.d, scipy.linalg.solve(H, -g)) < 1e-14 and g @ blind.d > 0


@pytest.mark.parametrize("net", ["recurrent", "convolutional", "words"])
def test_on_an_indefinite_hessian_d_is_the_best_of_the_krylov_space_before(net):
    objective, theta = NETS[net]()
    _, _, info = EXACT.step(objective, theta, State())
    H, g = hessian(objective, theta), objective.grad(theta)
    assert scipy.linalg.eigvalsh(H)[0] < 0 and info["reason"] == "disturbing"
    p, k = info["look"].p, info["iterations"] - 1
    assert p @ H @ p <= 1e-8 * (p @ p) and k > 0
    basis = [g / np.sqrt(g @ g)]
    for _ in range(k - 1):                 # orthogonal at once: powers of H would be parallel
        v = H @ basis[-1]
        for _ in range(2):
            v = v - np.stack(basis).T @ (np.stack(basis) @ v)
        basis.append(v / np.sqrt(v @ v))
    assert distance(info["direction"], best_in(basis, H, g)) < 1e-10


def test_each_of_the_three_tests_disturbs_alone():
    g = np.array([3.0, 4.0])
    harmless = Look(g, -g, 1.0, 0 * g, -g, -1.0)
    assert not Disturbing()(harmless)
    for changed in ({"c": 0.0}, {"c": np.nan}, {"c": 1e-9}, {"change": 0.0}, {"change": np.nan},
                    {"d_next": g}, {"d_next": np.array([4.0, -3.0])}):
        assert Disturbing()(replace(harmless, **changed)), changed
    assert not Disturbing(0)(replace(harmless, c=1e-9))


def test_products_of_another_matrix_each_time_disturb():
    """A model that does not fall: what a curvature batch that changes within the loop may do."""
    rng, g = np.random.default_rng(0), np.ones(5)
    roots = rng.standard_normal((40, 5, 5))
    batch = iter(roots @ roots.swapaxes(1, 2))
    inner = krylov(lambda v: next(batch) @ v, g, 1e-12, 40, Disturbing())
    assert inner.reason == "disturbing" and inner.look.c > 0
    assert not inner.look.change < 0 or g @ inner.look.d_next >= 0


# ---- step lengths ----

def test_t_shrinks_while_the_model_is_wrong_and_grows_where_it_is_right():
    rule = ErrorMonitored()
    cubic = rule(lambda t: 1 - t + t * t / 2 + 9 * t ** 3, np.float64(1), -1.0, 1.0, 1.0)
    # err(t) = 9 t^3/(t - t^2/2) <= 1/2 at t = 1/8 = 0.15, and not at 1/4 = 0.64
    assert cubic.t == 0.125 and cubic.tried == (1.0, 0.5, 0.25, 0.125) and cubic.accepted
    assert cubic.next == 0.125 and abs(cubic.error - 9 * 0.125 ** 2 / (1 - 0.0625)) < 1e-12
    exact = rule(lambda t: 1 - t + t * t / 2, np.float64(1), -1.0, 1.0, 0.125)
    assert exact.t == 0.125 and exact.next == 0.25
    assert rule(lambda t: 1 - t + t * t / 2, np.float64(1), -1.0, 1.0, 7.0).t == 1.0


def test_a_direction_that_does_not_descend_is_not_taken():
    """Where nothing disturbs, some iterates of CG on an indefinite H point up: theta stays."""
    objective, theta = NETS["recurrent"]()
    uphill = []
    for k in range(1, 9):
        blind = NewtonKrylov("dual", 1e-12, 0, k, is_disturbing=lambda look: False)
        after, state, info = blind.step(objective, theta, State())
        uphill.append(info["slope"] > 0)
        if uphill[-1]:
            assert not info["accepted"] and (after == theta).all()
            assert state.length == 1.0 and info["loss_after"] == info["loss"]
    assert any(uphill) and not all(uphill)
    rising = ErrorMonitored()(lambda t: 1 + t, np.float64(1), -1.0, 0.0, 1.0)
    assert not rising.accepted and rising.t == 0 and len(rising.tried) == 40 and rising.next == 1
    over = ErrorMonitored()(lambda t: 1 + t / 9 - t * t / 2, np.float64(1), 1 / 9, -1.0, 1.0)
    assert not over.accepted and over.tried == ()      # lower, as the model says, behind a hill


def test_the_loss_falls_with_every_step_taken():
    for net in NETS:
        objective, theta = NETS[net]()
        _, history = ref.run(NewtonKrylov("dual"), objective, theta, 8)
        assert (history["loss_after"] < history["loss"]).all() and (history["slope"] < 0).all()


def test_another_rule_is_put_in():
    objective, theta = dense(l2=0.5)
    steepest = NewtonKrylov(is_disturbing=lambda look: True,
                            choose=lambda value, loss, *_: Length(0.1, 0.1, loss, True, None, ()))
    after, _, info = steepest.step(objective, theta, State())
    assert (after == theta - 0.1 * objective.grad(theta)).all() and info["iterations"] == 1


# ---- contract ----

@pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble])
def test_states_resume_and_precision_is_kept(kind):
    objective, theta = dense(l2=0.5)
    objective, theta = objective.to(kind), theta.astype(kind)
    whole, history = ref.run(NewtonKrylov(), objective, theta, 4)
    half, first = ref.run(NewtonKrylov(), objective, theta, 2)
    rest, _ = ref.run(NewtonKrylov(), objective, half, 2, pickle.loads(pickle.dumps(first.state)))
    assert whole.dtype == kind and (whole == rest).all() and history.state.k == 4
    assert distance(whole, ref.run(NewtonKrylov(), *wide(objective, theta), 4)[0]) \
        < 1e4 * np.finfo(kind).eps         # four steps of CG, of a condition of about 100


def test_bad_parameters_are_refused():
    for make, match in [(lambda: NewtonKrylov("newton"), "pass one of dual"),
                        (lambda: NewtonKrylov(tolerance=-1), "tolerance"),
                        (lambda: NewtonKrylov(tolerance=1), "below 1"),
                        (lambda: NewtonKrylov(maxiter=0), "at least 1"),
                        (lambda: ErrorMonitored(high=0.01), "low <= high"),
                        (lambda: ErrorMonitored(shrink=1), "below 1"),
                        (lambda: Disturbing(np.nan), "nan")]:
        with pytest.raises(ValueError, match=match):
            make()
    with pytest.raises(TypeError, match="pass a function"):
        NewtonKrylov(choose=0.1)
