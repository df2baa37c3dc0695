"""Packs are the same when written twice, whole when read, and told apart when they differ."""

import json
from math import gcd

import numpy as np
import pytest

import reference as ref
from reference.oracle.golden import writing
from reference.oracle.golden.asked import ASKED
from reference.oracle.golden.cases import CASES, case


# ---- what is written ----

def test_written_twice_a_pack_is_the_same_to_the_last_byte(pack, tmp_path):
    ref.golden.write(tmp_path / "again", ["dense", "batchnorm"])
    names = sorted(p.name for p in pack.iterdir())
    assert names == sorted(p.name for p in (tmp_path / "again").iterdir())
    for name in names:
        assert (pack / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_twins_hold_the_same_numbers_as_plain_row_major_arrays(pack):
    twin = json.loads((pack / "dense.json").read_text("utf-8"))["arrays"]
    with np.load(pack / "dense.npz", allow_pickle=False) as arrays:
        assert list(twin) == list(arrays)
        for name, a in arrays.items():
            assert str(a.dtype) == twin[name]["dtype"] in ("float64", "int64")
            assert a.flags.c_contiguous and list(a.shape) == twin[name]["shape"]
            assert a.reshape(-1).tolist() == twin[name]["data"]


@pytest.mark.parametrize("name", CASES)
def test_the_sizes_of_a_case_hide_no_transposition(name):
    """N, T and C share no factor with the others; O and I of a matrix none with each other."""
    objective, theta, _ = case(name)
    N, *places, C = objective.output_shape
    own = {N, *places, C}
    assert all(gcd(a, b) == 1 for a in own for b in own if a != b) and len(own) == 2 + len(places)
    assert theta.size < 100
    if name not in ("batchnorm", "gru", "attention", "gaussian"):      # 3 gates, 2 heads, 2 halves
        assert all(gcd(O, I) == 1 for O, I in objective.net.layout.shapes)


def test_the_manifest_says_what_was_asked_and_how_sure_it_is(pack):
    manifest = ref.golden.load(pack).manifest
    assert manifest["version"] == ref.__version__ and manifest["format"] == 1
    asked = manifest["cases"]["dense"]["quantities"]
    assert set(asked) == set(ASKED)                      # dense is what every quantity applies to
    assert all(13 <= (entry["agreed"] or 16) for entry in asked.values())
    assert asked["hvp"]["arguments"] == ["v"]
    assert asked["kfac_reduce"]["options"] == {"setting": "reduce"}
    assert asked["kbfgs_trajectory"]["options"]["optimizer"]["length"] == 0.3
    assert asked["kfac"]["keys"]["kfac.1.A"]["axes"] == ["column", "column"]
    assert "kfac" not in manifest["cases"]["batchnorm"]["quantities"]


def test_certified_radii_are_true_and_not_idle(tmp_path):
    """The radius of g from the value in longdouble, whose own error is thousands of times less."""
    objective, theta, _ = case("binary")
    manifest = ref.golden.write(tmp_path / "pack", {"mine": (objective, theta)}, certify=True)
    entry = manifest["cases"]["mine"]["quantities"]["gradient"]
    g = objective.to("longdouble").grad(theta.astype(np.longdouble))
    error = np.abs(g - objective.grad(theta)).max()
    assert 0.9 * error <= entry["radius"] < 1e-14 and "balls" in entry["how"]


@pytest.mark.slow
def test_every_case_is_certified_but_for_what_eigenvectors_make(tmp_path):
    manifest = ref.golden.write(tmp_path / "pack", certify=True)
    for entry in manifest["cases"].values():
        unproven = {name for name, each in entry["quantities"].items() if "radius" not in each}
        assert unproven <= {"jacobian", "ekfac", "ekfac_values", "kfac_trajectory"}


def single(objective, theta):
    return {"mine": (objective.to("float32"), theta.astype("float32"))}


@pytest.mark.parametrize("cases, message", [
    (["dense", "cat"], "no case 'cat'"), (single(*case("dense")[:2]), "is in float32"),
    ({"../x": case("dense")[:2]}, "no name of a case"),
    ({"manifest": case("dense")[:2]}, "no name of a case")])
def test_what_cannot_be_a_case_is_refused_and_nothing_is_left(tmp_path, cases, message):
    with pytest.raises(ValueError, match=message):
        ref.golden.write(tmp_path / "pack", cases)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_or_not_defined_is_left_out(tmp_path):
    objective, theta, _ = case("regression")
    manifest = ref.golden.write(tmp_path / "pack", {"far": (objective, 1e60 * theta)})
    asked = manifest["cases"]["far"]["quantities"]
    assert "gradient" in asked and "kbfgs_trajectory" not in asked
    assert ref.golden.verify(tmp_path / "pack") == []


def test_a_case_that_no_reader_would_take_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "JSON_BYTES", 10**4)
    with pytest.raises(ValueError, match="more than a reader takes"):
        ref.golden.write(tmp_path / "pack", ["dense"])


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty"):
        ref.golden.write(tmp_path, ["dense"])
    with pytest.raises(ValueError, match="is a file"):
        ref.golden.write(tmp_path / "mine.txt", ["dense"])
    with pytest.raises(ValueError, match="there is no folder"):
        ref.golden.write(tmp_path / "no" / "pack", ["dense"])
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("cases, words", [
    ("dense", "is the string 'dense'; pass a list"), ({"a": 3}, "case 'a' is a int; pass a pair"),
    ({"a": (3, 4)}, "with a ref.Objective")])
