"""`train --backend cupy`, on CuPy's stand-in: refusals, Ctrl-C, seconds, records."""

import json
import signal
import sys

import numpy as np
import pytest

from reference import problems
from reference.__main__ import main
from reference.arrays import cuda
from reference.arrays.transfer import to_host
from reference.optim.kbfgs import KBFGS
from reference.training import command, train
from tests.stand_in.cuda import out_of_memory
from tests.stand_in.modules import installed

TRAIN = ["train", "digits", "--size", "tiny", "--epochs", "2", "--backend", "cupy"]


@pytest.fixture
def cupy():
    with installed() as stand_in:
        yield stand_in


def refused(capsys, folder, *options):
    assert main([*TRAIN, "--out", str(folder), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("error: ")
    return error


def test_no_cupy_and_no_device_are_one_sentence_and_nothing_is_made(monkeypatch, tmp_path, capsys):
    with installed() as cupy:
        cupy.cuda.runtime.getDeviceCount = lambda: 0
        assert "finds no GPU that it can use" in refused(capsys, tmp_path)
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert "CuPy is not there" in refused(capsys, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_plotted_as_those_of_the_host(cupy, tmp_path, capsys):
    assert main([*TRAIN, "--out", str(tmp_path / "there"), "--plot"]) == 0
    assert main([*TRAIN[:-2], "--out", str(tmp_path / "here")]) == 0
    (_, there), (_, here) = (command.runs_in(tmp_path / name) for name in ("there", "here"))
    for name in ("train_loss", "test_loss"):             # the same draws, the same arithmetic
        np.testing.assert_allclose(there["kbfgs"][name], here["kbfgs"][name], rtol=1e-12)
    assert main(["plot", str(tmp_path / "there"), "--out", str(tmp_path / "a.png")]) == 0


# ---- memory ----

def test_a_device_that_is_full_says_so_and_what_to_do(cupy, monkeypatch, tmp_path, capsys):
    steps, step = [], KBFGS.step

    def fills(self, *given):
        steps.append(1)
        if len(steps) > 5:                                # the second epoch
            raise out_of_memory(8 * 10 ** 9)
        return step(self, *given)
    monkeypatch.setattr(KBFGS, "step", fills)
    error = refused(capsys, tmp_path)
    assert "Out of memory allocating 8,000,000,000 bytes" in error and "smaller --batch" in error
    monkeypatch.setattr(KBFGS, "step", step)
    assert main([*TRAIN, "--out", str(tmp_path), "--resume"]) == 0
    assert command.runs_in(tmp_path)[1]["kbfgs"]["epoch"].tolist() == [0, 1, 2]


def test_only_memory_errors_that_do_not_say_what_to_do_are_told_it():
    for said, told in ((MemoryError("too large; pass limit="), "too large; pass limit="),
                       (MemoryError(), "Out of memory; rest."),
                       (out_of_memory(3), "Out of memory allocating 3 bytes (allocated so far: "
                        "0 bytes); rest.")):
        with pytest.raises(MemoryError) as found, cuda.sparing("rest"):
            raise said
        assert str(found.value) == told
    with pytest.raises(ValueError, match="^other$"), cuda.sparing("rest"):
        raise ValueError("other")


# ---- Ctrl-C and the clock ----

def test_ctrl_c_saves_and_the_run_goes_on_to_the_same_end(cupy, monkeypatch, tmp_path, capsys):
    steps, step = [], KBFGS.step

    def pressed(self, *given):
        steps.append(1)
        if len(steps) == 6:
            signal.raise_signal(signal.SIGINT)
        return step(self, *given)
    monkeypatch.setattr(KBFGS, "step", pressed)
    assert main([*TRAIN, "--out", str(tmp_path / "a")]) == 130
    assert main([*TRAIN, "--out", str(tmp_path / "a"), "--resume"]) == 0
    assert main([*TRAIN, "--out", str(tmp_path / "b")]) == 0
    (_, one), (_, other) = (command.runs_in(tmp_path / name) for name in "ab")
    assert np.array_equal(one["kbfgs"]["train_loss"], other["kbfgs"]["train_loss"])


def test_the_clock_is_read_when_the_device_has_done_the_step(cupy):
    seen = []
    stream = cupy.cuda.get_current_stream()
    cupy.cuda.get_current_stream = lambda: stream
    stream.synchronize = lambda: seen.append("wait")

    class Watched(KBFGS):
        def step(self, *given):
            answer = super().step(*given)
            seen.append("step")
            return answer

    def clock():
        seen.append("clock")
        return 0.0
    task = problems.task("digits", "tiny").to("cupy")
    at, _ = train(task, Watched(), epochs=1, clock=clock)
    steps = [seen[k - 1:k + 3] for k, what in enumerate(seen) if what == "step"]
    assert steps and all(each == ["clock", "step", "wait", "clock"] for each in steps)
    assert np.isfinite(to_host(at.theta)).all()


def test_json_is_that_of_the_host(cupy, tmp_path, capsys):
    assert main([*TRAIN, "--json", "--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["reason"] == ""
