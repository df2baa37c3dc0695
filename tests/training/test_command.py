"""`train` and `plot` on the command line: runs, table, JSON, picture, refusals."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from reference.__main__ import main
from reference.problems.sources import VARIABLE
from reference.training import command
from reference.training.defaults import DEFAULTS, OPTIMIZERS, default, make
from reference.training.record import EPOCH
from tests.training.runs import digits, run
from tests.training.test_killed import ROOT

TINY = ["train", "digits", "--size", "tiny"]


def trained(folder, *more):
    return main([*TINY, "--optimizer", "kbfgs,sgd", "--epochs", "2", "--out", str(folder), *more])


def test_each_optimiser_has_a_folder_and_a_line_from_the_same_start(tmp_path, capsys):
    assert trained(tmp_path) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert captured.err == ""                                   # no progress where none can see
    assert [line.split()[0] for line in lines[1:]] == ["optimizer", "kbfgs", "sgd"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kbfgs", "sgd"]
    _, runs = command.runs_in(tmp_path)
    assert runs["kbfgs"]["train_loss"][0] == runs["sgd"]["train_loss"][0]
    assert f"{runs['sgd']['test_loss'][-1]:.6g}" in lines[3]


def test_json_holds_every_epoch_and_what_was_chosen(tmp_path, capsys):
    assert trained(tmp_path, "--json", "--set", "kbfgs.length=0.1", "--set", "momentum=0.5") == 0
    kbfgs, sgd = json.loads(capsys.readouterr().out)["runs"]
    assert kbfgs["settings"]["length"] == 0.1 and sgd["settings"]["length"] == 0.01
    assert kbfgs["settings"]["momentum"] == sgd["settings"]["momentum"] == 0.5
    assert kbfgs["epochs"]["epoch"] == [0, 1, 2] and list(kbfgs["epochs"]) == list(EPOCH)
    assert sgd["epochs"]["rho"] == [None] * 3 and "[GRB20]" in kbfgs["source"]


def test_resumed_by_the_command_line_is_the_longer_run(tmp_path, capsys):
    assert trained(tmp_path) == trained(tmp_path, "--resume", "--epochs", "3") == 0
    assert trained(tmp_path / "whole", "--epochs", "3") == 0
    (_, one), (_, other) = command.runs_in(tmp_path), command.runs_in(tmp_path / "whole")
    assert all(np.array_equal(one["kbfgs"][name], other["kbfgs"][name], equal_nan=True)
               for name in EPOCH if name != "seconds")


def test_pictures_are_drawn_at_once_or_later(tmp_path, capsys):
    assert trained(tmp_path, "--plot") == 0
    assert main(["plot", str(tmp_path), "--out", str(tmp_path / "other.svg")]) == 0
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "other.svg").read_bytes()


def test_blocks_are_solved_by_processes_with_the_same_numbers(tmp_path, capsys):
    chosen = ["--optimizer", "block-hessian-free", "--epochs", "1", "--set", "maxiter=3"]
    assert main([*TINY, *chosen, "--out", str(tmp_path / "one")]) == 0
    assert main([*TINY, *chosen, "--out", str(tmp_path / "two"), "--workers", "2"]) == 0
    (_, one), (_, two) = command.runs_in(tmp_path / "one"), command.runs_in(tmp_path / "two")
    names = [name for name in EPOCH if name != "seconds"]
    assert all(np.array_equal(one["block-hessian-free"][name], two["block-hessian-free"][name],
                              equal_nan=True) for name in names)


def test_divergence_exits_with_1_and_the_others_are_trained(tmp_path, capsys):
    assert main(["train", "chaotic-series", "--size", "tiny", "--optimizer", "sgd,adam",
                 "--epochs", "2", "--set", "sgd.length=1e200", "--out", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "sgd: " in captured.err and "step" in captured.err and "checkpoint" in captured.err
    assert "diverged" in captured.out.splitlines()[2] and "adam" in captured.out.splitlines()[3]


@pytest.mark.parametrize("arguments, words", [
    (["train", "digit"], "choose one of mnist-autoencoder"),
    ([*TINY, "--optimizer", "kbfgs,sdg"], "no optimizer 'sdg'; choose one of kbfgs"),
    ([*TINY, "--optimizer", ""], "no optimizer ''"),
    (["train", "digits", "--size", "huge"], "tiny, small, paper"),
    ([*TINY, "--dtype", "float16"], "float32, float64"),
    ([*TINY, "--data", "x"], "reads no files"),
    (["train", "mnist-autoencoder"], VARIABLE),
    ([*TINY, "--set", "damping"], "FIELD=VALUE"),
    ([*TINY, "--set", "sgd.damping=1"], "one of kbfgs"),
    ([*TINY, "--set", "dumping=1"], "no field 'dumping'; kbfgs has length, damping"),
    ([*TINY, "--set", "damping=-1"], "damping of KBFGS is -1"),
    ([*TINY, "--set", "damping=much"], "damping of KBFGS is 'much'"),
    ([*TINY, "--set", "full_batch=maybe"], "full_batch of KBFGS is 'maybe'; pass True or False"),
    ([*TINY, "--set", "length=1", "--set", "length=2"], "length of kbfgs is set already, to 1"),
    ([*TINY, "--set", "length=1", "--set", "kbfgs.length=2"], "length of kbfgs is set already"),
    ([*TINY, "--optimizer", "sgd,adam,sgd"], "names 'sgd' 2 times"),
    ([*TINY, "--out", "file"], "file/kbfgs: Not a directory."),
    ([*TINY, "--batch", "1000"], "batch is 1000 of 200"),
    ([*TINY, "--optimizer", "levenberg-marquardt"], "no sum of squares"),
    (["plot", "/no/such/folder"], "no record.npz"),
    (["plot", ".", "--out", "x.exe"], ".png, .pdf or .svg"),
], ids=lambda a: " ".join(a[1:]) if isinstance(a, list) else "")
def test_what_cannot_be_done_is_refused_in_one_line_with_status_2(
        arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err and not captured.out and captured.err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("option", ["--out", "--data"])
def test_a_place_without_a_name_is_refused(option, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*TINY, option, ""])
    assert "a place without a name" in capsys.readouterr().err


def test_a_run_is_not_overwritten_nor_resumed_as_another(tmp_path, capsys):
    assert trained(tmp_path) == 0
    assert trained(tmp_path) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert trained(tmp_path, "--resume", "--seed", "4", "--set", "damping=0.2") == 2
    told = capsys.readouterr().err
    assert main([*TINY, "--optimizer", "adam,sgd", "--out", str(tmp_path)]) == 2
    assert not (tmp_path / "adam").exists()                     # refused before the first one
    assert "seed was 0, is 4" in told and "settings.damping was 0.3, is 0.2" in told


def test_a_damaged_checkpoint_is_told_and_the_one_before_taken(tmp_path, capsys):
    assert trained(tmp_path) == 0
    last = tmp_path / "sgd" / "checkpoint-00000008.npz"
    last.write_bytes(last.read_bytes()[:200])
    assert trained(tmp_path, "--resume") == 0
    assert "Falling back" in capsys.readouterr().err
    _, runs = command.runs_in(tmp_path)
    assert np.array_equal(runs["sgd"]["train_loss"], [row[3] for row in run("sgd")[1].epochs])


def test_ctrl_c_saves_says_so_and_exits_with_130(tmp_path):
    out = tmp_path / "runs"
    process = subprocess.Popen([sys.executable, "-m", "reference", *TINY, "--epochs", "1000000",
                                "--out", str(out)], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        while not list(out.glob("kbfgs/checkpoint-*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()                                  # or it trains for ever
    assert process.returncode == 130
    assert b"interrupted after step" in told and b"saved in" in told and b"Traceback" not in told


def test_progress_is_shown_on_a_terminal_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert trained(tmp_path) == 0
    told = capsys.readouterr().err
    assert "kbfgs: 100%" in told and "loss" in told and "damping 0.3" in told


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_has_defaults_with_a_source_and_is_made_of_them(name):
    assert default(name, "digits").source and make(name, digits())[1] in (50, 200)
    assert all(key in OPTIMIZERS or key[0] in OPTIMIZERS for key in DEFAULTS)


def test_false_and_none_may_be_written_in_small_letters(tmp_path, capsys):
    chosen = ("--set", "full_batch=false", "--set", "safeguard=none")
    assert main([*TINY, "--epochs", "1", "--json", *chosen, "--out", str(tmp_path)]) == 0
    settings = json.loads(capsys.readouterr().out)["runs"][0]["settings"]
    assert settings["full_batch"] is False and settings["safeguard"] is None


def test_a_record_without_checkpoints_is_not_begun_anew(tmp_path, capsys):
    run = [*TINY, "--epochs", "1", "--out", str(tmp_path)]
    assert main(run) == 0
    for left in tmp_path.glob("*/checkpoint*"):
        left.unlink()
    before = (tmp_path / "kbfgs" / "record.csv").read_text()
    assert main([*run, "--resume"]) == 2 and "no checkpoint" in capsys.readouterr().err
    assert (tmp_path / "kbfgs" / "record.csv").read_text() == before