def test_what_are_no_cases_is_refused(tmp_path, cases, words):
    with pytest.raises(TypeError, match=words):
        ref.golden.write(tmp_path / "pack", cases)


def test_what_stops_a_writer_leaves_nothing(tmp_path):
    def stop(*_):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        ref.golden.write(tmp_path / "pack", ["dense"], progress=stop)
    assert list(tmp_path.iterdir()) == []


# ---- what is read ----

@pytest.mark.parametrize("name", ["dense", "batchnorm"])
def test_a_case_comes_back_as_the_objective_that_it_was(pack, name):
    objective, theta, arguments = ref.golden.load_case(pack, name)
    was, where, given = case(name)
    assert objective.net == was.net and np.array_equal(theta, where)
    assert arguments.keys() == given.keys() and np.array_equal(arguments["v"], given["v"])
    assert np.array_equal(objective.grad(theta), was.grad(where))


def test_a_whole_pack_is_whole(pack):
    assert ref.golden.verify(pack) == [] == ref.golden.diff(pack, pack)


def test_an_array_that_was_changed_is_found(copy):
    arrays = dict(np.load(copy / "dense.npz"))
    arrays["hvp"][0] += 1e-15
    np.savez(copy / "dense.npz", **arrays)
    wrong = "\n".join(ref.golden.verify(copy))
    assert "dense.npz: its sha256" in wrong and "hvp is not what the manifest says" in wrong
    with pytest.raises(ValueError, match="hvp is not what the manifest says"):
        ref.golden.load(copy).case("dense")


def test_a_twin_that_was_changed_is_found(copy):
    path = copy / "dense.json"
    path.write_text(path.read_text("utf-8").replace('"data": [0', '"data": [1', 1), "utf-8")
    assert any(line.startswith("dense.json: ") for line in ref.golden.verify(copy))


def gone(manifest):
    del manifest["cases"]["dense"]["model"]


@pytest.mark.parametrize("change, message", [
    (lambda m: m.update(format=2), "format 2"), (lambda m: m.update(cases=[]), "damaged"),
    (lambda m: m["cases"].update({"../../etc": m["cases"]["dense"]}), "damaged"),
    (lambda m: m["cases"]["dense"].update(quantities={"hvp": 3}), "damaged"),
    (gone, "damaged: KeyError: 'model'"),
    (lambda m: m["cases"]["dense"].update(model={"type": "os"}), "no layer 'os'"),
    (lambda m: m["cases"]["dense"]["inputs"].update(theta=0), "theta is not what")])
def test_a_manifest_that_was_changed_is_refused(copy, changed, change, message):
    changed(change)
    with pytest.raises(ValueError, match=message):
        ref.golden.load_case(copy, "dense")


def test_a_folder_that_is_no_pack_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no pack"):
        ref.golden.load(tmp_path)
