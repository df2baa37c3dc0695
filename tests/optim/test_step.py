"""The loop that takes steps, and what it refuses."""

from dataclasses import dataclass

import numpy as np
import pytest

import reference as ref
from tests.derivatives.cases import small


@dataclass(frozen=True)
class Descent:
    """theta - length g: the least that is an optimiser."""

    length: float

    def init(self, objective, theta):
        return 0

    def step(self, objective, theta, state):
        g = objective.grad(theta)
        return theta - self.length * g, state + 1, {"loss": objective.value(theta), "gradient": g}


def test_steps_go_on_from_a_state_as_if_they_had_never_stopped():
    objective, theta = small()
    whole, history = ref.run(Descent(0.1), objective, theta, 7)
    half, first = ref.run(Descent(0.1), objective, theta, 3)
    rest, last = ref.run(Descent(0.1), objective, half, 4, state=first.state)
    assert (whole == rest).all() and last.state == history.state == 7
    assert (history["loss"] == np.concatenate([first["loss"], last["loss"]])).all()
    assert (np.diff(history["loss"]) < 0).all() and set(history.values) == {"loss"}


def test_theta_is_left_as_it_is_and_every_step_is_shown():
    objective, theta = small()
    theta.flags.writeable = False
    seen = []
    ref.run(Descent(0.1), objective, theta, 3, watch=lambda k, theta, info: seen.append(k))
    assert seen == [0, 1, 2]


def test_batches_hold_every_example_once_an_epoch_and_are_shuffled():
    objective, theta = small()
    batches = ref.problems.batches(objective, 3, np.random.default_rng(0))
    stream = iter(batches)
    x = np.concatenate([next(stream).x for _ in range(4)])
    assert batches.per_epoch == 2 and x.shape == (12, 5)
    for epoch in x[:6], x[6:]:
        assert len({row.tobytes() for row in epoch}) == 6
    assert (x[:6] != x[6:]).any()
    _, history = ref.run(Descent(0.1), batches, theta, 5)
    assert history["loss"].shape == (5,)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_cannot_go_on_says_so():
    objective, theta = small()
    with pytest.raises(ArithmeticError, match="not finite after step 1 "):
        ref.run(Descent(np.inf), objective, theta, 3)
    with pytest.raises(ValueError, match="end after 2 of 3"):
        ref.run(Descent(0.1), [objective] * 2, theta, 3)
    with pytest.raises(TypeError, match="problems.batches"):
        ref.run(Descent(0.1), 7, theta, 3)
    for size in (0, 8, 2.0, True):
        with pytest.raises(ValueError, match="whole number"):
            ref.problems.batches(objective, size, np.random.default_rng(0))
    with pytest.raises(TypeError, match="default_rng"):
        ref.problems.batches(objective, 2, 0)


@pytest.mark.parametrize("bad", ["false", 1, None, np.nan])
def test_a_flag_is_true_or_false(bad):
    for make in (lambda: ref.KFAC(momentum=bad), lambda: ref.KBFGS(full_batch=bad)):
        with pytest.raises(TypeError, match="pass True or False"):
            make()


def test_what_is_no_optimiser_or_no_real_theta_is_said():
    objective, theta = small()
    for bad in "adam", ref.Adam, None:
        with pytest.raises(TypeError, match="as KBFGS"):
            ref.run(bad, objective, theta, 1)
    for bad in theta + 1j, theta.astype(object):
        with pytest.raises(ValueError, match="theta holds"):
            ref.run(ref.Adam(), objective, bad, 1)
