"""All optimisers on all tasks: every end is told, nothing stops the rest, the page is its records'."""

import json
import os

import numpy as np
import pytest

from reference.__main__ import main
from reference.oracle.layer_text import BEGIN, END
from reference.problems.sources import VARIABLE
from reference.training import grid, job, results_page
from reference.training.defaults import DEFAULTS, Default
from reference.training.job import Job, enough, outcome, ran
from reference.training.measured import gathered

TASKS, OPTIMIZERS = ("digits", "chaotic-series"), ("sgd", "kbfgs", "levenberg-marquardt")
LIMITS = {"seconds": 0.02, "epochs": 2, "size": "tiny", "dtype": "float32"}
JOBS = grid.jobs_of(TASKS, OPTIMIZERS, 2, **LIMITS)
COMMAND = ["results", "--size", "tiny", "--seconds", "0.02", "--epochs", "2", "--seeds", "2",
           "--tasks", ",".join(TASKS), "--optimizers", ",".join(OPTIMIZERS)]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The runs, made in this process."""
    folder = tmp_path_factory.mktemp("results")
    for each in JOBS:
        ran(each, grid.place(folder, each))
    return folder


def end(folder, each):
    return outcome(each, grid.place(folder, each))


def one(name, task="digits", **more):
    return Job(task, name, 0, **{**LIMITS, **more})


# ---- how runs end ----

def test_a_run_goes_on_for_both_limits_but_no_more_than_three_times_the_seconds():
    class At:
        def __init__(self, seconds, epoch):
            self.seconds, self.epoch = seconds, epoch
    limits = one("sgd", seconds=1.0, epochs=10)
    told = [enough(limits, At(*at)) for at in ((1.0, 9), (0.9, 10), (1.0, 10), (3.0, 1))]
    assert told == [False, False, True, True]


def test_every_run_ends_and_what_is_refused_says_why(out):
    ends = {(each.task, each.optimizer): end(out, each) for each in JOBS}
    assert {key: found["status"] for key, found in ends.items()} == {
        (task, name): "refused" if (task, name) == ("digits", OPTIMIZERS[2]) else "finished"
        for task in TASKS for name in OPTIMIZERS}
    assert "no sum of squares" in ends["digits", "levenberg-marquardt"]["message"]
    for each in JOBS:
        if end(out, each)["status"] == "finished":
            columns = gathered([each], out)[each.task][each.optimizer][0].columns
            assert columns["epoch"][-1] >= 2 and columns["seconds"][-1] >= 0.02


def test_a_run_that_diverges_keeps_its_losses_until_then(tmp_path, monkeypatch):
    monkeypatch.setitem(DEFAULTS, "sgd", Default({"length": 1e4, "momentum": 0.99}, "planted"))
    each = one("sgd", "chaotic-series", seconds=5.0)
    ran(each, grid.place(tmp_path, each))
    assert end(tmp_path, each)["status"] == "diverged"
    assert "step" in end(tmp_path, each)["message"] and "checkpoint" not in end(
        tmp_path, each)["message"]
    assert len(gathered([each], tmp_path)["chaotic-series"]["sgd"][0].columns["epoch"]) >= 1


def test_a_run_that_takes_too_long_is_stopped_and_a_broken_one_told(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "CUT", 3)
    monkeypatch.setattr(job, "enough", lambda each, at: False)
    each = one("sgd")
    ran(each, grid.place(tmp_path, each))
    assert end(tmp_path, each)["status"] == "stopped"

    def broken(*arguments, **options):
        raise KeyError("planted")
    monkeypatch.setattr(job, "CUT", 100)
    monkeypatch.setattr(job, "train", broken)
    ran(each, grid.place(tmp_path, each))
    assert (end(tmp_path, each)["status"], end(tmp_path, each)["message"]) == (
        "failed", "KeyError: 'planted'")
    assert not grid.done_before(end(tmp_path, each))            # it is tried again
    assert grid._ended(-9, each)[0] == "stopped" and grid._ended(1, each)[0] == "failed"


def test_what_was_run_with_other_limits_or_fields_is_another_run(out, monkeypatch):
    assert end(out, one("sgd")) is not None and end(out, one("sgd", epochs=3)) is None
    monkeypatch.setitem(DEFAULTS, "sgd", Default({"length": 0.5}, "planted"))
    assert end(out, one("sgd")) is None


def test_tasks_without_their_files_are_absent(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert list(grid.absent(["digits", "mnist-classifier"], "small")) == ["mnist-classifier"]
    assert grid.absent(["mnist-classifier"], "tiny") == {}


# ---- processes ----

def test_processes_run_what_is_missing_alone_on_one_thread(tmp_path, monkeypatch):
    jobs = grid.jobs_of(["digits"], ["levenberg-marquardt", "sgd"], 2, **LIMITS)
    for each in (jobs[1], jobs[3]):
        ran(each, grid.place(tmp_path, each))
    before = {each: (grid.place(tmp_path, each) / "outcome.json").stat().st_mtime_ns
              for each in (jobs[1], jobs[3])}
    started, told, context = [], [], grid.get_context("spawn")

    class Spawned:
        @staticmethod
        def Process(**options):
            started.append((options["args"][0], [os.environ[name] for name in grid.POOLS]))
            return context.Process(**options)
    monkeypatch.setattr(grid, "get_context", lambda kind: Spawned)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    grid.run_all(jobs, tmp_path, 2, told.append)
    assert started == [(jobs[0], ["1"] * 3)] and "OPENBLAS_NUM_THREADS" not in os.environ
    assert sorted(told, key=jobs.index) == jobs
    assert end(tmp_path, jobs[0])["status"] == end(tmp_path, jobs[2])["status"] == "refused"
    assert before == {each: (grid.place(tmp_path, each) / "outcome.json").stat().st_mtime_ns
                      for each in before}


# ---- the page ----

def test_the_page_is_made_of_the_records_alone_and_the_same_each_time(out, tmp_path, capsys):
    page, texts = tmp_path / "page.md", []
    page.write_text(f"# Before\n\n{BEGIN}\n{END}\n\nafter\n", "utf-8")
    for _ in range(2):
        assert main([*COMMAND, "--out", str(out), "--into", str(page), "--pictures",
                     str(tmp_path / "pictures")]) == 0
        texts.append(page.read_text("utf-8"))
    assert texts[0] == texts[1] and str(out) not in texts[0] and str(tmp_path) not in texts[0]
    assert texts[0].startswith("# Before\n") and texts[0].endswith("\nafter\n")
    assert "10 finished, 2 refused" in capsys.readouterr().out
    for task in TASKS:
        assert f"](pictures/{task}.png)" in texts[0]
        assert 0 < (tmp_path / "pictures" / f"{task}.png").stat().st_size < 150_000
    runs = gathered(JOBS, out)["digits"]["sgd"]
    losses = sorted(run.columns["train_loss"][2] for run in runs)
    row = next(line for line in texts[0].splitlines() if line.startswith("| `sgd`"))
    assert f"{np.mean(losses):.4g} ({losses[0]:.4g} to {losses[1]:.4g})" in row
    assert "- `levenberg-marquardt` refused: ValueError: the loss is" in texts[0]


def test_a_number_that_is_altered_in_a_record_is_altered_on_the_page(out):
    found = gathered(JOBS, out)
    before = list(results_page.lines(JOBS, found, {}))
    found["digits"]["sgd"][0].columns["test_loss"][2] += 1
    assert list(results_page.lines(JOBS, found, {})) != before


def test_unknown_names_and_pages_without_markers_are_refused_before_any_run(tmp_path, capsys):
    (tmp_path / "page.md").write_text("no markers", "utf-8")
    assert main(["results", "--tasks", "digit", "--out", str(tmp_path)]) == 2
    assert main([*COMMAND, "--out", str(tmp_path / "o"), "--into", str(tmp_path / "page.md")]) == 2
    assert not (tmp_path / "o").exists()
    assert "no task 'digit'" in capsys.readouterr().err


def test_outcomes_hold_no_paths(out):
    told = json.loads((grid.place(out, JOBS[0]) / "outcome.json").read_text("utf-8"))
    assert str(out) not in json.dumps(told) and told["parameters"] == 1210
