"""Levenberg-Marquardt against least squares of the stacked Jacobian, and its two schedules."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg

import reference as ref
from reference.curvature.partition import partition
from reference.optim.levenberg_marquardt import (BlockLevenbergMarquardt, LevenbergMarquardt, State,
                                                 linearise, marquardt, rows)
from tests.curvature import brute
from tests.derivatives.cases import distance, wide

OPTIONS = {"plain": {}, "weighted": {"weights": np.arange(1, 14) / 7, "l2": 0.05,
                                     "reduction": "sum"}}


def regression(name="recurrent", **options):
    """A net of brute.NETS with squared error of random targets."""
    given, theta = brute.NETS[name]()
    z = given.outputs(theta)
    y = z + np.random.default_rng(5).standard_normal(z.shape)
    weights = options.pop("weights", None)
    weights = None if weights is None else weights[:given.N]
    return ref.Objective(given.net, ref.SquaredError(), given.x, y, weights, **options), theta


def residuals(objective, theta):
    """e and J, by complex steps of single parameters: no backward pass."""
    w = np.ones(objective.N) if objective.weights is None else objective.weights
    z = objective.outputs(theta + 1e-20j * np.eye(theta.size))
    share = np.sqrt(w / objective.R).reshape((-1,) + (1,) * (objective.y.ndim - 1))
    J = (share * z.imag / 1e-20).reshape(theta.size, -1).T
    return (share * (objective.outputs(theta) - objective.y)).ravel(), J


def stacked(objective, theta, b, mu):
    """d_b by least squares: min |e + J_b d|^2 + l2 |theta_b + d|^2 + mu |d|^2."""
    e, J = residuals(objective, theta)
    eye = np.eye(b.size)
    A = np.concatenate([J[:, b], np.sqrt(objective.l2) * eye, np.sqrt(mu) * eye])
    c = np.concatenate([e, np.sqrt(objective.l2) * theta[b], 0 * theta[b]])
    return scipy.linalg.lstsq(A, -c)[0]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("net", brute.NETS)
def test_the_step_is_that_of_least_squares(net, options):
    objective, theta = regression(net, **OPTIONS[options])
    after, state, info = LevenbergMarquardt(0.3).step(objective, theta, State((0.3,)))
    d = stacked(objective, theta, np.arange(theta.size), 0.3)
    assert distance(info["direction"], d) < 1e-12          # conditions of 10, up to 100 summed
    assert distance(after, theta + d if info["accepted"] else theta) < 1e-12
    e, J = residuals(objective, theta)
    model = (np.sum((e + J @ d) ** 2) + objective.l2 * np.sum((theta + d) ** 2)) / 2
    assert abs(info["loss"] + info["model"] - model) < 1e-12 * info["loss"]


@pytest.mark.parametrize("net", brute.NETS)
def test_what_is_linearised_is_the_loss_and_gauss_newton(net):
    objective, theta = regression(net, **OPTIONS["weighted"])
    e, J = linearise(objective, theta)
    value = e @ e / 2 + objective.l2 / 2 * theta @ theta
    assert abs(value / objective.value(theta) - 1) < 1e-14
    assert distance(e @ J + objective.l2 * theta, objective.grad(theta)) < 1e-13
    assert distance(J.T @ J, ref.dense(ref.gauss_newton(objective, theta))) < 1e-13


# ---- blocks ----

def sweep(objective, theta, places, dampings, renew):
    """The trials of one sweep by hand; `renew`: e and J are taken anew for each block."""
    at, ds = theta, []
    for b, mu in zip(places, dampings):
        d = np.zeros(theta.size)
        d[b] = stacked(objective, at if renew else theta, b, mu)
        ds.append(d)
        if renew and objective.value(at + d) < objective.value(at):
            at = at + d
    return ds


@pytest.mark.parametrize("groups", ["matrices", "layers", "weights and biases", [[0, 2], [1]]],
                         ids=str)
def test_each_block_is_that_of_least_squares_in_both_schedules(groups):
    objective, theta = regression()
    places = partition(objective.net, groups)
    start = State(tuple(2.0 / (1 + b) for b in range(len(places))))
    first, second = (sweep(objective, theta, places, start.dampings, renew)
                     for renew in (False, True))
    info = BlockLevenbergMarquardt(groups, "synchronous").step(objective, theta, start)[2]
    assert distance(info["blocks"][0]["direction"], sum(first)) < 1e-12
    found = [each["direction"] for each in
             BlockLevenbergMarquardt(groups).step(objective, theta, start)[2]["blocks"]]
    for d, truth in zip(found, second):
        assert distance(d, truth) < 1e-12
    assert distance(found[0], first[0]) < 1e-12            # the schedules differ from the second on
    for d, other in zip(found[1:], first[1:]):
        assert distance(d, other) > 1e-3


@pytest.mark.parametrize("net", brute.NETS)
def test_with_one_block_both_schedules_are_the_whole_method(net):
    objective, theta = regression(net, l2=0.01)
    whole, history = ref.run(LevenbergMarquardt(), objective, theta, 3)
    for schedule in "synchronous", "asynchronous":
        blocks, other = ref.run(BlockLevenbergMarquardt("whole", schedule), objective, theta, 3)
        assert (blocks == whole).all() and other.state == history.state


def test_the_order_of_blocks_matters_to_one_schedule_alone():
    objective, theta = regression()
    places = partition(objective.net, "matrices")
    after = {(schedule, order): BlockLevenbergMarquardt(blocks, schedule, damping=1.0).step(
        objective, theta, State((1.0,) * 3))[0]
        for schedule in ("synchronous", "asynchronous")
        for order, blocks in (("forwards", places), ("backwards", places[::-1]))}
    assert distance(after["synchronous", "forwards"], after["synchronous", "backwards"]) < 1e-15
    assert distance(after["asynchronous", "forwards"], after["asynchronous", "backwards"]) > 1e-3


def linear(correlated):
    """One dense layer of two inputs: blocks are its columns, J_1 . J_2 = 0 or not."""
    x = np.array([[1.0, 0], [0, 2], [0, 3]]) + correlated * np.array([[0, 3.0], [1, 0], [4, 0]])
    net = ref.Sequential(ref.Dense(2, 1, bias=False))
    return ref.Objective(net, ref.SquaredError(), x, np.array([[1.0], [-1.0], [2.0]])), np.zeros(2)


def test_on_a_linear_problem_orthogonal_blocks_are_exact_and_others_overshoot():
    columns = np.array([0]), np.array([1])
    for correlated in 0, 1:
        objective, theta = linear(correlated)
        truth = scipy.linalg.lstsq(objective.x, objective.y[:, 0])[0]
        tiny = {"damping": 1e-12}
        for schedule in "synchronous", "asynchronous":
            rule = BlockLevenbergMarquardt(columns, schedule, **tiny)
            after, _ = ref.run(rule, objective, theta, 1)
            assert (distance(after, truth) < 1e-11) == (not correlated)
        assert distance(ref.run(LevenbergMarquardt(**tiny), objective, theta, 1)[0], truth) < 1e-10


def test_a_trial_that_raises_the_loss_is_rejected_and_mu_rises():
    """Block Jacobi on three equal columns: each d_b = 1 alone is exact, their sum is 3."""
    net = ref.Sequential(ref.Dense(3, 1, bias=False))
    objective = ref.Objective(net, ref.SquaredError(), np.ones((2, 3)), np.ones((2, 1)))
    columns, theta = tuple(np.arange(3)[:, None]), np.zeros(3)
    together = BlockLevenbergMarquardt(columns, "synchronous", damping=1e-9)
    after, state, info = together.step(objective, theta, together.init(objective, theta))
    assert not info["accepted"] and (after == theta).all() and state.dampings == (1e-8,) * 3
    assert info["loss_after"] == info["loss"] and not info["direction"].any()
    turns = replace(together, schedule="asynchronous")
    after, state, info = turns.step(objective, theta, turns.init(objective, theta))
    assert info["accepted"] and info["loss_after"] < info["loss"]


def test_mu_moves_by_the_factor_within_its_bounds():
    rule = LevenbergMarquardt(1.0, 4.0, 0.3, 10.0)
    assert [marquardt(1.0, taken, rule) for taken in (True, False)] == [0.3, 4.0]
    assert marquardt(4.0, False, rule) == 10.0 and marquardt(4.0, True, rule) == 1.0


def test_a_singular_matrix_is_a_rejected_trial():
    objective, theta = linear(0)
    objective = replace(objective, x=np.ones((3, 2)))      # J^T J of rank one
    rule = LevenbergMarquardt(1e-18, least=1e-20)
    after, state, info = rule.step(objective, theta, State((1e-18,)))
    assert not info["accepted"] and (after == theta).all() and state.dampings == (1e-17,)


@pytest.mark.parametrize("net", brute.NETS)
def test_the_loss_never_rises(net):
    objective, theta = regression(net)
    for rule in (LevenbergMarquardt(), BlockLevenbergMarquardt(),
                 BlockLevenbergMarquardt(rows(objective.net.layout, 2), "synchronous")):
        _, history = ref.run(rule, objective, theta, 4)
        assert (history["loss_after"] <= history["loss"]).all()
        assert history["loss_after"][-1] < history["loss"][0]


def test_rows_are_units_and_have_every_place_once():
    layout = regression()[0].net.layout                    # (3, 5), (3, 4), (11, 4)
    blocks = rows(layout, 2)
    assert [b.size for b in blocks] == [10, 5, 8, 4] + [8] * 5 + [4]
    assert (np.concatenate(blocks) == np.arange(layout.size)).all()


# ---- contract ----

@pytest.mark.parametrize("kind", [np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("rule", [LevenbergMarquardt(1.0), BlockLevenbergMarquardt(damping=1.0)],
                         ids=["whole", "blocks"])
def test_states_resume_and_precision_is_kept(rule, kind):
    objective, theta = regression()
    objective, theta = objective.to(kind), theta.astype(kind)
    whole, history = ref.run(rule, objective, theta, 4)
    half, first = ref.run(rule, objective, theta, 2)
    rest, _ = ref.run(rule, objective, half, 2, pickle.loads(pickle.dumps(first.state)))
    assert whole.dtype == kind and (whole == rest).all() and history.state.k == 4
    truth, _ = ref.run(rule, *wide(objective, theta), 4)
    assert distance(whole, truth) < 1e5 * np.finfo(kind).eps    # mu falls to 1e-3: conditions 1e4


def test_what_does_not_fit_is_refused():
    objective, theta = brute.dense()
    with pytest.raises(ValueError, match="needs SquaredError"):
        LevenbergMarquardt().step(objective, theta, State((1.0,)))
    with pytest.raises(ValueError, match="place 1 is in 0 groups"):
        BlockLevenbergMarquardt((np.array([0]), np.arange(2, 31))).init(objective, theta)
    for make, match in [(lambda: LevenbergMarquardt(0), "above 0"),
                        (lambda: LevenbergMarquardt(factor=1), "a factor above 1"),
                        (lambda: LevenbergMarquardt(least=1.0), "least <= damping"),
                        (lambda: BlockLevenbergMarquardt(schedule="chaotic"), "asynchronous"),
                        (lambda: BlockLevenbergMarquardt("units").init(objective, theta),
                         "matrices, layers"),
                        (lambda: rows(objective.net.layout, 0), "k is 0")]:
        with pytest.raises(ValueError, match=match):
            make()
