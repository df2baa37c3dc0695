"""Block by block: each equals its dense block's solution, one block is Hessian-free itself."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import reference as ref
from reference.optim import block_hessian_free as module
from reference.optim.hessian_free import curvature_part, decayed_gauss_newton
from reference.optim.truncated_cg import truncated_cg
from tests.derivatives.cases import distance
from tests.optim.free import END, PROBLEMS, curvature, dense_step, same

TO_THE_END = ref.BlockHessianFree(**END)
GROUPS = ["layers", "matrices", "weights and biases", [[1], [0]]]


@pytest.fixture
def end_alone(monkeypatch):
    """No iterate but the last is kept: backtracking has nothing to choose from."""
    monkeypatch.setattr(module, "truncated_cg", partial(truncated_cg, keep=()))


def error_of_a_step(objective, theta, groups="layers"):
    """How far a step is from its dense twin, in theta, lam and rho."""
    optimizer = replace(TO_THE_END, groups=groups)
    part, blocks = curvature_part(objective, 0.25), ref.partition(objective.net, groups)
    after, state, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    twin, lam, rho, d = dense_step(part, objective, theta, 2.0, groups=blocks)
    return max(distance(after - theta, twin - theta), distance(state.last, d),
               abs(state.damping - lam), abs(info["rho"] - rho) / 100)       # of differences of L


@pytest.mark.parametrize("name, groups", [
    *[(name, "layers") for name in PROBLEMS], *[("dense", groups) for groups in GROUPS[1:]],
    ("recurrent", "matrices")])
def test_a_step_is_that_of_the_dense_blocks(end_alone, name, groups):
    assert error_of_a_step(*PROBLEMS[name], groups) < 1e-11


PLANTED = {
    "other inputs": ("behind", lambda o, theta, xs, b: BEHIND(o, theta, [-x for x in xs], b)),
    "no zeros": ("block_product", lambda B, b, P: lambda v: B(np.resize(v, P))[b]),
    "lam left out": ("damped", lambda B, lam: B),
    "blocks in disorder": ("joined", lambda pieces, blocks: np.concatenate(pieces[::-1])),
    "the whole batch": ("curvature_part", lambda objective, size: objective)}


BEHIND = module.behind


@pytest.mark.parametrize("bug", PLANTED)
def test_the_dense_twin_sees_a_planted_bug(bug, end_alone, monkeypatch):
    monkeypatch.setattr(module, *PLANTED[bug])
    assert error_of_a_step(*PROBLEMS["convolutional"]) > 1e-5


def embedded():
    """Words as indices, a stack with a residual part, and labels at places: N = 5, T = 3."""
    rng = np.random.default_rng(0)
    net = ref.Sequential(ref.Embedding(7, 4), ref.Tanh(), ref.Residual(ref.Dense(4, 4), ref.Tanh()),
                         ref.LayerNorm(4), ref.Dense(4, 3))
    x, y = rng.integers(7, size=(5, 3)), rng.integers(3, size=(5, 3))
    return ref.Objective(net, ref.CrossEntropy(), x, y, l2=0.1), net.initial(rng)


def tied():
    """A matrix used twice, before and after another."""
    rng = np.random.default_rng(0)
    shared = ref.Tied("W", ref.Dense(3, 3))
    net = ref.Sequential(shared, ref.Tanh(), ref.Dense(3, 3), ref.Tanh(), shared)
    x, y = rng.standard_normal((5, 3)), rng.integers(3, size=5)
    return ref.Objective(net, ref.CrossEntropy(), x, y), net.initial(rng)


@pytest.mark.parametrize("problem, groups, sizes", [
    (PROBLEMS["dense"], "matrices", [31, 21]), (PROBLEMS["dense"], [[1], [0]], [21, 31]),
    (PROBLEMS["convolutional"], "weights and biases", [59, 59, 44, 44]),
    (PROBLEMS["recurrent"], "matrices", [71, 71, 44]), (PROBLEMS["recurrent"], "whole", [71]),
    (embedded(), "layers", [71, 43, 23, 15]), (tied(), "layers", [24, 24])],
    ids=["dense", "turned", "convolutional", "recurrent", "whole", "embedded", "tied"])
def test_the_product_is_with_a_block_of_the_dense_matrix(problem, groups, sizes):
    """And what lies before the block is left out, unless its matrices are used again."""
    objective, theta = problem
    B, xs = curvature(objective, theta), objective.net.forward(theta, objective.x)
    seen = []
    for b in ref.partition(objective.net, groups):
        v = np.random.default_rng(0).standard_normal(b.size)
        rest, own, places = module.behind(objective, theta, xs, b)
        product = module.block_product(decayed_gauss_newton(rest, own), places, own.size)(v)
        assert distance(product, B[np.ix_(b, b)] @ v) < 1e-13
        seen.append(own.size)
    assert seen == sizes


# ---- one block ----

@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("size", [None, 0.5])
def test_one_block_is_hessian_free_to_the_last_bit(name, size):
    objective, theta = PROBLEMS[name]
    options = {"damping": 0.05, "curvature_batch": size}
    one, blocks = ref.run(ref.BlockHessianFree(groups="whole", **options), objective, theta, 5)
    free, whole = ref.run(ref.HessianFree(**options), objective, theta, 5)
    two, _ = ref.run(ref.BlockHessianFree(groups="layers", **options), objective, theta, 5)
    assert (one == free).all() and same(blocks.state, whole.state) and (two != free).any()
    assert all((blocks[name] == whole[name]).all() for name in blocks.values)


def test_iterates_have_every_blocks_own_or_its_last():
    objective, theta = PROBLEMS["recurrent"]
    optimizer = ref.BlockHessianFree(damping=0.01)
    _, _, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    lengths = [len(block["path"].iterates) for block in info["blocks"]]
    assert len(info["iterates"]) == max(lengths) == 7 > min(lengths) == 6
    for block in info["blocks"]:
        kept = block["path"].iterates
        for k, row in enumerate(info["iterates"]):
            assert (row[block["places"]] == kept[min(k, len(kept) - 1)]).all()
    assert info["iterations"] == sum(block["iterations"] for block in info["blocks"])


# ---- in parallel, and one step after the other ----

def test_threads_and_processes_change_no_bit():
    objective, theta = PROBLEMS["recurrent"]
    optimizer = ref.BlockHessianFree(damping=0.5)
    state = optimizer.init(objective, theta)
    alone = optimizer.step(objective, theta, state)
    context = multiprocessing.get_context("spawn")
    for pool in (ThreadPoolExecutor(2), ProcessPoolExecutor(2, mp_context=context)):
        with pool:
            shared = replace(optimizer, executor=pool).step(objective, theta, state)
        assert same(alone, shared)
    assert not same(alone, optimizer.step(objective, theta * (1 + 1e-15), state))


def test_steps_go_on_from_a_pickled_state_to_the_last_bit():
    objective, theta = PROBLEMS["convolutional"]
    optimizer = ref.BlockHessianFree(damping=0.5, joint="model")
    whole, history = ref.run(optimizer, objective, theta, 4)
    half, first = ref.run(optimizer, objective, theta, 2)
    state = pickle.loads(pickle.dumps(first.state))
    rest, last = ref.run(optimizer, objective, half, 2, state=state)
    assert (whole == rest).all() and same(history.state, last.state)
    assert (history["loss_after"] < history["loss"]).all()


@pytest.mark.parametrize("dtype", ["float32", "longdouble"])
@pytest.mark.parametrize("joint", module.JOINTS)
def test_steps_keep_the_precision_of_theta(dtype, joint):
    objective, theta = PROBLEMS["dense"]
    optimizer = ref.BlockHessianFree(damping=0.5, joint=joint)
    after, history = ref.run(optimizer, objective.to(dtype), theta.astype(dtype), 2)
    assert after.dtype == history.state.last.dtype == dtype
    expected, _ = ref.run(optimizer, objective, theta, 2)
    assert distance(after, expected) < (1e-3 if dtype == "float32" else 1e-11)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="search, model"):
        ref.BlockHessianFree(joint="none")
    with pytest.raises(ValueError, match="damping of BlockHessianFree is 0"):
        ref.BlockHessianFree(damping=0)
    with pytest.raises(ValueError, match="groups must be one of"):
        ref.BlockHessianFree(groups="layer").init(*PROBLEMS["dense"])
