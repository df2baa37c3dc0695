"""SGD, RMSprop and Adam against scripts that keep no state between steps but two vectors."""

import pickle

import numpy as np
import pytest

import reference as ref
from reference.optim.first_order import SGD, Adam, RMSprop, baseline_adam, baseline_rmsprop
from tests.curvature.brute import NETS, dense
from tests.derivatives.cases import distance

STEPS = 7
ROUNDING = 1e-14        # some tens of eps: seven steps of a few operations on the same gradients


def by_hand(objective, theta, rule):
    """theta after STEPS steps theta + rule(g, k), k from 1, with rule's own memory."""
    for k in range(1, STEPS + 1):
        theta = theta + rule(objective.grad(theta), k)
    return theta


def heavy_ball(g, k, memory):
    memory["m"] = 0.9 * memory.get("m", 0) + g
    return -0.1 * memory["m"]


def average(g, k, memory):
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    return -0.1 * memory["m"]


def rmsprop(g, k, memory):
    memory["v"] = 0.8 * memory.get("v", 0) + 0.2 * g ** 2
    return -0.1 * g / (np.sqrt(memory["v"]) + 1e-3)


def rmsprop_inside(g, k, memory):
    memory["v"] = 0.8 * memory.get("v", 0) + 0.2 * g ** 2
    return -0.1 * g / np.sqrt(memory["v"] + 1e-3)


def rmsprop_baseline(g, k, memory):
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["v"] = 0.9 * memory.get("v", 0) + 0.1 * memory["m"] ** 2
    return -0.1 * memory["m"] / (np.sqrt(memory["v"]) + 1e-3)


def adam(g, k, memory, second=0.99, momentum=False):
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    what = memory["m"] if momentum else g
    memory["v"] = second * memory.get("v", 0) + (1 - second) * what ** 2
    m, v = memory["m"] / (1 - 0.9 ** k), memory["v"] / (1 - second ** k)
    return -0.1 * m / (np.sqrt(v) + 1e-3)


def adam_inside(g, k, memory):
    """The exponentially weighted means as sums over all gradients so far: no recursion."""
    past = memory.setdefault("past", [])
    past.append(g)
    first, second = ([beta ** (k - 1 - j) for j in range(k)] for beta in (0.9, 0.99))
    m = sum(w * a for w, a in zip(first, past)) / sum(first)
    v = sum(w * a * a for w, a in zip(second, past)) / sum(second)
    return -0.1 * m / np.sqrt(v + 1e-3)


TWINS = {
    "descent": (SGD(0.1), lambda g, k, memory: -0.1 * g),
    "heavy ball": (SGD(0.1, 0.9), heavy_ball),
    "average": (SGD(0.1, 0.9, "average"), average),
    "rmsprop": (RMSprop(0.1, 0.8, 1e-3), rmsprop),
    "rmsprop, inside": (RMSprop(0.1, 0.8, 1e-3, "inside"), rmsprop_inside),
    "rmsprop, baseline": (baseline_rmsprop(0.1, 1e-3), rmsprop_baseline),
    "adam": (Adam(0.1, beta2=0.99, epsilon=1e-3), adam),
    "adam, inside": (Adam(0.1, beta2=0.99, epsilon=1e-3, placement="inside"), adam_inside),
    "adam, baseline": (baseline_adam(0.1, 1e-3),
                       lambda g, k, memory: adam(g, k, memory, 0.9, True)),
}


def against(optimizer, rule, net=dense):
    objective, theta = net()
    memory = {}
    truth = by_hand(objective, theta, lambda g, k: rule(g, k, memory))
    return distance(ref.run(optimizer, objective, theta, STEPS)[0] - theta, truth - theta)


@pytest.mark.parametrize("name", TWINS)
def test_steps_are_those_of_a_script(name):
    assert against(*TWINS[name]) < ROUNDING


@pytest.mark.parametrize("net", NETS)
def test_of_every_net(net):
    assert against(*TWINS["adam, inside"], NETS[net]) < ROUNDING


@pytest.mark.parametrize("name", TWINS)
def test_no_script_passes_for_another(name):
    """Each differs from each other's steps: what is named is what is done."""
    others = [rule for other, (_, rule) in TWINS.items() if other != name]
    assert min(against(TWINS[name][0], rule) for rule in others) > 1e-3


def test_a_heavy_ball_of_a_tenth_of_the_length_is_the_average():
    objective, theta = dense()
    ball, _ = ref.run(SGD(0.1, 0.9), objective, theta, STEPS)
    mean, _ = ref.run(SGD(1.0, 0.9, "average"), objective, theta, STEPS)
    assert distance(ball, mean) < ROUNDING


def test_the_first_step_of_adam_is_the_sign_of_the_gradient():
    """m^/sqrt(v^) = g/|g|: averages of one gradient, corrected; not so without correction."""
    objective, theta = dense()
    optimizer = Adam(0.1, epsilon=1e-30)
    after, _, info = optimizer.step(objective, theta, optimizer.init(objective, theta))
    assert distance(after - theta, -0.1 * np.sign(info["gradient"])) < ROUNDING


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("kind", [np.float32, np.longdouble])
def test_precision_is_that_of_theta_and_states_resume(name, kind):
    optimizer, (objective, theta) = TWINS[name][0], dense()
    objective, theta = objective.to(kind), theta.astype(kind)
    whole, history = ref.run(optimizer, objective, theta, 4)
    half, first = ref.run(optimizer, objective, theta, 2)
    rest, _ = ref.run(optimizer, objective, half, 2, pickle.loads(pickle.dumps(first.state)))
    assert whole.dtype == kind and (whole == rest).all() and history.state.k == 4
    assert history.state.m.dtype == kind


def test_bad_parameters_are_refused_with_their_value():
    for make, match in [(lambda: SGD(0), "length of SGD is 0"), (lambda: SGD(0.1, 1.0), "below 1"),
                        (lambda: SGD(0.1, form="nesterov"), "one of heavy ball, average"),
                        (lambda: Adam(epsilon=-1), "above 0"), (lambda: Adam(beta2=2), "beta2"),
                        (lambda: Adam(length=np.nan), "nan"), (lambda: SGD(True), "True"),
                        (lambda: RMSprop(placement="none"), "outside, inside")]:
        with pytest.raises(ValueError, match=match):
            make()
    assert type(SGD(np.float64(0.1)).length) is float
