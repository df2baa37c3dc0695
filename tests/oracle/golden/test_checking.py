"""Answers of another program: what agrees, what differs and why, and what is not there."""

import json
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest

import reference as ref
from reference.__main__ import main
from reference.oracle.golden.asked import ASKED


@pytest.fixture
def answers(pack):
    """The pack's own arrays of the dense case."""
    return dict(ref.golden.load(pack).case("dense").arrays)


@pytest.fixture
def checked(pack, tmp_path):
    """What check says of a dict of arrays, as npz or as nested lists in JSON."""
    def run(answers, form="json", **options):
        shutil.rmtree(tmp_path / "answers", ignore_errors=True)
        tmp_path.joinpath("answers").mkdir()
        path = tmp_path / "answers" / f"dense.{form}"
        if form == "npz":
            np.savez(path, **answers)
        else:
            path.write_text(json.dumps({k: _lists(a) for k, a in answers.items()}), "utf-8")
        return ref.golden.check(pack, path.parent, **options)
    return run


def _lists(a):
    return {k: _lists(b) for k, b in a.items()} if isinstance(a, dict) else np.asarray(a).tolist()


def only(checked):
    """The one row with an answer."""
    row, = checked.offered
    return row


def test_a_pack_agrees_with_itself_and_every_quantity_was_asked(pack):
    checked = ref.golden.check(pack, pack)
    assert checked.passed and {row.quantity for row in checked.offered} == set(ASKED)
    assert len(checked.offered) == len(checked.rows) and not checked.absent


@pytest.mark.parametrize("form", ["npz", "json"])
def test_what_is_missing_is_not_offered_and_no_pass(checked, answers, form):
    result = checked({"gradient": answers["gradient"]}, form)
    assert only(result).report.passed and result.passed and result.absent == ["batchnorm"]
    assert {row.report.verdict for row in result.rows} == {"agrees", "not offered"}
    assert "1 offered of" in result.summary and "no answers for batchnorm" in result.summary


@pytest.mark.parametrize("form", ["npz", "json"])
def test_a_factor_is_diagnosed(checked, answers, form):
    result = checked({"gradient": answers["gradient"] / 11, "value": answers["value"]}, form)
    found = {row.quantity: row.report for row in result.offered}
    assert not result.passed and found["value"].passed
    assert found["gradient"].explanation.text == "ours x 1/N"
    assert "ours x 1/N" in str(result) and "ours x 1/N" in result.markdown()
    assert checked({"gradient": answers["gradient"] / 11}, form, allow=("1/N",)).passed


def test_one_array_of_several_is_in_part_and_wrong_arrays_are_named(checked, answers):
    kfac = {key: a for key, a in answers.items() if key.startswith("kfac.")}
    assert only(checked(kfac)).report.passed
    one = {"kfac.0.G": kfac["kfac.0.G"]}
    assert "kfac.0.A" in only(checked(one)).report.faults[0]
    assert only(checked(one)).report.verdict == "unusable"
    swapped = only(checked(kfac | {"kfac.1.A": kfac["kfac.0.A"]})).report
    assert swapped.verdict == "differs"


def test_arrays_by_parameter_stand_for_theta(pack, checked, answers):
    net = ref.golden.load_case(pack, "dense")[0].net
    named = {name: np.array(a) for name, a in net.named(answers["gradient"]).items()}
    assert only(checked({"gradient": named})).report.passed
    flat = {f"gradient.{name}": a for name, a in named.items()}
    assert only(checked(flat, "npz")).report.passed
    assert not only(checked({"gradient": named | {"0.bias": 2 * named["0.bias"]}})).report.passed


def test_single_precision_is_told_by_npz_and_said_for_json(checked, answers):
    single = answers["gradient"].astype("float32")
    assert checked({"gradient": single}, "npz").passed
    assert not checked({"gradient": single.astype(float)}).passed
    assert checked({"gradient": single.astype(float)}, dtype="float32").passed


@pytest.mark.parametrize("spoil, words", [
    (lambda g: g[:-1], "shapes"), (lambda g: np.nan * g, "not finite"),
    (lambda g: ["text"] * 31, "holds a str"), (lambda g: [None], "holds a NoneType"),
    (lambda g: [[1.0], [1.0, 2.0]], "make no array"), (lambda g: [True] * 31, "bool"),
    (lambda g: [10**300] + [0] * 30, "ratio"), (lambda g: {"shape": [2], "data": [1.0]}, "fit"),
    (lambda g: {"shape": "x", "data": [1.0]}, "whole numbers"), (lambda g: {}, "without numbers"),
    (lambda g: {"a": {"b": {"c": 1}}}, "without numbers"), (lambda g: [], "empty")])
