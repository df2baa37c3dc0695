"""Training: an interrupted run ends bit for bit as one that was not; what stops it is named."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import reference as ref
from reference.optim.first_order import SGD
from reference.problems import task
from reference.training import Diverged, Interrupted, evaluate, train
from reference.training.record import EPOCH, STEP
from tests.training.runs import CHOSEN, digits, run, same


def interrupt(step):
    def progress(at, per_epoch, row):
        if at.steps == step:
            raise KeyboardInterrupt
    return progress


# ---- what watches ----

def test_laws_watch_every_step_and_see_a_planted_rise():
    posed = digits()
    watcher = ref.invariants(ref.KBFGS(), posed.initial(np.random.default_rng(0)))
    at, _ = train(posed, ref.KBFGS(), epochs=1, watch=watcher)
    assert not watcher.violations and watcher.checked["step"] == at.steps
    raised = ref.Invariants(("rise",))
    train(posed, ref.KBFGS(length=3e3), epochs=1, watch=raised)
    assert raised.violations


def test_the_clock_is_the_callers():
    ticks = iter(range(1000))
    at, _ = train(digits(), SGD(0.1), epochs=1, clock=lambda: next(ticks))
    assert at.seconds == at.steps + 1               # one tick per step, and one for init


# ---- the same to the last bit ----

@pytest.mark.parametrize("name", CHOSEN)
def test_interrupted_twice_and_resumed_is_uninterrupted(name, tmp_path):
    whole = run(name)
    for step in (3, 5):                         # within an epoch, and within the next
        with pytest.raises(Interrupted, match=f"step {step} .*saved in .*{tmp_path.name}"):
            run(name, tmp_path, progress=interrupt(step), resume=True)
    assert same(run(name, tmp_path, resume=True), whole)


@pytest.mark.parametrize("name", ["levenberg-marquardt", "block-levenberg-marquardt"])
def test_the_same_for_least_squares(name, tmp_path):
    posed = task("chaotic-series", "tiny")
    with pytest.raises(Interrupted):
        run(name, tmp_path, posed=posed, progress=interrupt(2))
    assert same(run(name, tmp_path, posed=posed, resume=True), run(name, posed=posed))


@pytest.mark.parametrize("name", ["kbfgs", "kfac", "adam"])
def test_the_same_in_float32(name, tmp_path):
    with pytest.raises(Interrupted):
        run(name, tmp_path, dtype="float32", progress=interrupt(2))
    resumed = run(name, tmp_path, dtype="float32", resume=True)
    assert same(resumed, run(name, dtype="float32")) and resumed[0].theta.dtype == np.float32


def test_dropout_masks_and_a_last_short_of_an_epoch_are_the_same(tmp_path):
    posed = task("mnist-dropout", "tiny")
    with pytest.raises(Interrupted):
        run("sgd", tmp_path, posed=posed, progress=interrupt(6))
    assert same(run("sgd", tmp_path, posed=posed, resume=True), run("sgd", posed=posed))


def test_an_extended_run_is_a_longer_one(tmp_path):
    run("kbfgs", tmp_path, epochs=1)
    assert same(run("kbfgs", tmp_path, epochs=2, resume=True), run("kbfgs", epochs=2))


def test_another_seed_is_another_run():
    assert not same(run("sgd", seed=1), run("sgd", seed=0))


def test_what_is_not_carried_on_is_seen(tmp_path, monkeypatch):
    """The counterexample: an optimiser whose state forgets the momentum on the way."""
    whole = run("sgd")
    with pytest.raises(Interrupted):
        run("sgd", tmp_path, progress=interrupt(5))
    monkeypatch.setattr(SGD, "step", forgetful(SGD.step))
    assert not same(run("sgd", tmp_path, resume=True), whole)


@dataclass(frozen=True)
class Looking:
    """Its state is every other number of an array; tells as rho whether it is that still."""

    def init(self, objective, theta):
        return np.arange(8.0)[::2]

    def step(self, objective, theta, state):
        return theta, np.arange(8.0)[::2], {"loss": 1.0, "rho": not state.flags.c_contiguous}


def test_every_step_begins_with_what_a_checkpoint_would_give():
    """Sums over numbers that lie apart may round otherwise than over numbers side by side."""
    at, log = train(digits(), Looking(), epochs=2)
    assert [row[1] for row in log.steps] == [0.0] * 8 and at.state.flags.c_contiguous


def forgetful(step):
    def forgetting(self, objective, theta, state):
        return step(self, objective, theta, replace(state, m=0 * state.m))
    return forgetting


# ---- what is recorded ----

@pytest.mark.parametrize("name", ["digits", "mnist-dropout"])
def test_steps_and_epochs_are_those_of_a_loop_by_hand(name):
    posed, optimizer = task(name, "tiny"), SGD(0.1)
    at, log = train(posed, optimizer, epochs=2, batch=80, seed=5)
    theta = posed.initial(np.random.default_rng(5))
    state, losses = optimizer.init(posed.train, theta), []
    for epoch in (1, 2):
        order = np.random.default_rng([5, 1, epoch]).permutation(200)
        for k in range(2):                                      # 40 of 200 are left out
            batch = posed.train.batch(order[80 * k:80 * k + 80])
            batch = posed.redraw(batch, np.random.default_rng([5, 2, epoch, k + 1]))
            theta, state, info = optimizer.step(batch, theta, state)
            losses.append(info["loss"])
    steps, epochs = log.until(at)
    assert np.array_equal(at.theta, theta) and np.array_equal(steps[:, 0], losses)
    assert (at.epoch, at.step, at.steps) == (2, 0, 4)
    assert list(epochs[:, EPOCH.index("steps")]) == [0, 2, 4]
    assert epochs[-1, EPOCH.index("train_loss")] == evaluate(posed.train, theta)
    assert epochs[-1, EPOCH.index("test_loss")] == evaluate(posed.test, theta)
    assert epochs[-1, EPOCH.index("loss")] == (losses[2] + losses[3]) / 2
    assert np.isnan(steps[:, STEP.index("rho")]).all()
    # the seconds of steps add up, after those of init
    assert 0 < steps[:, -1].sum() <= at.seconds == epochs[-1, 2]


def test_the_files_hold_the_record(tmp_path):
    at, log = run("kbfgs", tmp_path)
    found = ref.problems.load_npz(tmp_path / "record.npz", ["epoch_train_loss", "step_damping"])
    steps, epochs = log.until(at)
    assert np.array_equal(found["epoch_train_loss"], epochs[:, 3])
    assert np.array_equal(found["step_damping"], np.full(8, 0.3))
    lines = (tmp_path / "record.csv").read_text().splitlines()
    assert lines[0].split(",") == list(EPOCH) and lines[1].startswith("0,0,")
    assert float(lines[3].split(",")[3]) == epochs[2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-00000004.npz", "checkpoint-00000008.npz", "record.csv", "record.npz"]


@pytest.mark.parametrize("reduction", ["mean", "sum", "mean over labels"])
def test_losses_in_chunks_are_the_loss(reduction):
    rng = np.random.default_rng(0)
    plain = digits().train
    objective = ref.Objective(plain.net, plain.loss, plain.x, plain.y, rng.random(200), reduction,
                              0.1)
    theta = plain.net.initial(rng)
    whole = objective.value(theta)
    for chunk in (1, 7, 200, 1000):
        # sums of 200 positive terms in another order: some eps
        assert abs(evaluate(objective, theta, chunk) / whole - 1) < 50 * 2.3e-16
    assert abs(evaluate(objective, theta, 7) / plain.value(theta) - 1) > 0.01


def test_seconds_end_a_run_with_the_epoch_under_way():
    at, log = train(digits(), SGD(0.1), seconds=1e-9)
    assert at.epoch <= 1 and len(log.epochs) == at.epoch + 1


# ---- what stops a run ----

def test_a_step_that_is_not_finite_is_named_with_the_last_good_checkpoint(tmp_path):
    posed = digits()
    train(posed, SGD(0.1), tmp_path, 1)
    with pytest.raises(ValueError, match="settings.length was 0.1, is 1e"):
        train(posed, SGD(1e300), tmp_path, 2, resume=True)
    with pytest.raises(Diverged, match="step 2.*no checkpoint yet"):
        train(posed, Failing(2, "nan"), tmp_path / "other", 2)


@dataclass(frozen=True)
class Failing:
    """Stays where it is, and at the k-th step goes wrong."""

    k: int
    kind: str

    def init(self, objective, theta):
        return 0

    def step(self, objective, theta, state):
        info = {"loss": np.inf if self.kind == "loss" and state + 1 == self.k else 1.0}
        if state + 1 == self.k and self.kind == "raises":
            raise np.linalg.LinAlgError("singular")
        factor = np.nan if state + 1 == self.k and self.kind == "nan" else 1
        return theta * factor, state + 1, info


@pytest.mark.parametrize("kind, words", [("nan", "theta is not finite after step 6"),
                                         ("loss", "the loss before step 6 is inf"),
                                         ("raises", "step 6 failed: singular")])
def test_the_last_good_checkpoint_can_be_loaded(tmp_path, kind, words):
    with pytest.raises(Diverged, match=f"{words}.*checkpoint-00000004.npz"):
        train(digits(), Failing(6, kind), tmp_path, 3)
    at, _ = train(digits(), Failing(6, kind), tmp_path, 1, resume=True)
    assert at.steps == 4 and np.isfinite(at.theta).all()


@dataclass(frozen=True)
class Rising(Failing):
    """Fails after losses that rose."""

    def step(self, objective, theta, state):
        theta, state, info = super().step(objective, theta, state)
        return theta, state, {"loss": 10.0 ** state}


def test_a_failure_after_losses_that_rose_is_told_by_them_and_not_by_the_matrix_that_failed():
    words = "step 6 failed, since the loss had risen from 10 at the first step to 100000"
    with pytest.raises(Diverged, match=words) as told:
        train(digits(), Rising(6, "raises"), epochs=3)
    assert "singular" not in str(told.value)


def test_what_an_optimiser_refuses_at_its_first_step_is_no_divergence(tmp_path):
    with pytest.raises(np.linalg.LinAlgError):
        train(digits(), Failing(1, "raises"), tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options, words", [
    ({}, "neither"), ({"epochs": 0}, "epochs is 0"), ({"epochs": True}, "epochs is True"),
    ({"seconds": -1.0}, "seconds is -1"), ({"epochs": 1, "batch": 201}, "batch is 201 of 200"),
    ({"epochs": 1, "seed": -1}, "seed is -1"),
], ids=str)
def test_limits_that_are_none_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        train(digits(), SGD(0.1), **options)


def test_a_folder_that_holds_a_run_is_refused_and_another_configuration_by_its_fields(tmp_path):
    run("adam", tmp_path, epochs=1)
    with pytest.raises(ValueError, match="already holds a run"):
        run("adam", tmp_path)
    with pytest.raises(ValueError, match="dtype was 'float64', is 'float32'") as told:
        run("adam", tmp_path, dtype="float32", seed=3, resume=True)
    assert "seed was 0, is 3" in str(told.value)
    with pytest.raises(ValueError, match="optimizer was 'Adam', is 'SGD'"):
        run("sgd", tmp_path, resume=True)


def test_other_data_are_another_configuration(tmp_path):
    run("sgd", tmp_path, epochs=1)
    posed = digits()
    changed = replace(posed, test=posed.test.batch(slice(0, 99)))
    with pytest.raises(ValueError, match="data was"):
        run("sgd", tmp_path, posed=changed, resume=True)


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    run("sgd", tmp_path, epochs=1)
    (tmp_path / ".record.csv.123.456.tmp").write_bytes(b"half")
    run("sgd", tmp_path, resume=True)
    assert not list(tmp_path.glob(".*"))


def test_rows_that_an_interruption_left_ahead_of_the_state_are_not_kept():
    at, log = run("sgd")
    steps, epochs = log.until(replace(at, steps=5, epoch=1))
    assert len(steps) == 5 and len(epochs) == 2 and len(log.steps) == 8
