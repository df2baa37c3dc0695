"""Checkpoints: the last two are kept, damage is told, and the one before is taken."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from reference.problems.files import save_npz
from reference.training import checkpoint
from reference.training.checkpoint import Progress, latest, listed, load, save
from tests.training.runs import run, same

ROWS = np.zeros((3, 6)), np.zeros((2, 10))


def at(steps, theta=np.arange(3.0)):
    return Progress(theta, {"adam": None}["adam"], 1, 0, steps, 0.5)


def saved(folder, *counts):
    return [save(folder, at(steps), ROWS, {"seed": 1}) for steps in counts]


def test_what_was_saved_is_loaded(tmp_path):
    path, = saved(tmp_path, 12)
    found, rows, config = load(path)
    assert path.name == "checkpoint-00000012.npz" and config == {"seed": 1}
    assert (found.steps, found.epoch, found.step, found.seconds) == (12, 1, 0, 0.5)
    assert np.array_equal(found.theta, np.arange(3.0)) and np.array_equal(rows[0], ROWS[0])


def test_the_last_two_are_kept_and_the_latest_comes_first(tmp_path):
    saved(tmp_path, 5, 99999999, 100000000)
    assert [path.name[11:-4] for path in listed(tmp_path)] == ["100000000", "99999999"]


def damaged(path, how):
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[len(data) // 2:]
    elif how == "flipped":
        data[len(data) // 3] ^= 255
    else:
        data = b""
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "flipped", "emptied"])
def test_a_damaged_one_is_told_and_the_one_before_taken(tmp_path, how):
    said, paths = [], saved(tmp_path, 4, 8)
    damaged(paths[1], how)
    assert latest(tmp_path, said.append)[0].steps == 4
    assert len(said) == 1 and paths[1].name in said[0] and "one before" in said[0]


def test_if_all_are_damaged_that_is_an_error_and_if_none_is_there_none_is_given(tmp_path):
    assert latest(tmp_path, print) is None
    for path in saved(tmp_path, 4, 8):
        damaged(path, "cut")
    with pytest.raises(ValueError, match="No other is left"):
        latest(tmp_path, lambda text: None)


@pytest.mark.parametrize("change, words", [
    (lambda head: head.update(format=2), "format"),
    (lambda head: head.update(arrays=10**6), "cannot be read"),
    (lambda head: head.pop("config"), "config"),
    (lambda head: head.update(value={"class": "os.system", "fields": {}}), "os.system"),
    (lambda head: head["value"]["tuple"][0]["tuple"].__setitem__(4, -1), "counts"),
], ids=["format", "arrays", "config", "class", "counts"])
def test_a_head_that_claims_something_else_is_refused_by_name(tmp_path, change, words):
    path, = saved(tmp_path, 4)
    from reference.problems.files import load_npz
    head = json.loads(load_npz(path, ["code"])["code"].tobytes())
    arrays = load_npz(path, [f"a{k}" for k in range(head["arrays"])])
    change(head)
    save_npz(path, code=np.frombuffer(json.dumps(head).encode(), "uint8"), **arrays)
    with pytest.raises(ValueError, match=f"{path.name} cannot be read.*{words}"):
        load(path)


def test_theta_that_is_not_finite_is_refused(tmp_path):
    path = save(tmp_path, at(4, np.array([1.0, np.nan])), ROWS, {})
    with pytest.raises(ValueError, match="finite"):
        load(path)


def test_nothing_else_in_a_folder_is_taken_for_a_checkpoint(tmp_path):
    for name in ("checkpoint-1.npz", "checkpoint-00000001.npz.tmp", ".checkpoint-00000001.npz.tmp"):
        (tmp_path / name).write_bytes(b"")
    assert listed(tmp_path) == [] and checkpoint.KEPT == 2


# ---- what is whole, and yet no run left it ----

def tampered(path, change):
    """The checkpoint written anew with change(values, rows, config) of its parts."""
    at, rows, config = load(path)
    values, rows = {name: getattr(at, name) for name in checkpoint._FIELDS}, list(rows)
    change(values, rows, config)
    path.unlink()
    save(path.parent, Progress(**values), tuple(rows), config)


def moments(values, **changes):
    values["state"] = replace(values["state"], **changes)


@pytest.mark.parametrize("change, words", [
    (lambda v, r, c: v.update(theta=v["theta"][:-1]), "theta has shape"),
    (lambda v, r, c: v.update(theta=v["theta"].astype("float32")), "theta holds float32"),
    (lambda v, r, c: v.update(theta=np.full_like(v["theta"], np.nan)), "no vector of finite"),
    (lambda v, r, c: v.update(state=None), "state is a NoneType"),
    (lambda v, r, c: moments(v, m=v["state"].m + np.inf), "state.m has entries"),
    (lambda v, r, c: moments(v, v=v["state"].v[1:]), "state.v is a <float64 array"),
    (lambda v, r, c: moments(v, k=-3), "state.k is -3"),
    (lambda v, r, c: v.update(epoch=3), "do not add up"),
    (lambda v, r, c: v.update(epoch=1, step=5, steps=9), "do not add up"),
    (lambda v, r, c: v.update(seconds=np.nan), "seconds, nan"),
    (lambda v, r, c: r.__setitem__(0, r[0][:-1]), "record has 7 steps"),
    (lambda v, r, c: r.__setitem__(1, r[1][:, :3]), "the record's arrays have shapes"),
], ids=range(12))
def test_what_no_run_left_is_damage_and_the_one_before_is_taken(tmp_path, change, words):
    whole = run("adam", tmp_path)
    tampered(listed(tmp_path)[0], change)
    said = []
    assert same(run("adam", tmp_path, resume=True, say=said.append), whole)
    assert len(said) == 1 and re.search(words, said[0]) and "one before" in said[0]


def test_a_checkpoint_under_another_name_is_damage(tmp_path):
    path, = saved(tmp_path, 4)
    with pytest.raises(ValueError, match="of step 4, as its name does not say"):
        load(path.rename(tmp_path / "checkpoint-00000009.npz"))


def test_values_that_are_missing_are_damage(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_FIELDS", ("theta", "state"))
    path = save(tmp_path, at(0), ROWS, {})
    monkeypatch.undo()
    with pytest.raises(ValueError, match="cannot be read"):
        load(path)
