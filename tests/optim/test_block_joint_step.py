"""What becomes of the blocks' steps together: too long, by how much at most, and shortened."""

from dataclasses import replace

import numpy as np
import pytest

import reference as ref
from reference.optim import block_hessian_free as module
from tests.derivatives.cases import distance
from tests.optim.free import PROBLEMS, curvature, dense_directions


def test_exact_blocks_overshoot_where_the_whole_step_does_not():
    """Two inputs that are equal, with a block each: both make all of the change, twice too much.

    L is a parabola, so that the whole step, with little damping, is at its minimum, and the step of
    both blocks is where it began; the model of the whole finds half of it.
    """
    x = np.repeat(np.random.default_rng(0).standard_normal((7, 1)), 2, axis=1)
    net = ref.Sequential(ref.Parallel(ref.Sequential(ref.Dense(2, 1, bias=False)),
                                      ref.Sequential(ref.Dense(2, 1, bias=False))))
    objective = ref.Objective(net, ref.SquaredError(), x, x[:, :1])
    theta, options = np.zeros(4), {"damping": 1e-9, "curvature_batch": None, "exponent": 0.0}
    steps = {joint: ref.BlockHessianFree(joint=joint, **options) for joint in module.JOINTS}
    steps["whole"] = ref.HessianFree(**options)
    found = {}
    for name, optimizer in steps.items():
        found[name] = optimizer.step(objective, theta, optimizer.init(objective, theta))[2]
    L = objective.value(theta)
    overshot = objective.value(theta + found["search"]["iterates"][-1])
    assert overshot == pytest.approx(L, rel=1e-6)
    assert found["whole"]["loss_after"] < 1e-12 * L > found["model"]["loss_after"]
    assert found["search"]["length"] < 1 == found["model"]["length"]
    assert 0 < found["search"]["loss_after"] < L
    blocks = ref.partition(net, "layers")
    d, _ = dense_directions(objective, objective, theta, 1e-9, blocks)
    assert distance(found["search"]["iterates"][-1], d) < 1e-6            # eps over the damping
    assert distance(found["model"]["iterates"][-1], d / 2) < 1e-6


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("groups, count", [("layers", 2), ("weights and biases", None)])
def test_a_step_of_k_blocks_is_shortened_to_no_less_than_one_kth(name, groups, count):
    """B >= 0 has d.Bd <= k sum_b d_b.B_b d_b, and from 0 g.d = -sum_b d_b.(B_b + lam I)d_b.

    The equal inputs above attain 1/k; a longer step is shortened to less.
    """
    objective, theta = PROBLEMS[name]
    k = count or len(ref.partition(objective.net, groups))
    for lam in (1e-3, 0.1):
        optimizer = ref.BlockHessianFree(groups=groups, damping=lam, curvature_batch=None)
        rows = optimizer.step(objective, theta, optimizer.init(objective, theta))[2]["iterates"]
        shares = module.shortened(objective, theta, objective.grad(theta), rows, lam)
        assert (shares >= (1 - 1e-12) / k).all() and shares.min() < 1
    assert module.shortened(objective, theta, objective.grad(theta), 100 * rows, lam).max() < 1 / k


def test_the_model_of_the_whole_shortens_every_iterate():
    objective, theta = PROBLEMS["recurrent"]
    optimizer = ref.BlockHessianFree(damping=0.05, curvature_batch=None)
    (_, state, plain), (_, other, modelled) = (replace(optimizer, joint=joint).step(
        objective, theta, optimizer.init(objective, theta)) for joint in module.JOINTS)
    B, g = curvature(objective, theta) + 0.05 * np.eye(theta.size), plain["gradient"]
    shares = [min(1, -(g @ d) / (d @ B @ d)) for d in plain["iterates"]]
    assert min(shares) < 0.9
    assert distance(modelled["iterates"], plain["iterates"] * np.array(shares)[:, None]) < 1e-12
    assert (state.last == other.last).all()                # from which the blocks start again
    t, own = shares[-1], plain["iterates"][-1]
    model = t * (g @ own) + t * t * plain["curvature"] / 2
    assert modelled["model"] == pytest.approx(model, rel=1e-12)