def test_an_answer_that_is_none_is_told_so_and_the_others_are_judged(
        pack, tmp_path, answers, spoil, words):
    wrong = spoil(answers["gradient"])
    text = json.dumps({"value": answers["value"].item(), "gradient": (
        wrong.tolist() if isinstance(wrong, np.ndarray) else wrong)})
    (tmp_path / "dense.json").write_text(text, "utf-8")
    found = {row.quantity: row.report for row in ref.golden.check(pack, tmp_path).offered}
    assert found["value"].passed and not found["gradient"].passed
    assert words in str(found["gradient"])


def test_a_name_that_nobody_asks_for_is_no_silent_pass(checked, answers):
    result = checked({"value": answers["value"], "hpv": answers["hvp"]})
    assert not result.passed and "did you mean 'hvp'?" in str(result)
    assert checked({"value": answers["value"], "theta": answers["theta"]}).passed
    strange = checked({"a'\"\x1b[2J\n\x00": answers["value"]})
    assert all(line.isprintable() for line in strange.lines())
    assert len(ElementTree.fromstring(strange.junit())) == len(strange.rows)


def test_what_answers_nothing_is_refused(pack, checked, tmp_path, answers):
    with pytest.raises(ValueError, match="answers nothing"):
        checked({"theta": answers["theta"]})
    (tmp_path / "answers" / "dens.json").write_text("{}")
    with pytest.raises(ValueError, match="did you mean 'dense'"):
        ref.golden.check(pack, tmp_path / "answers")
    (tmp_path / "answers" / "dens.json").rename(tmp_path / "answers" / "dense.npz")
    with pytest.raises(ValueError, match="dense.npz and dense.json; leave one"):
        ref.golden.check(pack, tmp_path / "answers")
    with pytest.raises(ValueError, match="no folder"):
        ref.golden.check(pack, tmp_path / "none")


def test_a_pack_of_other_numbers_than_ours_is_refused(checked, answers, monkeypatch):
    asked = ASKED["gradient"]
    monkeypatch.setitem(ASKED, "gradient", type(asked)(ASKED["hessian_diagonal"].subject))
    with pytest.raises(ValueError, match="are not those of this version"):
        checked({"gradient": answers["gradient"]})


# ---- the command ----

def test_the_command_writes_checks_compares_and_verifies(tmp_path, capsys):
    pack = str(tmp_path / "pack")
    assert main(["golden", "write", pack, "--cases", "binary", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 1
    assert main(["golden", "verify", pack]) == 0 == main(["golden", "diff", pack, pack])
    report = tmp_path / "report.xml"
    assert main(["golden", "check", pack, pack, "--junit", str(report)]) == 0
    suite = ElementTree.parse(report).getroot()
    assert suite.get("failures") == "0" and len(suite) == int(suite.get("tests")) > 20
    capsys.readouterr()
    spoiled = tmp_path / "spoiled"
    spoiled.mkdir()
    np.savez(spoiled / "binary.npz", gradient=-np.load(tmp_path / "pack/binary.npz")["gradient"])
    assert main(["golden", "check", pack, str(spoiled), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    row = next(row for row in record["rows"] if row["quantity"] == "gradient")
    assert not record["passed"] and row["kind"] == "error" and "x -1" in row["diagnosis"]
    assert main(["golden", "check", pack, str(spoiled), "--markdown", "--junit", str(report)]) == 1
    assert "| binary | gradient | differs |" in capsys.readouterr().out
    assert ElementTree.parse(report).getroot().get("failures") == "1"


@pytest.mark.parametrize("arguments, words", [
    (["write", "{}/pack", "--cases", "cat"], "no case 'cat'"), (["write", "{}"], "not empty"),
    (["check", "{}", "{}"], "is no pack"), (["diff", "{}/a", "{}/b"], "is no pack"),
    (["verify", "{}"], "is no pack")])
def test_what_cannot_be_done_is_one_sentence_and_status_2(tmp_path, capsys, arguments, words):
    (tmp_path / "something").write_text("")
    assert main(["golden", *(word.format(tmp_path) for word in arguments)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_check_of_a_folder_is_golden_check(pack, checked, answers, tmp_path, capsys):
    folder = tmp_path / "answers"
    for factor, status in ((1, 0), (2, 1)):
        checked({"gradient": factor * answers["gradient"]}, "npz")
        asked = [["check", str(folder), "--pack", str(pack), "--json"],
                 ["golden", "check", str(pack), str(folder), "--json"]]
        assert [main(arguments) for arguments in asked] == [status, status]
        told = capsys.readouterr().out
        assert told[:len(told) // 2] == told[len(told) // 2:]
