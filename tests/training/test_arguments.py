"""What `train` and `sweep` refuse, and that what was refused leaves nothing behind."""

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference as ref
from reference.optim.first_order import SGD
from reference.problems.files import save_npz
from reference.training import folder, sweep, train
from tests.training.runs import digits, run, same


@pytest.mark.parametrize("options, words", [
    ({"task": "digits"}, "pass a Task, as problems.task"),
    ({"optimizer": "sgd"}, "pass one with its hyper-parameters"),
    ({"watch": 7}, "watch is 7; pass a function"), ({"progress": "bar"}, "progress is 'bar'"),
    ({"say": None}, "say is None"), ({"clock": 3.0}, "clock is 3.0"), ({"until": 9}, "until is 9"),
    ({"resume": "no"}, "resume is 'no'"), ({"out": 5}, "out is 5; pass the name of a folder"),
], ids=str)
def test_what_is_of_another_kind_is_said(options, words):
    given = {"task": digits(), "optimizer": SGD(0.1), "epochs": 1, **options}
    with pytest.raises(TypeError, match=words):
        train(**given)


@pytest.mark.parametrize("options, words", [
    ({"tasks": "digits"}, r"tasks is 'digits'; pass a list"),
    ({"optimizers": "sgd"}, "optimizers is 'sgd'; pass a list"),
    ({"optimizers": {"sgd": 3}}, "the fields of sgd are 3; pass a dict"),
    ({"seeds": 3}, "seeds is 3; pass a list"), ({"executor": 4}, "executor is 4; .* method map"),
], ids=str)
def test_what_no_sweep_goes_over_is_said(options, words):
    with pytest.raises(TypeError, match=words):
        sweep(**{"tasks": ["digits"], "optimizers": ["sgd"], "seeds": [0], "epochs": 1, **options})


def test_a_sweep_is_refused_before_its_first_run():
    ran = []

    class Executor:
        def map(self, function, jobs):
            ran.extend(jobs)
    for bad in ({"tasks": ["digit"]}, {"optimizers": ["sgd", "sdg"]}, {"seeds": [0, -1]},
                {"epochs": 0}, {"size": "huge"}):
        with pytest.raises(ValueError):
            sweep(**{"tasks": ["digits"], "optimizers": ["sgd"], "seeds": [0], "epochs": 1,
                     "executor": Executor(), **bad})
    assert not ran


def test_seeds_of_numpy_are_those_of_python(tmp_path):
    one = train(digits(), SGD(0.1), tmp_path, epochs=1, seed=np.int64(3))
    assert same(one, train(digits(), SGD(0.1), epochs=1, seed=3))


@dataclass(frozen=True)
class Odd:
    """An optimiser whose step is another function's."""

    taken: Any = None
    other: Any = None

    def init(self, objective, theta):
        return 0

    def step(self, objective, theta, state):
        return self.taken(theta)


class Plain:
    """No dataclass."""

    init = step = None


@pytest.mark.parametrize("optimizer, words", [
    (Plain(), "Plain is no dataclass"), (Odd(other=object()), "a setting is <object"),
    (Odd(lambda theta: (theta[1:], 0, {"loss": 1.0})), r"step 1 of Odd made a <float64 array \(12"),
    (Odd(lambda theta: (theta.astype("float32"), 0, {"loss": 1.0})), "made a <float32"),
    (Odd(lambda theta: (theta, 0, {"rho": 1.0})), "the info of Odd has no 'loss'.* has rho"),
], ids=["plain", "setting", "shape", "precision", "loss"])
def test_what_is_no_optimiser_of_a_run_is_said(optimizer, words, tmp_path):
    with pytest.raises(TypeError, match=words):
        train(digits(), optimizer, tmp_path / "run", epochs=1)
    assert not list(tmp_path.iterdir())


def test_a_task_in_another_precision_than_its_data_is_refused():
    with pytest.raises(TypeError, match="made a <float64 array .* of theta, a <float32"):
        train(replace(digits(), dtype="float32"), SGD(0.1), epochs=1)
    with pytest.raises(ValueError, match="dtype of task digits must be one of float32, float64"):
        train(replace(digits(), dtype="float16"), SGD(0.1), epochs=1)


def test_a_task_of_two_networks_is_refused():
    posed = digits()
    other = replace(posed.test, net=ref.Sequential(ref.Dense(64, 10)))
    with pytest.raises(ValueError, match="1210 parameters and tests one of 650"):
        train(replace(posed, test=other), SGD(0.1), epochs=1)


# ---- folders ----

@pytest.mark.parametrize("options", [
    {"batch": 1000}, {"seed": -1},
    {"optimizer": ref.BlockLevenbergMarquardt(groups="rows")},      # refused by init
    {"optimizer": ref.LevenbergMarquardt()},                        # by the first step
], ids=["batch", "seed", "init", "step"])
def test_what_is_refused_leaves_no_folder(options, tmp_path):
    out = tmp_path / "a" / "b"
    with pytest.raises(ValueError):
        train(digits(), **{"optimizer": SGD(0.1), "epochs": 1, "out": out, **options})
    assert not list(tmp_path.iterdir())


def test_an_empty_name_and_a_file_are_no_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="out is empty"):
        run("sgd", "")
    Path("file").write_text("mine")
    with pytest.raises(FileExistsError):
        run("sgd", Path("file"))
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_was_there_stays(tmp_path):
    with pytest.raises(ValueError, match="no sum of squares"):
        run("levenberg-marquardt", tmp_path)
    assert tmp_path.is_dir()


def test_a_folder_that_cannot_be_written_is_told_before_the_first_step(tmp_path, monkeypatch):
    def denied(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), f"{dir}/tmp123")
    monkeypatch.setattr(folder, "TemporaryFile", denied)
    with pytest.raises(PermissionError) as told:
        run("sgd", tmp_path / "a", watch=lambda *step: pytest.fail("a step was taken"))
    assert told.value.filename == str(tmp_path / "a") and not list(tmp_path.iterdir())


def test_a_full_disk_is_told_by_the_name_that_was_given(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*x.npz'") as told:
        save_npz(tmp_path / "x.npz", a=np.zeros(3))
    assert told.value.filename == str(tmp_path / "x.npz") and not list(tmp_path.iterdir())
